"""H13 programs from registers, for tests: what is not said is as in `examples/make.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

import make
import numpy as np
import pytest
from make import H13, LOCATIONS, by_dma, neural, planar, select, stored, tensor

from hwx2py.emulate import session
from hwx2py.emulate.faults import Fault
from hwx2py.program.build import Draft, complete, lay_out, write
from hwx2py.program.model import Program, Tensor, natural_const_offset
from hwx2py.program.streams import Pending

Registers = Mapping[str, Any]

__all__ = [
    "H13",
    "LOCATIONS",
    "by_dma",
    "complete_add16",
    "complete_again",
    "elementwise",
    "faults_of_hang",
    "half",
    "kernel_registers",
    "make",
    "named",
    "network",
    "neural",
    "one_source",
    "planar",
    "run",
    "run_with_faults",
    "select",
    "stored",
    "tensor",
]


def network(
    tasks: Sequence[tuple[Registers, Registers]], tensors: Sequence[Tensor], const: bytes = b"", scratch: int = 0
) -> Program:
    """A program of several tasks, each (header words, registers)."""
    drafts = [
        complete(H13, {"W0": {"TID": number, "EON": number + 1 == len(tasks)}, "W6": LOCATIONS} | words, registers)
        for number, (words, registers) in enumerate(tasks)
    ]
    extra = [Tensor("scratch", "scratch", 3, None, None, None, scratch)] if scratch else []
    return make.program(lay_out(H13, drafts), (*tensors, *extra), const)


def elementwise(operation: str = "Add", shape: tuple[int, int, int] = (3, 4, 5), **registers: Any) -> Program:
    """y = a op b, with registers changed: `PE_Cfg={...}` stands for "PE.Cfg"."""
    a, b, y = (tensor(n, r, bar, *shape) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6)))
    changed = planar(a, b, y, operation) | named(registers)
    return network([({"W8": select(a, b, y)}, changed)], (a, b, y))


def one_source(
    shape: tuple[int, int, int] = (3, 4, 5), out: tuple[int, int, int] | None = None, **registers: Any
) -> Program:
    """y = f(x) on the planar engine."""
    x, y = tensor("x", "input", 4, *shape), tensor("y", "output", 5, *(out or shape))
    changed = planar(x, x, y, "Add") | {
        "Common.Cfg": {"TaskType": "ElementwiseOneSource"},
        "L2.SourceCfg": {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1},
        "PE.Cfg": 0,
    }
    return network([({"W8": select(x, None, y)}, changed | named(registers))], (x, y))


def complete_again(program: Program, times: int) -> Program:
    """The program with its tasks several times over, laid out anew."""
    follows = frozenset({"NextSize", "NextPointer"})
    drafts = [
        Draft(list(task.words[: task.header_words]), [Pending(w.address, w.value) for w in task.writes()], follows)
        for task in (*program.tasks,) * times
    ]
    text = lay_out(program.arch, drafts)
    return program._replace(text=text, const_offset=natural_const_offset(text.size_bytes))


def complete_add16() -> Program:
    """The example for H16 with every register written whose start value is not that of float16 tensors."""
    program = make.add16()
    arch, task = program.arch, program.tasks[0]
    formats = {name: {"MemFmt": "16b", "Truncate": 3} for name in FORMATS}
    more = [write(arch, name, **fields) for name, fields in formats.items()]
    more.append(write(arch, "Common.TileCfg", TileHeight=1))
    items = [Pending(w.address, w.value, w.slot) for w in task.writes()]
    draft = Draft(list(task.words[: task.header_words]), items + more, frozenset({"TaskSize"}))
    return program._replace(text=lay_out(arch, [draft], program.text.frame))


FORMATS = ("TileDMASrc.Src1Fmt", "TileDMASrc.Src2Fmt", "TileDMADst.Fmt")


def named(registers: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword names as register names: the first underscore is the dot."""
    return {name.replace("_", ".", 1): value for name, value in registers.items()}


def kernel_registers(sizes: Sequence[int], first: int = 0) -> dict[str, Any]:
    """Coefficient channels of so many engines, one chunk behind the other."""
    registers: dict[str, Any] = {"KernelDMASrc.MasterConfig": {"MasterEnable": 1}}
    for engine, size in enumerate(sizes):
        registers[f"KernelDMASrc.CoeffDMAConfig[{engine}]"] = {"En": 1}
        registers[f"KernelDMASrc.CoeffBaseAddr[{engine}]"] = {"Addr": first}
        registers[f"KernelDMASrc.CoeffBfrSize[{engine}]"] = {"MemBfrSize": size}
        first += size
    return registers


def run(program: Program, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Runs a program on the virtual ANE; the faults of the run must be none.

    Args:
        program: what to run.
        inputs: arrays by name, in any shape that broadcasts to the tensor's; the others keep their defaults.
    """
    outputs, faults = run_with_faults(program, **inputs)
    assert not faults, [str(fault) for fault in faults]
    return outputs


def run_with_faults(program: Program, **inputs: np.ndarray):
    """Likewise, with the faults."""
    with session.prepared(program) as (driver, script):
        given = script.default_inputs()
        for name, values in inputs.items():
            given[name] = np.broadcast_to(np.asarray(values, given[name].dtype), given[name].shape)
        return script.run(given, None, None), driver.faults.found


def faults_of_hang(program: Program) -> list[Fault]:
    """The faults of a program that stops the engine."""
    with session.prepared(program) as (driver, script):
        with pytest.raises(TimeoutError):
            script.run(script.default_inputs(), None, None)
        return driver.faults.found


def half(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Random float16 values."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float16)
