/* Runs an .anec on the engine: a small client of the driver, written against its published interface.
 *
 * client MODEL.anec OFFSET VALUE..   fills the inputs with the values, and prints the first element of each output
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE "/dev/accel/accel0"
#define TILE 0x4000
#define BUFFERS 32
#define FIRST_TENSOR 4

struct bo_init { uint32_t handle, pad; uint64_t size, offset; };
struct submit { uint64_t tsk_size; uint32_t td_count, td_size, handles[BUFFERS], btsp_handle, pad; };
struct version { int numbers[3]; size_t name_len; char *name; size_t date_len; char *date; size_t desc_len; char *desc; };
struct anec {
    uint64_t size; uint32_t td_size, td_count; uint64_t tsk_size, krn_size; uint32_t src_count, dst_count;
    uint32_t tiles[BUFFERS]; uint64_t nchw[BUFFERS][6];
};

static int node;

static void fail(const char *what) { perror(what); exit(1); }

static uint16_t *buffer(uint64_t size, uint32_t *handle) {
    struct bo_init bo = {.size = size};
    if (ioctl(node, _IOWR('d', 0x41, struct bo_init), &bo)) fail("BO_INIT");
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, node, bo.offset);
    if (data == MAP_FAILED) fail("mmap");
    *handle = bo.handle;
    return data;
}

int main(int argc, char **argv) {
    struct anec anec;
    struct stat seen;
    char name[8] = {0};
    struct version version = {.name_len = sizeof(name) - 1, .name = name};
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL.anec OFFSET VALUE..\n", argv[0]);
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (!file || fread(&anec, sizeof(anec), 1, file) != 1) fail(argv[1]);
    if (stat(NODE, &seen) || !S_ISCHR(seen.st_mode)) fail("stat");
    if ((node = open(NODE, O_RDWR | O_CLOEXEC)) < 0) fail(NODE);
    if (fstat(node, &seen) || !S_ISCHR(seen.st_mode)) fail("fstat");
    if (ioctl(node, _IOWR('d', 0, struct version), &version) || strcmp(name, "ane")) fail("VERSION");

    if (argc < 3 + (int)anec.src_count) {
        fprintf(stderr, "%s has %u inputs: give a value for each\n", argv[1], anec.src_count);
        return 2;
    }
    struct submit job = {.tsk_size = anec.tsk_size, .td_count = anec.td_count, .td_size = anec.td_size};
    uint16_t *data[BUFFERS] = {0};
    for (int i = 0; i < BUFFERS; i++)
        if (anec.tiles[i]) data[i] = buffer((uint64_t)anec.tiles[i] * TILE, &job.handles[i]);
    fseek(file, strtol(argv[2], NULL, 0), SEEK_SET);
    if (fread(data[0], anec.size, 1, file) != 1) fail("content");
    uint8_t *first = (uint8_t *)buffer(TILE, &job.btsp_handle);
    memcpy(first, data[0], anec.td_size);
    first[2] = 0x40; /* the network id that the queue waits for */

    for (uint32_t i = 0; i < anec.src_count; i++) {
        uint32_t bar = FIRST_TENSOR + anec.dst_count + i;
        _Float16 value = strtof(argv[3 + i], NULL);
        for (size_t at = 0; at < (size_t)anec.tiles[bar] * TILE / 2; at++) memcpy(&data[bar][at], &value, 2);
    }
    if (ioctl(node, _IOWR('d', 0x43, struct submit), &job)) fail("SUBMIT");
    for (uint32_t i = 0; i < anec.dst_count; i++) {
        _Float16 value;
        memcpy(&value, data[FIRST_TENSOR + i], 2);
        printf("%g\n", (double)value);
    }
    return argc > 3 + (int)anec.src_count ? atoi(argv[3 + anec.src_count]) : 0;
}
