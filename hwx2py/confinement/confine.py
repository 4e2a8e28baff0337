"""Confined: what that word stands for in hwx2py, and doing it to this process.

A confined process reads Python's own folders and what it is given, writes nothing but through descriptors that it was
given, opens no socket, starts no program and no process, signals only itself, and has limits. Nothing undoes it.
"""

import errno
import os
import site
import sys
import sysconfig
from collections.abc import Iterable

from . import landlock, seccomp
from .process import Limits, give_up_privileges, limit
from .seccomp import ALLOW, Has, Is, Rule, errno_action
from .syscalls import machine

#: What Python and NumPy need while they compute, read files, and write to open descriptors.
_HARMLESS = """
    access alarm arch_prctl brk chdir clock_getres clock_gettime clock_nanosleep close close_range dup dup2 dup3
    epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 exit exit_group faccessat faccessat2 fadvise64
    fchdir fdatasync fstat fstatfs fsync futex futex_waitv get_mempolicy get_robust_list getcpu getcwd getdents
    getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority
    getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid
    lseek lstat madvise membarrier mincore mmap mprotect mremap msync munmap nanosleep newfstatat open openat
    pipe pipe2 poll ppoll pread64 preadv preadv2 pselect6 pwrite64 pwritev pwritev2 read readahead readlink
    readlinkat readv recvfrom restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn
    sched_get_priority_max sched_get_priority_min sched_getparam sched_getscheduler
    sched_yield select sendto set_robust_list set_tid_address setitimer shutdown sigaltstack stat statfs statx
    sysinfo time times umask uname write writev
"""

#: What is refused as "not permitted"; every other call that is not named here does not exist for the process.
_FORBIDDEN = """
    accept accept4 bind chmod chown clone connect creat execve execveat fallocate fchmod fchmodat fchown
    fchownat fcntl fork fremovexattr fsetxattr ftruncate futimesat ioctl kill lchown link linkat listen
    lremovexattr lsetxattr memfd_create mkdir mkdirat mknod mknodat pidfd_getfd pidfd_open pidfd_send_signal
    prctl prlimit64 process_vm_readv process_vm_writev ptrace recvmmsg recvmsg removexattr rename renameat
    renameat2 rmdir rt_sigqueueinfo rt_tgsigqueueinfo sched_getaffinity sendmmsg sendmsg setrlimit setsockopt
    setxattr socket
    socketpair symlink symlinkat tgkill tkill truncate unlink unlinkat utime utimensat utimes vfork
"""

_CLONE_THREAD = 0x00010000

#: `ioctl`: terminal or not, its size, bytes that wait, closing on exec or not. None that types into a terminal.
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)
#: `fcntl`: descriptors, their flags, seals. None that sends signals to other processes, and no locks.
_FCNTLS = (*range(5), 1030, 1032, 1034)
#: `prctl`: names of threads and of memory, as libraries give them. Not the one that unties it from its parent.
_PRCTLS = (15, 16, 0x53564D41)


def missing() -> str:
    """What is not there that confining needs, as words for people; empty where everything is."""
    if machine() is None:
        return "confining needs Linux on x86-64 or aarch64"
    if not landlock.version():
        return "this kernel has no Landlock (Linux 5.13 and later, where it is switched on)"
    if not seccomp.is_available():
        return "this kernel has no seccomp filters"
    return ""


def python_folders() -> list[str]:
    """The folders that Python and NumPy load code from."""
    named = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    packages = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    numpy = getattr(sys.modules.get("numpy"), "__file__", None)
    found = [*named, *packages, *([os.path.dirname(os.path.dirname(numpy))] if numpy else [])]
    return sorted({os.path.realpath(folder) for folder in found if os.path.isdir(folder)})


def confine(readable: Iterable[str], limits: Limits) -> None:
    """Confines this process. It has one thread, and has loaded the libraries that lie outside of Python's folders.

    Args:
        readable: files and folders that it may read beside Python's.
        limits: what it may use.

    Raises:
        OSError: the kernel refuses a part of it, or there are several threads.
    """
    here = machine()
    if here is None:
        raise OSError(errno.ENOSYS, missing())
    if len(os.listdir("/proc/self/task")) != 1:
        raise OSError(errno.EBUSY, "a library of Python started threads, which cannot be confined")
    give_up_privileges()
    landlock.restrict([*python_folders(), *readable])
    limit(limits)
    seccomp.install(seccomp.program(_rules(os.getpid()), errno_action(errno.ENOSYS), here))


def _rules(own: int) -> list[Rule]:
    """The filter of a confined process.

    Args:
        own: its process id, which it may signal.
    """
    allowed = [Rule(name, ALLOW) for name in _HARMLESS.split()]
    allowed += [Rule("ioctl", ALLOW, [Is(1, number)]) for number in _IOCTLS]
    allowed += [Rule("fcntl", ALLOW, [Is(1, number)]) for number in _FCNTLS]
    allowed += [Rule("prctl", ALLOW, [Is(0, number)]) for number in _PRCTLS]
    allowed += [Rule(name, ALLOW, [Is(0, own)]) for name in ("kill", "tgkill")]
    allowed.append(Rule("clone", ALLOW, [Has(0, _CLONE_THREAD)]))
    for itself in (0, own):
        allowed.append(Rule("sched_getaffinity", ALLOW, [Is(0, itself)]))
        allowed.append(Rule("prlimit64", ALLOW, [Is(0, itself), Is(2, 0, wide=True)]))
    return [*allowed, *(Rule(name, errno_action(errno.EPERM)) for name in _FORBIDDEN.split())]
