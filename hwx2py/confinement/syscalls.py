"""System calls of Linux by name: their numbers on the two machines that are supported, and making one.

Source: the kernel's own headers, `asm/unistd_64.h` for x86-64 and `asm-generic/unistd.h` for aarch64. The generic table
leaves out old calls that newer ones replace; they have no number there.
"""

import ctypes
import functools
import os
import platform
from typing import NamedTuple


class Machine(NamedTuple):
    """A processor, as the kernel sees it.

    Attributes:
        name: as `uname -m` gives it.
        audit: what `struct seccomp_data` calls it: AUDIT_ARCH_* of `linux/audit.h`.
    """

    name: str
    audit: int


class SystemCall(NamedTuple):
    """A system call.

    Attributes:
        name: its name.
        x86_64: its number on x86-64; None where it does not exist.
        aarch64: its number on aarch64; likewise.
    """

    name: str
    x86_64: int | None
    aarch64: int | None


MACHINES = (Machine("x86_64", 0xC000003E), Machine("aarch64", 0xC00000B7))

# fmt: off
SYSTEM_CALLS = (
    SystemCall("accept", 43, 202),
    SystemCall("accept4", 288, 242),
    SystemCall("access", 21, None),
    SystemCall("alarm", 37, None),
    SystemCall("arch_prctl", 158, None),
    SystemCall("bind", 49, 200),
    SystemCall("brk", 12, 214),
    SystemCall("capget", 125, 90),
    SystemCall("capset", 126, 91),
    SystemCall("chdir", 80, 49),
    SystemCall("chmod", 90, None),
    SystemCall("chown", 92, None),
    SystemCall("clock_getres", 229, 114),
    SystemCall("clock_gettime", 228, 113),
    SystemCall("clock_nanosleep", 230, 115),
    SystemCall("clone", 56, 220),
    SystemCall("clone3", 435, 435),
    SystemCall("close", 3, 57),
    SystemCall("close_range", 436, 436),
    SystemCall("connect", 42, 203),
    SystemCall("copy_file_range", 326, 285),
    SystemCall("creat", 85, None),
    SystemCall("dup", 32, 23),
    SystemCall("dup2", 33, None),
    SystemCall("dup3", 292, 24),
    SystemCall("epoll_create1", 291, 20),
    SystemCall("epoll_ctl", 233, 21),
    SystemCall("epoll_pwait", 281, 22),
    SystemCall("epoll_wait", 232, None),
    SystemCall("eventfd2", 290, 19),
    SystemCall("execve", 59, 221),
    SystemCall("execveat", 322, 281),
    SystemCall("exit", 60, 93),
    SystemCall("exit_group", 231, 94),
    SystemCall("faccessat", 269, 48),
    SystemCall("faccessat2", 439, 439),
    SystemCall("fadvise64", 221, 223),
    SystemCall("fallocate", 285, 47),
    SystemCall("fchdir", 81, 50),
    SystemCall("fchmod", 91, 52),
    SystemCall("fchmodat", 268, 53),
    SystemCall("fchown", 93, 55),
    SystemCall("fchownat", 260, 54),
    SystemCall("fcntl", 72, 25),
    SystemCall("fdatasync", 75, 83),
    SystemCall("fork", 57, None),
    SystemCall("fremovexattr", 199, 16),
    SystemCall("fsetxattr", 190, 7),
    SystemCall("fstat", 5, 80),
    SystemCall("fstatfs", 138, 44),
    SystemCall("fsync", 74, 82),
    SystemCall("ftruncate", 77, 46),
    SystemCall("futex", 202, 98),
    SystemCall("futex_waitv", 449, 449),
    SystemCall("futimesat", 261, None),
    SystemCall("get_mempolicy", 239, 236),
    SystemCall("get_robust_list", 274, 100),
    SystemCall("getcpu", 309, 168),
    SystemCall("getcwd", 79, 17),
    SystemCall("getdents", 78, None),
    SystemCall("getdents64", 217, 61),
    SystemCall("getegid", 108, 177),
    SystemCall("geteuid", 107, 175),
    SystemCall("getgid", 104, 176),
    SystemCall("getgroups", 115, 158),
    SystemCall("getitimer", 36, 102),
    SystemCall("getpeername", 52, 205),
    SystemCall("getpgid", 121, 155),
    SystemCall("getpgrp", 111, None),
    SystemCall("getpid", 39, 172),
    SystemCall("getppid", 110, 173),
    SystemCall("getpriority", 140, 141),
    SystemCall("getrandom", 318, 278),
    SystemCall("getresgid", 120, 150),
    SystemCall("getresuid", 118, 148),
    SystemCall("getrlimit", 97, 163),
    SystemCall("getrusage", 98, 165),
    SystemCall("getsid", 124, 156),
    SystemCall("getsockname", 51, 204),
    SystemCall("getsockopt", 55, 209),
    SystemCall("gettid", 186, 178),
    SystemCall("gettimeofday", 96, 169),
    SystemCall("getuid", 102, 174),
    SystemCall("getxattr", 191, 8),
    SystemCall("ioctl", 16, 29),
    SystemCall("kill", 62, 129),
    SystemCall("landlock_add_rule", 445, 445),
    SystemCall("landlock_create_ruleset", 444, 444),
    SystemCall("landlock_restrict_self", 446, 446),
    SystemCall("lchown", 94, None),
    SystemCall("lgetxattr", 192, 9),
    SystemCall("link", 86, None),
    SystemCall("linkat", 265, 37),
    SystemCall("listen", 50, 201),
    SystemCall("listxattr", 194, 11),
    SystemCall("llistxattr", 195, 12),
    SystemCall("lremovexattr", 198, 15),
    SystemCall("lseek", 8, 62),
    SystemCall("lsetxattr", 189, 6),
    SystemCall("lstat", 6, None),
    SystemCall("madvise", 28, 233),
    SystemCall("membarrier", 324, 283),
    SystemCall("memfd_create", 319, 279),
    SystemCall("mincore", 27, 232),
    SystemCall("mkdir", 83, None),
    SystemCall("mkdirat", 258, 34),
    SystemCall("mknod", 133, None),
    SystemCall("mknodat", 259, 33),
    SystemCall("mmap", 9, 222),
    SystemCall("mprotect", 10, 226),
    SystemCall("mremap", 25, 216),
    SystemCall("msync", 26, 227),
    SystemCall("munmap", 11, 215),
    SystemCall("nanosleep", 35, 101),
    SystemCall("newfstatat", 262, 79),
    SystemCall("open", 2, None),
    SystemCall("openat", 257, 56),
    SystemCall("openat2", 437, 437),
    SystemCall("pidfd_getfd", 438, 438),
    SystemCall("pidfd_open", 434, 434),
    SystemCall("pidfd_send_signal", 424, 424),
    SystemCall("pipe", 22, None),
    SystemCall("pipe2", 293, 59),
    SystemCall("poll", 7, None),
    SystemCall("ppoll", 271, 73),
    SystemCall("prctl", 157, 167),
    SystemCall("pread64", 17, 67),
    SystemCall("preadv", 295, 69),
    SystemCall("preadv2", 327, 286),
    SystemCall("prlimit64", 302, 261),
    SystemCall("process_vm_readv", 310, 270),
    SystemCall("process_vm_writev", 311, 271),
    SystemCall("pselect6", 270, 72),
    SystemCall("ptrace", 101, 117),
    SystemCall("pwrite64", 18, 68),
    SystemCall("pwritev", 296, 70),
    SystemCall("pwritev2", 328, 287),
    SystemCall("read", 0, 63),
    SystemCall("readahead", 187, 213),
    SystemCall("readlink", 89, None),
    SystemCall("readlinkat", 267, 78),
    SystemCall("readv", 19, 65),
    SystemCall("recvfrom", 45, 207),
    SystemCall("recvmmsg", 299, 243),
    SystemCall("recvmsg", 47, 212),
    SystemCall("removexattr", 197, 14),
    SystemCall("rename", 82, None),
    SystemCall("renameat", 264, 38),
    SystemCall("renameat2", 316, 276),
    SystemCall("restart_syscall", 219, 128),
    SystemCall("rmdir", 84, None),
    SystemCall("rseq", 334, 293),
    SystemCall("rt_sigaction", 13, 134),
    SystemCall("rt_sigpending", 127, 136),
    SystemCall("rt_sigprocmask", 14, 135),
    SystemCall("rt_sigqueueinfo", 129, 138),
    SystemCall("rt_sigreturn", 15, 139),
    SystemCall("rt_tgsigqueueinfo", 297, 240),
    SystemCall("sched_get_priority_max", 146, 125),
    SystemCall("sched_get_priority_min", 147, 126),
    SystemCall("sched_getaffinity", 204, 123),
    SystemCall("sched_getparam", 143, 121),
    SystemCall("sched_getscheduler", 145, 120),
    SystemCall("sched_yield", 24, 124),
    SystemCall("seccomp", 317, 277),
    SystemCall("select", 23, None),
    SystemCall("sendmmsg", 307, 269),
    SystemCall("sendmsg", 46, 211),
    SystemCall("sendto", 44, 206),
    SystemCall("set_robust_list", 273, 99),
    SystemCall("set_tid_address", 218, 96),
    SystemCall("setitimer", 38, 103),
    SystemCall("setrlimit", 160, 164),
    SystemCall("setsockopt", 54, 208),
    SystemCall("setxattr", 188, 5),
    SystemCall("shutdown", 48, 210),
    SystemCall("sigaltstack", 131, 132),
    SystemCall("socket", 41, 198),
    SystemCall("socketpair", 53, 199),
    SystemCall("stat", 4, None),
    SystemCall("statfs", 137, 43),
    SystemCall("statx", 332, 291),
    SystemCall("symlink", 88, None),
    SystemCall("symlinkat", 266, 36),
    SystemCall("sysinfo", 99, 179),
    SystemCall("tgkill", 234, 131),
    SystemCall("time", 201, None),
    SystemCall("times", 100, 153),
    SystemCall("tkill", 200, 130),
    SystemCall("truncate", 76, 45),
    SystemCall("umask", 95, 166),
    SystemCall("uname", 63, 160),
    SystemCall("unlink", 87, None),
    SystemCall("unlinkat", 263, 35),
    SystemCall("utime", 132, None),
    SystemCall("utimensat", 280, 88),
    SystemCall("utimes", 235, None),
    SystemCall("vfork", 58, None),
    SystemCall("write", 1, 64),
    SystemCall("writev", 20, 66),
)
# fmt: on

BY_NAME = {row.name: row for row in SYSTEM_CALLS}


def machine() -> Machine | None:
    """The machine that this runs on; None where it is another one, or another system."""
    if platform.system() != "Linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    return next((known for known in MACHINES if known.name == platform.machine()), None)


def number(name: str, on: Machine) -> int | None:
    """The number of a system call, or None where the machine has no such call.

    Args:
        name: the call; it has a row here.
        on: the machine.
    """
    row = BY_NAME[name]
    return row.x86_64 if on.name == "x86_64" else row.aarch64


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> int:
    """Makes a system call that libc may have no function for.

    Args:
        name: the call.
        arguments: integers, bytes, or objects of ctypes.

    Returns:
        What it gives.

    Raises:
        OSError: it fails, or this machine has no such call.
    """
    here = machine()
    place = None if here is None else number(name, here)
    if place is None:
        raise OSError(38, f"{name}: there is no such system call here")
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = _libc().syscall(ctypes.c_long(place), *passed)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return int(result)
