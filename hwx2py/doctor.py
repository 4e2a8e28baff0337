"""What this machine can run: what was looked at, what follows, and the next step."""

import ctypes
import glob
import mmap
import os
import platform
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from .host import LINUX_ONLY
from .registers import Architecture, by_chip

#: What scripts look for, and run on.
DRIVER = "ane"
#: The interface whose calls scripts make without that anyone has run one on it.
UNTRIED_ABI = "ABI 2"
SCRIPT_PACKAGES = ("numpy",)
PACKAGES = ("hwx2py", "numpy", "click", "libcst", "black", "onnx", "numba", "pyarrow", "distributed")

#: The group that device nodes of engines belong to on common distributions.
RENDER = "render"

#: DRM_IOCTL_VERSION with the kernel's `struct drm_version`: three numbers, then length and pointer of name, date and
#: description. Every DRM driver answers it.
DRM_VERSION = 0xC0406400
DRM_VERSION_STRUCT = struct.Struct("<3i4x6Q")
TEXT_BYTES = 256


EMULATE = "`hwx2py emulate FILE` runs programs here without a device"
SECTIONS = (
    "`python FILE.py --section ID=FILE` with the firmware's sections, which are not public; or `hwx2py emulate FILE.py`"
)


class Node(NamedTuple):
    """A device node.

    Attributes:
        path: such as "/dev/accel/accel0".
        group: name of the group that may open it.
        driver: the name that its driver gives itself; empty where it did not say.
        version: "1.0.0, 20240101, description"; empty where the driver did not say.
        refusal: why it may not be opened, or does not answer; empty where it does.
        forbidden: whether it is a matter of permissions.
    """

    path: str
    group: str = RENDER
    driver: str = ""
    version: str = ""
    refusal: str = ""
    forbidden: bool = False


class Machine(Protocol):
    """What the doctor asks."""

    def system(self) -> str:
        """Name and release of the operating system: "Linux 6.11.0"."""

    def processor(self) -> str:
        """The processor's architecture: "aarch64"."""

    def compatible(self) -> Sequence[str]:
        """What the device tree says the machine is, most exact first: "apple,j314c", "apple,t6001"."""

    def nodes(self) -> Sequence[Node]:
        """The DRM accel nodes."""

    def page_bytes(self) -> int:
        """The size of a memory page."""

    def python(self) -> str:
        """The version of Python."""

    def package(self, name: str) -> str | None:
        """The version of an installed package; None where it is not installed."""


class Facts(NamedTuple):
    """What was found.

    Attributes:
        system: name and release of the operating system.
        architecture: of the processor: "aarch64".
        chip: "T6001"; None where the device tree names none of Apple's.
        engine: the generation of its engine: "H13"; None where it is not known.
        page_bytes: the size of a memory page.
        driver: version, date and description that the engine's driver gives; None without one.
        abi: the driver's interface for the chip: "ABI 1" or "ABI 2"; None where none is known.
        python: the version of Python.
        packages: name -> version, None where it is not installed.
    """

    system: str
    architecture: str
    chip: str | None
    engine: str | None
    page_bytes: int
    driver: str | None
    abi: str | None
    python: str
    packages: Mapping[str, str | None]


class Diagnosis(NamedTuple):
    """What came of it.

    Attributes:
        facts: what was found.
        nodes: the device nodes.
        ready: whether a generated script could run on the engine.
        verdict: what follows, a sentence.
        next_step: what to do.
    """

    facts: Facts
    nodes: Sequence[Node]
    ready: bool
    verdict: str
    next_step: str


def diagnose(machine: Machine) -> Diagnosis:
    """Looks at a machine.

    Args:
        machine: whom to ask.

    Returns:
        What was found, and what follows.
    """
    nodes = machine.nodes()
    chip, arch = _chip(machine.compatible())
    node = next((node for node in nodes if node.driver == DRIVER), None)
    facts = Facts(
        system=machine.system(),
        architecture=machine.processor(),
        chip=chip,
        engine=arch.name if arch else None,
        page_bytes=machine.page_bytes(),
        driver=node.version if node else None,
        abi=arch.machine.driver or None if arch else None,
        python=machine.python(),
        packages={name: machine.package(name) for name in PACKAGES},
    )
    return Diagnosis(facts, nodes, *_conclude(facts, nodes, node))


def _chip(compatible: Sequence[str]) -> tuple[str | None, Architecture | None]:
    """The name of the chip ("T6001"), and the architecture of its engine, where they are known."""
    names = [name.removeprefix("apple,").upper() for name in compatible if name.startswith("apple,t")]
    for name in names:
        if arch := by_chip(name):
            return name, arch
    return (names[0] if names else None), None


def _conclude(facts: Facts, nodes: Sequence[Node], node: Node | None) -> tuple[bool, str, str]:
    """Whether a script could run, why, and what to do next."""
    if not facts.system.startswith("Linux"):
        return False, LINUX_ONLY["the engine"], EMULATE
    if node is None:
        return _without_node(facts, nodes)
    if facts.engine and not facts.abi:
        return False, f"The driver has no call that scripts use on {facts.chip} (no interface is known).", EMULATE
    if missing := next((name for name in SCRIPT_PACKAGES if facts.packages[name] is None), None):
        return False, f"Scripts need {missing}, which is not installed.", f"`pip install {missing}`"
    if facts.abi == UNTRIED_ABI:
        return False, f"Scripts call {node.path} as far as {facts.abi} is public; none was ever run on it.", SECTIONS
    return True, f"Scripts run on {node.path}.", "`hwx2py FILE.hwx -o FILE.py`, then `python FILE.py`"


def _without_node(facts: Facts, nodes: Sequence[Node]) -> tuple[bool, str, str]:
    """Why no node is the engine's, and what to do next."""
    if forbidden := next((node for node in nodes if node.forbidden), None):
        verdict = f"{forbidden.path} may not be opened, so it is unknown whether it is the engine."
        return False, verdict, f"{join_group(forbidden)}: `sudo usermod -aG {forbidden.group} $USER`, then log in again"
    if facts.engine and not facts.abi:
        return False, f"No Linux driver is known for {facts.chip} ({facts.engine}).", EMULATE
    if facts.chip:
        return False, f"No accel node answers as {DRIVER}.", f"install the driver and load it: `sudo modprobe {DRIVER}`"
    return False, f"No accel node answers as {DRIVER}; the engine is part of Apple's chips.", EMULATE


def join_group(node: Node) -> str:
    """What to do about a node that may not be opened."""
    return f"add yourself to group {node.group}"


class ThisMachine:
    """The machine that this runs on."""

    def system(self) -> str:
        """See `Machine`."""
        return f"{platform.system()} {platform.release()}"

    def processor(self) -> str:
        """See `Machine`."""
        return platform.machine()

    def compatible(self) -> Sequence[str]:
        """See `Machine`."""
        try:
            with open("/proc/device-tree/compatible", "rb") as file:
                return file.read().decode(errors="replace").strip("\0").split("\0")
        except OSError:
            return ()

    def nodes(self) -> Sequence[Node]:
        """See `Machine`."""
        return [ask_node(path) for path in sorted(glob.glob("/dev/accel/accel*"))]

    def page_bytes(self) -> int:
        """See `Machine`."""
        return mmap.PAGESIZE

    def python(self) -> str:
        """See `Machine`."""
        return platform.python_version()

    def package(self, name: str) -> str | None:
        """See `Machine`."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version(name)
        except PackageNotFoundError:
            return None


def ask_node(path: str) -> Node:
    """Asks a DRM node for its driver; nothing else is done to it.

    Args:
        path: the node.

    Returns:
        What it says, or why it does not.
    """
    import fcntl

    group = _group(path)
    try:
        node = os.open(path, os.O_RDWR)
    except OSError as error:
        return Node(
            path, group, refusal=f"may not be opened: {error.strerror}", forbidden=isinstance(error, PermissionError)
        )
    texts = [ctypes.create_string_buffer(TEXT_BYTES) for _ in range(3)]
    rooms = [number for text in texts for number in (TEXT_BYTES - 1, ctypes.addressof(text))]
    request = bytearray(DRM_VERSION_STRUCT.pack(0, 0, 0, *rooms))
    try:
        fcntl.ioctl(node, DRM_VERSION, request)
    except OSError as error:
        return Node(path, group, refusal=f"does not answer as a DRM node: {error.strerror}")
    finally:
        os.close(node)
    numbers = DRM_VERSION_STRUCT.unpack(request)[:3]
    driver, date, description = (text.value.decode("ascii", "replace") for text in texts)
    version = ", ".join(part for part in (".".join(map(str, numbers)), date, description) if part)
    return Node(path, group, driver, version)


def _group(path: str) -> str:
    """The group of a node; the usual one where joining it would give too many rights, or it is unknown."""
    import grp

    try:
        name = grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        return RENDER
    return RENDER if name == "root" else name
