"""Filters of system calls: rules as values, the packet filter that they make, and its installation.

A rule names a call, what happens to it, and conditions on its arguments. Rules are looked at in their order; the first
that fits decides, and where none does, the filter's own action.

Source: `seccomp(2)`, `linux/seccomp.h`, `linux/filter.h`.
"""

import ctypes
import errno
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .syscalls import Machine, call, number

#: What happens to a call.
ALLOW = 0x7FFF0000
#: Another process answers it: the holder of the descriptor that `install` returns with `listener`.
NOTIFY = 0x7FC00000
KILL = 0x80000000
_ERRNO = 0x00050000

_SET_MODE_FILTER, _GET_ACTION_AVAILABLE = 1, 2
_ALL_THREADS, _NEW_LISTENER, _WAIT_KILLABLE = 1 << 0, 1 << 3, 1 << 5

# The packet filter's instructions.
_LOAD, _RETURN, _JUMP_EQUAL, _MASK = 0x20, 0x06, 0x15, 0x54

# Offsets in `struct seccomp_data`.
_NUMBER, _AUDIT, _ARGUMENTS = 0, 4, 16

_INSTRUCTION = struct.Struct("<HBBI")


def errno_action(code: int) -> int:
    """The action that makes a call fail with an errno."""
    return _ERRNO | code


class Is(NamedTuple):
    """A condition: an argument has a value.

    Attributes:
        argument: which argument, from 0.
        value: what it is compared with.
        wide: compare 64 bits, as for pointers; else the 32 bits that the kernel takes for an `int`.
    """

    argument: int
    value: int
    wide: bool = False


class Has(NamedTuple):
    """A condition: an argument has all these bits, among its lowest 32.

    Attributes:
        argument: which argument, from 0.
        bits: the bits that are set.
        among: the bits that are looked at; None: only those that have to be set.
    """

    argument: int
    bits: int
    among: int | None = None


class Rule(NamedTuple):
    """What happens to a system call.

    Attributes:
        name: the call; a machine that does not have it needs no rule.
        action: `ALLOW`, `NOTIFY`, `KILL` or an `errno_action`.
        conditions: all must hold, else the next rule is looked at.
    """

    name: str
    action: int
    conditions: Sequence[Is | Has] = ()


def program(rules: Iterable[Rule], otherwise: int, machine: Machine, foreign: int = KILL) -> bytes:
    """The packet filter of some rules.

    Args:
        rules: in the order in which they are looked at.
        otherwise: what happens to a call that no rule fits.
        machine: whose calls they are.
        foreign: what happens to a call of another machine (32-bit calls on x86-64).
    """
    code = [
        _INSTRUCTION.pack(_LOAD, 0, 0, _AUDIT),
        _INSTRUCTION.pack(_JUMP_EQUAL, 1, 0, machine.audit),
        _INSTRUCTION.pack(_RETURN, 0, 0, foreign),
        _INSTRUCTION.pack(_LOAD, 0, 0, _NUMBER),
    ]
    for rule in rules:
        place = number(rule.name, machine)
        if place is not None:
            code += _rule(rule, place)
    code.append(_INSTRUCTION.pack(_RETURN, 0, 0, otherwise))
    return b"".join(code)


def _rule(rule: Rule, place: int) -> list[bytes]:
    """A rule's instructions; they end with the call's number loaded again for the next one."""
    tests = [test for condition in rule.conditions for test in _tests(condition)]
    body: list[bytes] = []
    for index, test in enumerate(tests):
        past = sum(len(later.load) + 1 for later in tests[index + 1 :]) + 1  # the later tests, and the return
        body += [*test.load, _INSTRUCTION.pack(_JUMP_EQUAL, 0, past, test.value)]
    body.append(_INSTRUCTION.pack(_RETURN, 0, 0, rule.action))
    reload = [_INSTRUCTION.pack(_LOAD, 0, 0, _NUMBER)] if tests else []
    return [_INSTRUCTION.pack(_JUMP_EQUAL, 0, len(body), place), *body, *reload]


class _Test(NamedTuple):
    """Instructions that load 32 bits, and what these must be."""

    load: list[bytes]
    value: int


def _tests(condition: Is | Has) -> list[_Test]:
    low = _INSTRUCTION.pack(_LOAD, 0, 0, _ARGUMENTS + 8 * condition.argument)
    if isinstance(condition, Has):
        mask = condition.bits if condition.among is None else condition.among
        return [_Test([low, _INSTRUCTION.pack(_MASK, 0, 0, mask)], condition.bits)]
    tests = [_Test([low], condition.value & 0xFFFFFFFF)]
    if condition.wide:
        high = _INSTRUCTION.pack(_LOAD, 0, 0, _ARGUMENTS + 8 * condition.argument + 4)
        tests.append(_Test([high], condition.value >> 32))
    return tests


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_available(action: int = _ERRNO) -> bool:
    """Whether the kernel has filters with an action."""
    try:
        call("seccomp", _GET_ACTION_AVAILABLE, 0, ctypes.byref(ctypes.c_uint32(action)))
    except OSError:
        return False
    return True


def install(filter_program: bytes, listener: bool = False) -> int:
    """Puts a filter on this process for good; it must have given up new privileges before.

    Args:
        filter_program: from `program`.
        listener: get a descriptor, on which calls with the action `NOTIFY` arrive. The filter is then on this thread
            and what it starts; else it is on all threads.

    Returns:
        The descriptor with `listener`, else 0.

    Raises:
        OSError: the kernel does not take it.
    """
    what = _Program(len(filter_program) // _INSTRUCTION.size, filter_program)
    if listener:
        try:
            return call("seccomp", _SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE, ctypes.byref(what))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        return call("seccomp", _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(what))  # before Linux 5.19
    thread = call("seccomp", _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(what))
    if thread:
        raise OSError(0, f"seccomp: thread {thread} cannot take the filter")
    return 0
