"""What a script must not be able to do while it is confined: a row each, which the tests try and the documents list."""

from typing import NamedTuple


class Probe(NamedTuple):
    """Something that a script tries.

    Attributes:
        what: words for the documents.
        code: Python that does it, or raises an error of the system; it may use the modules of a script.
    """

    what: str
    code: str


PROBES = (
    Probe("read a file outside of its folder", "open('/etc/passwd').read()"),
    Probe("read the environment of another process", "open('/proc/1/environ', 'rb').read()"),
    Probe("list a folder outside", "os.listdir('/')"),
    Probe("write a file in its own folder", "open('written.txt', 'w')"),
    Probe("write a file in the folder for temporary ones", "open('/tmp/hwx2py-probe', 'w')"),
    Probe("change itself", "open(__file__, 'r+')"),
    Probe("write to a device", "open('/dev/null', 'w')"),
    Probe("delete a file", "os.unlink(__file__)"),
    Probe("rename a file", "os.rename(__file__, 'renamed.py')"),
    Probe("make a folder", "os.mkdir('made')"),
    Probe("make a link", "os.symlink(__file__, 'linked.py')"),
    Probe("change the mode of a file", "os.chmod(__file__, 0o777)"),
    Probe("change the time of a file", "os.utime(__file__)"),
    Probe("note an attribute of a file", "os.setxattr(__file__, 'user.x', b'x')"),
    Probe("cut a file", "os.truncate(__file__, 0)"),
    Probe("open a socket", "import_('socket').socket()"),
    Probe("open a socket of this machine", "import_('socket').socket(import_('socket').AF_UNIX)"),
    Probe("start a program", "import_('subprocess').run(['true'])"),
    Probe("become another program", "os.execv('/bin/true', ['true'])"),
    Probe("start a process", "os._exit(0) if os.fork() == 0 else None"),
    Probe("signal its parent", "os.kill(os.getppid(), 0)"),
    Probe("signal its group", "os.kill(0, 0)"),
    Probe("signal everybody", "os.kill(-1, 0)"),
    Probe("read its parent's memory", "open(f'/proc/{os.getppid()}/mem', 'rb')"),
    Probe("outlive its parent", "called('prctl', 1, 0, 0, 0, 0)"),
    Probe("trace another process", "called('ptrace', 16, os.getppid(), 0, 0)"),
    Probe("raise its limits", "import_('resource').setrlimit(3, (1 << 23, 1 << 23))"),
    Probe("read the limits of another process", "import_('resource').prlimit(os.getppid(), 7)"),
    Probe("slow another process down", "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)"),
    Probe("ask where another process runs", "os.sched_getaffinity(os.getppid())"),
    Probe("get hold of another process", "os.pidfd_open(os.getppid())"),
    Probe("lock a file, which others would wait for", "fcntl.lockf(open(__file__), 5)"),
    Probe("leave its session", "os.setsid()"),
    Probe("be root in a namespace of its own", "called('unshare', 0x10000000)"),
    Probe("mount a file system", "called('mount', 0, 0, 0, 0, 0)"),
    Probe("share memory with other processes", "called('shmget', 0, 4096, 0o1600)"),
    Probe("send a message to a queue", "called('msgget', 0, 0o1600)"),
    Probe("call the kernel through a ring", "called('syscall', 425, 8, 0)"),
    Probe("make a file without a place", "os.open('.', os.O_TMPFILE | os.O_RDWR)"),
    Probe("give a descriptor another name", "os.link('/proc/self/fd/1', 'linked', follow_symlinks=True)"),
    Probe("type into the terminal", "fcntl.ioctl(0, 0x5412, b'x')"),
    Probe("have others signalled by the kernel", "fcntl.fcntl(0, 8, os.getppid())"),
    Probe("make a file without a name", "os.memfd_create('x')"),
    Probe("take memory without end", "bytearray(1 << 36)"),
    Probe("make the device's memory smaller", "os.ftruncate(device_memory, 0)"),
)


def script_lines() -> str:
    """Python for the place in front of a script's last lines: tries all, and prints a line for each that worked."""
    lines = [
        "import_ = __import__",
        "def called(name, *values):",
        "    library = ctypes.CDLL(None, use_errno=True)",
        "    if getattr(library, name)(*map(ctypes.c_long, values)) < 0:",
        "        raise OSError(ctypes.get_errno(), 'refused')",
        "device_memory = next(fd for fd in range(3, 64) if 'memfd:ane' in os.path.realpath(f'/proc/self/fd/{fd}'))",
    ]
    for probe in PROBES:
        lines += [
            "try:",
            f"    {probe.code}",
            f"    print({'did it: ' + probe.what!r})",
            "except (OSError, MemoryError, ValueError):",
            f"    print({'refused: ' + probe.what!r})",
        ]
    return "\n".join(lines)


def as_markdown() -> str:
    """The table of the documents."""
    rows = [f"| {probe.what} | `{probe.code}` |" for probe in PROBES]
    return "\n".join(["| a confined script cannot | tried with |", "|---|---|", *rows])
