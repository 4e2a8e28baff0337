"""Programs as Python programs read and change them: tasks with their registers by name, and what they do.

Everything here is a view: a file's bytes are kept as they are, and a change gives a new value. What a task inherits
from the tasks before it counts, as it does for the engine.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .. import formats, operations
from ..errors import RegisterError, UsageError
from ..program import program as programs
from ..program import task as descriptors
from ..program.register_file import RegisterFile
from ..registers.architecture import Architecture, Location, compose
from . import html

_NAME = re.compile(r"(?P<register>[^\[\]]+)(?:\[(?P<index>\d+)\])?")
#: Tasks between two kept states of the register file.
_STEP = 64


class RegisterWord:
    """A register as one task sees it: `word.OpMode` is a field, `int(word)` all its bits.

    Args:
        location: which register it is.
        value: its 32 bits.
        written: whether the task writes it itself; else it inherits the value.
        slot: the BAR slot that the write's record names (H14 and later), or None.
    """

    __slots__ = ("location", "slot", "value", "written")

    def __init__(self, location: Location, value: int, written: bool, slot: int | None = None):
        self.location, self.value, self.written, self.slot = location, value, written, slot

    @property
    def name(self) -> str:
        """`Block.Register` or `Block.Register[index]`."""
        return self.location.name

    @property
    def address(self) -> int:
        """Its byte address; for a header word, bytes from the task's start."""
        return self.location.address

    @property
    def fields(self) -> dict[str, int | float | str]:
        """Every field by name, as a person reads it: an enumeration's name, a float, or an integer."""
        return {field.name: field.decode(self.value) for field in self.location.register.fields}

    def __getattr__(self, name: str) -> int | float | str:
        for field in self.location.register.fields:
            if field.name == name:
                return field.decode(self.value)
        known = ", ".join(field.name for field in self.location.register.fields) or "none"
        raise AttributeError(f"{self.name} has no field {name} (it has: {known})")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.fields]

    def __int__(self) -> int:
        return self.value

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{field.name}={field.decode(self.value)}"
            for field in self.location.register.fields
            if self.value & field.mask or field.enum
        )
        return f"<{self.name} = {self.value:#x}{f': {shown}' if shown else ''}>"

    def _repr_html_(self) -> str:
        rows = [
            (field.name, f"{field.msb}:{field.lsb}", field.decode(self.value), field.meaning)
            for field in self.location.register.fields
        ]
        return html.table(f"{self.name} = {self.value:#x}", ("field", "bits", "value", "meaning"), rows)


@dataclass(frozen=True, repr=False, eq=False)
class Task:
    """A task of a program. Iterating over it gives the registers that it writes, in the file's order.

    Attributes:
        program: the program that it belongs to.
        index: its place there.
        descriptor: its words.
    """

    program: "Program"
    index: int
    descriptor: descriptors.Task

    @functools.cached_property
    def registers(self) -> RegisterFile:
        """All registers while it runs: what it writes, and what it inherits."""
        values = self.program.values_before(self.index)
        values.update((write.address, write.value) for write in self.descriptor.writes())
        return RegisterFile(self.program.architecture, self.descriptor, values)

    @functools.cached_property
    def operation(self) -> operations.Operation:
        """What it does, as a value: `Planar` or `Neural`."""
        return operations.read(self.registers)

    @property
    def sentence(self) -> str:
        """What it does, in words."""
        return operations.sentence(self.operation, self.program.names)

    def __getitem__(self, name: str | int) -> RegisterWord:
        """A register by name ("PE.Cfg", "KernelDMASrc.CoeffBaseAddr[3]", "Header.W8") or byte address.

        Raises:
            RegisterError: there is no such register, or it was never written.
        """
        location = self._locate(name)
        if location.block is self.program.architecture.header:
            return RegisterWord(location, self.descriptor.words[self._header_index(location)], True)
        write = self._write(location)
        value = self.registers.word_at(location.address) if write is None else write.value
        if value is None:
            what = "no task wrote it, and its start value is not known"
            raise RegisterError(f"{location.name}: {what}", where=f"task {self.index}")
        return RegisterWord(location, value, write is not None, write.slot if write else None)

    def __iter__(self) -> Iterator[RegisterWord]:
        locate = self.program.architecture.locate
        for write in self.descriptor.writes():
            yield RegisterWord(locate(write.address), write.value, True, write.slot)

    def __len__(self) -> int:
        return sum(record.count for record in self.descriptor.records)

    @property
    def header(self) -> tuple[RegisterWord, ...]:
        """The words of its header."""
        locate, task = self.program.architecture.header_location, self.descriptor
        return tuple(RegisterWord(locate(index), task.words[index], True) for index in range(task.header_words))

    def with_(self, name: str | int, word: int | None = None, **fields: int | float | str) -> "Task":
        """The same task with another value in a register that it writes.

        Args:
            name: the register, as `task[name]` takes it.
            word: all its bits; the bits that stand there if left out.
            fields: values of single fields, as `task[name]` shows them.

        Raises:
            RegisterError: the task does not write the register, there is no such field, or a value does not fit.
        """
        location = self._locate(name)
        if location.block is self.program.architecture.header:
            index = self._header_index(location)
        else:
            write = self._write(location)
            if write is None:
                raise RegisterError(
                    f"it does not write {location.name}, and a task keeps its size here",
                    where=f"task {self.index}",
                    hint="convert the program and add the register to the script",
                )
            index = write.index
        start = self.descriptor.words[index] if word is None else word
        value = compose(location.register, start, **fields)
        return replace(self, descriptor=self.descriptor.with_words({index: value}))

    def _locate(self, name: str | int) -> Location:
        arch = self.program.architecture
        if isinstance(name, int):
            return arch.locate(name)
        found = _NAME.fullmatch(name)
        register = arch.find_register(found["register"]) if found else None
        index = int(found["index"] or 0) if found else 0
        if found and register is not None and index < register.count:
            address = arch.address(found["register"], index)
            in_header = name.startswith(f"{arch.header.name}.")
            return arch.header_location(address // 4) if in_header else arch.locate(address)
        for write in self.descriptor.writes():
            if arch.locate(write.address).name == name:
                return arch.locate(write.address)
        raise RegisterError(f"{arch.name} has no register {name}", hint=_near(arch, name))

    def _header_index(self, location: Location) -> int:
        index = location.register.offset // 4
        if index >= self.descriptor.header_words:
            raise RegisterError(f"its header has no word {location.register.name}", where=f"task {self.index}")
        return index

    def _write(self, location: Location) -> descriptors.WrittenWord | None:
        """The last write of a register in the task; None where it has none."""
        writes = [write for write in self.descriptor.writes() if write.address == location.address]
        return writes[-1] if writes else None

    def __repr__(self) -> str:
        return f"<task {self.index}: {self.sentence}>"

    def _repr_html_(self) -> str:
        rows = [
            (word.name, f"{word.value:#010x}", ", ".join(f"{name}={value}" for name, value in word.fields.items()))
            for word in (*self.header, *self)
        ]
        return html.table(f"task {self.index}: {self.sentence}", ("register", "word", "fields"), rows)


def _near(arch: Architecture, name: str) -> str:
    import difflib

    names = [f"{block.name}.{register.name}" for block in arch.all_blocks() for register in block.registers]
    near = difflib.get_close_matches(name, names, 3)
    return f"did you mean {' or '.join(near)}?" if near else "`hwx2py dump` lists the registers of a program"


@dataclass(frozen=True, repr=False, eq=False)
class Program:
    """A register program.

    Attributes:
        content: its words, tensors and coefficients.
        source: the file that it came from, which `save` writes it back into; None for one without a file.
    """

    content: programs.Program
    source: formats.ProgramFile | None = None

    @property
    def architecture(self) -> Architecture:
        """The register table that it is for."""
        return self.content.arch

    @property
    def arch(self) -> str:
        """The architecture's name, such as "H13"."""
        return self.content.arch.name

    @property
    def tensors(self) -> tuple[programs.Buffer, ...]:
        """Inputs and outputs in the order of the container's bindings, then the scratch memory."""
        return self.content.buffers

    @property
    def inputs(self) -> tuple[programs.Tensor, ...]:
        """The input tensors."""
        return self.content.inputs

    @property
    def outputs(self) -> tuple[programs.Tensor, ...]:
        """The output tensors."""
        return self.content.outputs

    @functools.cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Its tasks, in the order in which the engine runs them."""
        return tuple(Task(self, index, task) for index, task in enumerate(self.content.tasks))

    @functools.cached_property
    def names(self) -> operations.Names:
        """How its buffers are called in sentences."""
        return operations.Names.of(self.content)

    def with_task(self, index: int, task: Task) -> "Program":
        """The same program with another task in the place of one of its own.

        Args:
            index: the task to replace.
            task: what takes its place; it needs the same size.

        Raises:
            UsageError: there is no such task, or the size differs.
        """
        tasks = list(self.content.tasks)
        if not 0 <= index < len(tasks):
            raise UsageError(f"there is no task {index}: the program has {len(tasks)}")
        old, new = tasks[index], task.descriptor
        if len(old.words) != len(new.words) or self.arch != task.program.arch:
            sizes = f"{old.size_bytes} bytes for {self.arch}, not {new.size_bytes} for {task.program.arch}"
            raise UsageError(f"its place has {sizes}", where=f"task {index}", hint="edit the program as a script")
        tasks[index] = new._replace(offset=old.offset)
        return replace(self, content=self.content.with_tasks(tasks))

    def values_before(self, index: int) -> dict[int, int]:
        """Byte address -> word of every register as a task finds them.

        Args:
            index: the task.
        """
        arch = self.architecture
        if not arch.carries_state:
            return dict(arch.start_image)
        kept = self._states
        values = dict(kept[index // _STEP])
        for task in self.content.tasks[index - index % _STEP : index]:
            values.update((write.address, write.value) for write in task.writes())
        return values

    @functools.cached_property
    def _states(self) -> list[dict[int, int]]:
        """The register file in front of every `_STEP`th task."""
        values = dict(self.architecture.start_image)
        states = []
        for index, task in enumerate(self.content.tasks):
            if index % _STEP == 0:
                states.append(dict(values))
            values.update((write.address, write.value) for write in task.writes())
        return states

    def __repr__(self) -> str:
        return f"<{self.content.origin.name or 'program'}: {self.arch}, {counted(self.content)}>"

    def _repr_html_(self) -> str:
        tensors = [programs.script_row(buffer)[:6] for buffer in self.content.buffers]
        tasks = list(enumerate(operations.sentences(self.content)))
        return html.table(
            repr(self)[1:-1], ("tensor", "role", "BAR", "shape N C H W", "strides, bytes", "dtype"), tensors
        ) + html.table("", ("task", "does"), tasks)


@dataclass(frozen=True, repr=False, eq=False)
class File:
    """A file that holds a program.

    Attributes:
        path: where it lies.
        source: its program and container.
    """

    path: str
    source: formats.ProgramFile

    @functools.cached_property
    def program(self) -> Program:
        """The program."""
        return Program(self.source.program, self.source)

    @property
    def form(self) -> str:
        """What the file is: "hwx", "anec", "script" or "raw"."""
        return self.source.program.origin.form

    @property
    def compiler(self) -> str:
        """Who made it; empty where the file does not say."""
        return self.source.program.origin.compiler

    @property
    def flags(self) -> tuple[str, ...]:
        """The compiler's flags."""
        return self.source.program.origin.flags

    @property
    def notes(self) -> tuple[str, ...]:
        """What the file lacks."""
        return self.source.program.origin.notes

    def __repr__(self) -> str:
        made = f", {self.compiler}" if self.compiler else ""
        return f"<{self.path}: {self.form}, {self.program.arch}, {counted(self.source.program)}{made}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.program._repr_html_()}"


def counted(program: programs.Program) -> str:
    """Number of tasks and tensors, in words."""
    counts = [(len(program.tasks), "task"), (len(program.buffers), "tensor")]
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)


def content_of(thing: File | Program) -> programs.Program:
    """The program behind what a caller hands over.

    Raises:
        UsageError: it is neither a file nor a program of hwx2py's.
    """
    match thing:
        case File():
            return thing.source.program
        case Program():
            return thing.content
    raise UsageError(f"a program is wanted, not {type(thing).__name__}", hint="hwx2py.load(path) gives one")
