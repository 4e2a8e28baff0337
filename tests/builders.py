"""H13 programs from registers, for tests: what is not said is as in `examples/make.py`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import make
import numpy as np
from make import H13, by_dma, neural, planar, select, stored, tensor

from hwx2py.emulator import direct, driver, session
from hwx2py.emulator.driver import Driver
from hwx2py.emulator.faults import Fault
from hwx2py.emulator.inputs import input_arrays
from hwx2py.program import network as program_network
from hwx2py.program.build import Draft, header, lay_out, write
from hwx2py.program.network import TaskRegisters
from hwx2py.program.program import Program, Tensor, natural_const_offset
from hwx2py.program.streams import Pending
from hwx2py.program.task import Task
from hwx2py.registers import by_name

Registers = Mapping[str, Any]

__all__ = [
    "H13",
    "add14",
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
    "product",
    "rounded",
    "run",
    "run_with_faults",
    "select",
    "stamped",
    "stored",
    "submitted",
    "tensor",
]


def network(
    tasks: Sequence[tuple[Registers, Registers]], tensors: Sequence[Tensor], const: bytes = b"", scratch: int = 0
) -> Program:
    """A program of several tasks, each (header words, registers)."""
    made = [TaskRegisters(words, registers) for words, registers in tasks]
    extra = [program_network.scratch(scratch)] if scratch else []
    return program_network.network(H13, made, (*tensors, *extra), const)


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


#: A float16 tensor in memory, without interleave.
FORMAT = {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "Interleave": 1}


def add14() -> Program:
    """y = a + b for H14."""
    arch = by_name("H14")
    a, b, y = (tensor(n, r, bar, 4, 1, 32) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6)))
    _, plane, row, _ = a.strides
    places = (("TileDMASrc.Src1", 4), ("TileDMASrc.Src2", 5), ("TileDMADst.", 6))
    items = [
        write(arch, "Common.InDim", Win=32, Hin=1),
        write(arch, "Common.OutDim", Wout=32, Hout=1),
        write(arch, "Common.Cin", Cin=4),
        write(arch, "Common.Cout", Cout=4),
        write(arch, "Common.TileCfg", TileHeight=1),
        write(arch, "Common.Cfg", TaskType="ElementwiseTwoSources"),
        write(arch, "L2.SourceCfg", SourceType="DmaRead", DMAFmt="16b", DMAInterleave=1, Source2Dma=1),
        write(arch, "L2.ResultCfg", ResultType=2, DMAFmt="16b", DMAInterleave=1),
        write(arch, "PE.Cfg", OpMode="Add", SecSrc="+Source2"),
        *(write(arch, f"{prefix}RowStride", Stride=row) for prefix, _ in places),
        *(write(arch, f"{prefix}PlaneStride", Stride=plane) for prefix, _ in places),
        *(write(arch, f"{prefix}Fmt", **FORMAT) for prefix, _ in places),
        *(write(arch, f"{prefix}DMAConfig", En=1) for prefix, _ in places),
        *(write(arch, f"{prefix}BaseAddr{half}", slot=slot) for prefix, slot in places for half in ("", "Hi")),
    ]
    text = lay_out(arch, [Draft(header(arch, {}), items, frozenset({"TaskSize"}))], bytes(16))
    return Program(arch, text, (a, b, y), memoryview(b""), natural_const_offset(text.size_bytes))


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
        inputs: arrays by name, in any shape that broadcasts to the tensor's; the others are 3, 2, 1, 1 ...
    """
    outputs, faults = run_with_faults(program, **inputs)
    assert not faults, [str(fault) for fault in faults]
    return outputs


def run_with_faults(program: Program, **inputs: np.ndarray) -> tuple[dict[str, np.ndarray], list[Fault]]:
    """Likewise, with the faults."""
    outcome = direct.run(program, default_inputs(program) | inputs)
    assert not outcome.hung, [str(fault) for fault in outcome.faults]
    return dict(outcome.outputs), list(outcome.faults)


def faults_of_hang(program: Program) -> list[Fault]:
    """The faults of a program that stops the engine."""
    outcome = direct.run(program, default_inputs(program))
    assert outcome.hung
    return list(outcome.faults)


def stamped(task: Task, number: int, network: int = driver.NETWORK_ID) -> Task:
    """A task with the ids that completion asks for."""
    return task.with_words({0: task.words[0] & ~0xFFFFFF | network << 16 | number})


def submitted(program: Program, **options: Any) -> tuple[int, Driver]:
    """Runs a program through the driver's calls; returns SUBMIT's error and the driver: see `submit_request`."""
    request, device = submit_request(program, **options)
    return device.ioctl(driver.SUBMIT, request)[0], device


#: Submits a script's program many times, and prints how often it was answered and how many seconds that took.
MANY_SUBMITS = """
import importlib.util, sys, time
spec = importlib.util.spec_from_file_location("script", sys.argv[1])
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
class Many(script.Ane):
    def call(self, name, *arguments):
        if name != "SUBMIT":
            return super().call(name, *arguments)
        start = time.perf_counter()
        answers = [script.Ane.call(self, name, *arguments) for _ in range(int(sys.argv[2]))]
        print(len(answers), time.perf_counter() - start)
        return answers[-1]
device = Many(script.options("", script.TENSORS, Many, []))
script.run(device, script.build(), script.TENSORS, script.default_inputs(script.TENSORS))
"""


def submit_request(
    program: Program,
    network: int | None = driver.NETWORK_ID,
    first_bytes: int = 0,
    count: int | None = None,
) -> tuple[bytes, Driver]:
    """A driver with a program's buffers in it, and the structure of its SUBMIT.

    Args:
        program: what to run; inputs are 3, 2, 1 ...
        network: the network id of every task; None leaves the tasks as they are.
        first_bytes: added to td_size.
        count: td_count, if it is not that of the program.
    """
    if network is not None:
        program = program.with_tasks([stamped(task, number, network) for number, task in enumerate(program.tasks)])
    device = Driver(driver.rows(program.buffers, {}, program.aliases))

    def allocate(data: bytes, size: int) -> int:
        code, answer = device.ioctl(driver.BO_INIT, driver.BO_INIT_STRUCT.pack(0, 0, size, 0))
        assert code == 0
        handle = driver.BO_INIT_STRUCT.unpack(answer)[0]
        device.memory.buffers[handle].data[: len(data)] = np.frombuffer(data, np.uint8)
        return handle

    text = program.text.to_bytes().ljust(program.const_offset, b"\0")
    handles = [allocate(text + bytes(program.const), len(text) + len(program.const) or 1), *31 * [0]]
    values = default_inputs(program)
    for row in program.buffers:
        full = np.full(row.size_bytes // 2, values.get(row.name, 0), np.float16)
        handles[row.bar] = allocate(full.tobytes() if row.role == "input" else b"", row.size_bytes)
    first = program.tasks[0].size_bytes
    bootstrap = allocate(text[:first], first + 64)
    sizes = len(text), count or len(program.tasks), first + first_bytes
    return driver.SUBMIT_STRUCT.pack(*sizes, *handles, bootstrap, 0), device


class Run(NamedTuple):
    """What a program gave, and the driver, which has the faults."""

    outputs: dict[str, np.ndarray]
    driver: Driver


def through_driver(program: Program, inputs: dict[str, np.ndarray] | None = None, fill: float | None = None) -> Run:
    """Runs a program as its script would, in this process; nothing is printed."""
    given = input_arrays(program.tensors, []) if inputs is None else inputs
    with session.prepared(program) as device:
        run = session.RUNS[program.arch.stream]
        return Run(run(device, session.built(program), session.rows_of(program), given, fill), device.driver)


def default_inputs(program: Program) -> dict[str, np.ndarray]:
    """3 for the first input, 2 for the second, 1 for others."""
    return {tensor.name: max(3 - number, 1) for number, tensor in enumerate(program.inputs)}


def rounded(values: np.ndarray) -> np.ndarray:
    """Float64 values as the engines store them: float16, halves away from zero, by another way than the engine's."""
    magnitudes = np.abs(np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=np.inf, neginf=np.inf))
    unit = np.ldexp(1.0, np.maximum(np.frexp(magnitudes)[1] - 11, -24))
    with np.errstate(all="ignore"):
        steps = np.floor(magnitudes / unit)
        steps += magnitudes / unit - steps >= 0.5
        stored = np.copysign(np.where(np.isinf(magnitudes), np.inf, steps * unit), values).astype(np.float16)
    stored[stored == 0] = 0
    return stored


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of float16 values as the neural engines add them up: in steps of 2^-16, small ones dropped."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    exact = a * b
    steps = np.copysign(np.floor(np.abs(exact) * 65536 + 0.5), exact) / 65536
    exponents = [np.maximum(np.frexp(factor)[1] - 1, -14) for factor in (a, b)]
    return np.where((exponents[0] + exponents[1] <= -17) | (exact == 0), 0.0, steps)


def half(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Random float16 values."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float16)
