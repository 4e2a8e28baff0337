"""Programs of the planar engine: a sum, a product and a maximum, element by element."""

from h13_tasks import H13, planar, select, tensor

from hwx2py.program.network import TaskRegisters, network
from hwx2py.program.program import Program

#: What compilers since 7.6 leave in planar tasks: every coefficient channel with a hint, though none is on.
IDLE = {f"KernelDMASrc.CoeffDMAConfig[{engine}]": {"CacheHint": 2} for engine in range(16)} | {
    "NE.KernelCfg": 0x80,
    "NE.MACCfg": 0x00100000,
    "TileDMASrc.Unk13840": 0x100,
}


def elementwise(operation: str, shape: tuple[int, int, int], idle: dict) -> Program:
    """One task: y = a op b."""
    a, b, y = (tensor(n, r, bar, *shape) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6)))
    task = TaskRegisters({"W8": select(a, b, y)}, planar(a, b, y, operation) | idle)
    return network(H13, [task], (a, b, y))


def add() -> Program:
    """Sum of a and b."""
    return elementwise("Add", (8, 4, 16), {})


def mul() -> Program:
    """Product of a and b, with the idle words of recent compilers."""
    return elementwise("Mul", (4, 2, 16), IDLE)


def maximum() -> Program:
    """The larger of a and b."""
    return elementwise("Max", (8, 4, 16), {})
