"""The engine: runs the tasks that a SUBMIT names, one after another, as their registers say."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..errors import StreamError
from ..program.describe import Operation, is_planar, operation
from ..program.register_file import RegisterFile
from ..program.streams import STREAMS
from ..program.task import Task, words_of
from ..registers import by_name
from . import neural, planar, support, transfer
from .context import L2, Bar, Context, Move
from .faults import Faults, NotImplementedTask
from .memory import Memory
from .surface import Layout, Shape

#: Fields of Common that cannot be 0: sizes, and the window of the neural engines.
SIZES = ("Win", "Hin", "Din", "Cin", "Wout", "Hout", "Dout", "Cout", "NumGroups")
WINDOW = ("Kw", "Kh", "Sx", "Sy")
#: 2 GiB while they are computed with; chosen.
MOST_ELEMENTS = 1 << 28
#: The network id that the driver's queue expects in the bootstrap copy of the first task.
BOOTSTRAP_NID = 0x40


class Step(NamedTuple):
    """A task that ran: what it does in words, and the bytes it moved."""

    task: int
    operation: Operation
    moves: tuple[Move, ...]


class Job(NamedTuple):
    """What the driver is told to run.

    Attributes:
        bars: BAR number -> what stands behind it.
        bootstrap: the buffer with the copy of the first task.
        task_bytes: td_size.
        task_count: td_count.
    """

    bars: Mapping[int, Bar]
    bootstrap: Bar
    task_bytes: int
    task_count: int


class Engine:
    """An H13 engine with its L2 and register file, which keep what they hold from job to job.

    Args:
        memory: device memory.
        faults: where faults go.
    """

    def __init__(self, memory: Memory, faults: Faults):
        self.memory, self.faults = memory, faults
        self.arch = by_name("H13")
        self.stream = STREAMS[self.arch.stream]
        self.l2 = L2()
        self.values: dict[int, int] = {}
        self.steps: list[Step] = []

    def run(self, job: Job) -> None:
        """Runs a job.

        Raises:
            Hang: the engine stopped; the fault says why.
            NotImplementedTask: a task asks for something that is not implemented.
        """
        self.memory.note_host_writes()
        names = {number: bar.name for number, bar in job.bars.items()}
        words = self._fetch(job.bootstrap, 0, job.task_bytes, "td_size")
        offset = 0
        for index in range(job.task_count):
            self.faults.task = index
            task = self._decode(words, offset, index, job)
            self._step(index, task, job, names)
            offset, size = self._next(task)
            if index + 1 < job.task_count:
                if not offset:
                    raise self.faults.hang(
                        "missing-tasks", f"td_count is {job.task_count}, but the chain ends here", "Header.NextPointer"
                    )
                words = self._fetch(job.bars[0], offset, size, "Header.NextSize")
        self.faults.task = None
        if offset:
            self.faults.add(
                "dropped-tasks", f"td_count is {job.task_count}, but the chain goes on", "Header.NextPointer"
            )

    def _fetch(self, bar: Bar, offset: int, size: int, register: str) -> memoryview:
        if bar.start + offset + size > bar.buffer.room or size % 4:
            raise self.faults.hang(
                "outside-tensor", f"a task of {size} bytes is fetched from there", register, bar.name, offset
            )
        start = bar.start + offset
        return words_of(bar.buffer.data[start : start + size].tobytes())

    def _decode(self, words: memoryview, offset: int, index: int, job: Job) -> Task:
        try:
            task = self.stream.task(words, offset, self.arch, f"task {index}")
        except StreamError as error:
            what = f"{error.what} (td_size {job.task_bytes})" if index == 0 else error.what
            raise self.faults.hang("cut-stream", what) from error
        nid = self.arch.field("Header.W0.NID")[1].number(task.words[0])
        if index == 0 and nid != BOOTSTRAP_NID:
            raise self.faults.hang(
                "bootstrap", f"NID is {nid:#x}, the queue waits for {BOOTSTRAP_NID:#x}", "Header.NID"
            )
        return task

    def _next(self, task: Task) -> tuple[int, int]:
        """Offset and bytes of the task that follows."""
        (pointer_at, pointer), (size_at, size) = (self.arch.field(f"Header.{n}") for n in ("NextPointer", "NextSize"))
        words = size.number(task.words[size_at // 4]) + 1
        return pointer.number(task.words[pointer_at // 4]), 4 * words

    def _step(self, index: int, task: Task, job: Job, names: Mapping[int, str]) -> None:
        for write in task.writes():
            if not self.arch.has_row(write.address):
                what = f"the register at {write.address:#x}"
                raise NotImplementedTask(index, what, write.value, "no register is known there")
            self.values[write.address] = write.value
        registers = RegisterFile(self.arch, task, self.values)
        context = Context(index, registers, dict(job.bars), self.memory, self.l2, self.faults)
        self._check(context)
        runner = planar if is_planar(registers) else neural
        transfer.put(context, runner.run(context))
        self.steps.append(Step(index, operation(registers, names), tuple(context.moves)))

    def _check(self, context: Context) -> None:
        """What every task must have right."""
        engines = context.registers.header("ENE")
        for name in (*SIZES, *(WINDOW if engines else ())):
            if context.get(f"Common.{name}") == 0:
                raise self.faults.hang("zero-dimension", f"{name} is 0", self._register_of(name))
        for end in ("in", "out"):
            sizes = [context.get(f"Common.{name}") for name in ("NumGroups", f"C{end}", f"H{end}", f"W{end}")]
            if math.prod(sizes) > MOST_ELEMENTS:
                what, shown = f"Common.{end.title()}Dim", " x ".join(map(str, sizes))
                raise context.refuse_value(what, shown, f"the virtual ANE holds {MOST_ELEMENTS} elements at most")
        support.check(context, support.ALWAYS)
        support.check_unnamed(context, support.BLOCKS)
        kind = context.get("Common.TaskType")
        if bool(engines) != (kind == 0):
            raise context.refuse("Common.TaskType", f"it does not go with Header.ENE = {engines}")
        most = self.arch.register("KernelDMASrc.CoeffDMAConfig").count
        if engines and 1 << engines - 1 > most:
            raise context.refuse("Header.ENE", f"the engine has {most}")
        if engines and context.get("Common.ActiveNE") != engines - 1:
            raise context.refuse("Common.ActiveNE", f"Header.ENE = {engines} stands for one less")

    def _register_of(self, name: str) -> str:
        return self.arch.locate(self.arch.field(f"Common.{name}")[0]).name

    def check_outputs(self, bars: Mapping[int, Bar], shapes: Mapping[str, tuple[Layout, Shape]]) -> None:
        """Notes outputs that are not, or only partly, written.

        Args:
            bars: BAR number -> what stands behind it.
            shapes: output name -> where its elements lie.
        """
        self.faults.task = None
        for bar in bars.values():
            if bar.role != "output" or bar.name not in shapes:
                continue
            layout, shape = shapes[bar.name]
            if layout.span(shape)[1] > bar.buffer.room:
                continue
            if bar.buffer.written is None:
                self.faults.add("output-not-written", "no task wrote it", tensor=bar.name)
            elif not layout.marked(bar.buffer.written, shape):
                missing = layout.unmarked(bar.buffer.written, shape)
                count = f"{len(missing)} of {int(np.prod(shape))} elements were not written"
                self.faults.add("output-partly-written", count, tensor=bar.name, offset=int(missing.min()))
