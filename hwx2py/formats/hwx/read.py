"""The program in an `.hwx` container: which section, BAR and binding is what."""

from collections import Counter
from typing import NamedTuple

from ...errors import ContainerError, StreamError, UnsupportedError
from ...program.program import (
    DTYPES,
    ELEMENT_BYTES,
    SCRATCH,
    SCRATCH_BAR,
    Buffer,
    KernelSegment,
    Origin,
    Program,
    Scratch,
    SectionPlace,
    Tensor,
    natural_const_offset,
)  # fmt: skip
from ...program.streams import STREAMS, Text
from ...program.task_notes import from_text
from ...registers import Architecture, by_subtype
from . import structs
from .image import Binding, Ident, Image, Note, ProgramCommand, Region, Section, Segment, Symtab
from .likeness import check_likeness, generation_hint
from .parse import parse

OUTPUT_SUFFIX = "@output"
SCRATCH_SECTION = "__DATA", "__bss"
#: A container with this segment has no program command: real ones of compiler target h18g (two public projects).
RUNTIME_SEGMENT = "__RUNTIME"
#: BARs and slots have 5 bits in a task.
BARS = 32
#: Buffers are mapped into 32 bits of the engine's address space (the Linux driver: 0x4000 to 0xe0000000).
MOST_BUFFER_BYTES = 1 << 32
#: What the bytes of an image surface are taken as.
SURFACE = "uint8"
ROLES = {structs.DIRECTION_INPUT: "input", structs.DIRECTION_OUTPUT: "output"}


class Loaded(NamedTuple):
    """A program, and the container that it lies in."""

    program: Program
    container: Image


def load(data: memoryview, name: str, arch: Architecture | None = None) -> Loaded:
    """The program in a container.

    Args:
        data: the file's bytes.
        name: the file's name, for provenance.
        arch: read it as this architecture instead of the one that the header names.

    Returns:
        The program and the image, both views on `data`.

    Raises:
        ContainerError: the container is broken.
        ArchitectureError: no register table is known for the header's cpusubtype.
        StreamError: the task stream does not parse.
        UnsupportedError: a tensor or a program of a kind that is not understood.
    """
    image = parse(data)
    notes = () if arch is None else (f"read as {arch.name}; the header says cpusubtype {image.header.cpusubtype}",)
    is_named = arch is None
    arch = arch or by_subtype(image.header.cpusubtype)
    ident = next(image.values(Ident), Ident(""))
    origin = Origin(name, "hwx", data, ident.compiler, ident.flags, notes, _places(image))
    text = _section(image, "__TEXT", "__text")
    program = _program(image, arch, text, origin)
    if is_named:
        check_likeness(program.text, text.data, arch)
    return Loaded(program, image)


def _program(image: Image, arch: Architecture, text: Section, origin: Origin) -> Program:
    commands = list(image.values(ProgramCommand))
    if not commands and any(segment.name == RUNTIME_SEGMENT for segment in image.values(Segment)):
        return _program_without_command(image, arch, text, origin)
    command = _program_command(commands, arch)
    const = image.section("__TEXT", "__const")
    bars = command.bars()
    _check_bars(command, bars, text, const)
    kernels = tuple(_kernels(image, bars))
    bindings, notes = _bindings(image, command.kind)
    tensors = _tensors(image, arch, bars, bindings)
    scratch, scratch_notes = _scratch(image, command, bars)
    aliases, unknown = _further_bars(arch, bars, [*tensors, *([scratch] if scratch else [])], kernels)
    decoded = _decoded(text, arch, command)
    return Program(
        arch=arch,
        text=decoded,
        tensors=tuple(tensors),
        const=const.data if const else text.data[:0],
        const_offset=_const_offset(text, const, len(origin.data)),
        kernels=kernels,
        relocated=[relocation.offset for relocation in text.relocations()],
        origin=origin._replace(notes=(*origin.notes, *notes, *_surfaces(bindings), *scratch_notes, *unknown)),
        aliases=aliases,
        scratch=scratch,
        task_notes=from_text(next(image.values(Note), Note("")).text, len(decoded.tasks)),
    )


def _decoded(text: Section, arch: Architecture, command: ProgramCommand) -> Text:
    try:
        return STREAMS[arch.stream].decode(text.data, arch, command.first_task_words, command.task_count)
    except StreamError as error:
        error.hint = error.hint or generation_hint(text.data, arch)
        raise


def _program_without_command(image: Image, arch: Architecture, text: Section, origin: Origin) -> Program:
    """The program of a container that binds nothing: tasks and coefficients, and no tensors."""
    const = image.section("__TEXT", "__const")
    decoded = STREAMS[arch.stream].decode_bare(text.data, arch)
    notes = ["the container has no program command: it binds no tensors to BARs"]
    if decoded.streams:
        counts = ", ".join(f"{stream.name} with {stream.task_count}" for stream in decoded.streams)
        notes.append(f"its text holds {len(decoded.streams)} task streams: {counts}")
    notes += [
        f"{section.name[0]} ({section.fields.size_bytes:#x} bytes of coefficients) is left out: no BAR is known for it"
        for section in image.sections()
        if section.name[0].startswith("__KERN")
    ]
    return Program(
        arch=arch,
        text=decoded,
        tensors=(),
        const=const.data if const else text.data[:0],
        const_offset=_const_offset(text, const, len(origin.data)),
        relocated=[relocation.offset for relocation in text.relocations()],
        origin=origin._replace(notes=(*origin.notes, *notes)),
    )


def _places(image: Image) -> tuple[SectionPlace, ...]:
    return tuple(
        SectionPlace(",".join(section.name), section.fields.address, section.fields.size_bytes,
                     section.fields.file_offset)
        for section in image.sections()
    )  # fmt: skip


def _program_command(commands: list[ProgramCommand], arch: Architecture) -> ProgramCommand:
    fitting = [command for command in commands if command.kind == arch.program_kind]
    if not fitting:
        kinds = ", ".join(sorted({str(command.kind) for command in commands}))
        raise ContainerError(
            f"no program command of kind {arch.program_kind}, which {arch.name} has (found: {kinds or 'none'})",
            where="load commands",
        )
    return fitting[0]


def _bindings(image: Image, kind: int) -> tuple[list[Binding], list[str]]:
    """The bindings of the first procedure, and a note where there are more.

    A procedure's bindings follow its program command, up to the next one (inferred from a listing of a file with
    several); where there is one program, all are its own.
    """
    bindings: list[list[Binding]] = [[]]
    for command in image.commands:
        if isinstance(command.value, ProgramCommand) and command.value.kind == kind:
            bindings.append([])
        elif isinstance(command.value, Binding):
            bindings[-1].append(command.value)
    count = len(bindings) - 1
    if count < 2 or not bindings[1]:
        return [binding for group in bindings for binding in group], []
    names = ", ".join(group[0].program_name or "without a name" for group in bindings[1:] if group)
    return bindings[1], [f"the file has {count} procedures ({names}); this is the first one"]


def _section(image: Image, segment: str, name: str) -> Section:
    section = image.section(segment, name)
    if section is None or not len(section.data):
        raise ContainerError(f"no section {segment},{name} with content", where="load commands")
    return section


def _check_bars(command: ProgramCommand, bars: dict[int, int], text: Section, const: Section | None) -> None:
    """BAR 0 and the entry are the text, BAR 1 is the coefficients: a file that says otherwise means something else."""
    pointers = [("BAR 0", bars.get(0, 0), text), ("the program's entry", command.text_address, text)]
    if const and 1 in bars:
        pointers.append(("BAR 1", bars[1], const))
    for what, address, section in pointers:
        if address != section.fields.address:
            name = ",".join(section.name)
            raise ContainerError(
                f"{what} is {address:#x}, but {name} lies at {section.fields.address:#x}", where="BAR table"
            )


def _const_offset(text: Section, const: Section | None, file_bytes: int) -> int:
    if const is None:
        return natural_const_offset(len(text.data))
    offset = const.fields.address - text.fields.address
    if offset < len(text.data):
        raise ContainerError(
            f"__TEXT,__const lies {offset:#x} bytes behind the start of the text, which has {len(text.data):#x}",
            where="load commands",
        )
    if offset - len(text.data) > file_bytes:
        raise ContainerError(
            f"__TEXT,__const lies {offset:#x} bytes behind the text, further than the file is long",
            where="load commands",
        )
    return offset


def _kernels(image: Image, bars: dict[int, int]) -> list[KernelSegment]:
    by_address = {address: bar for bar, address in bars.items()}
    kernels = []
    for section in image.sections():
        segment = section.name[0]
        if not segment.startswith("__KERN"):
            continue
        if section.fields.address not in by_address:
            raise ContainerError(f"segment {segment} at {section.fields.address:#x} is in no BAR", where="BAR table")
        kernels.append(KernelSegment(segment, by_address[section.fields.address], section.data))
    return kernels


def region_addresses(image: Image) -> dict[str, int]:
    """Region name -> VM address, from the region commands, and from the symbols where those lack one."""
    regions = {region.name: region.address for region in image.values(Region)}
    if not all(binding.region_name in regions for binding in image.values(Binding)):
        for symtab in image.values(Symtab):
            for symbol in symtab.symbols():
                if symbol.fields.section:
                    regions.setdefault(symbol.name, symbol.fields.value)
    return regions


def _tensors(image: Image, arch: Architecture, bars: dict[int, int], bindings: list[Binding]) -> list[Tensor]:
    regions = region_addresses(image)
    by_address = {bars[bar]: bar for bar in sorted(bars, reverse=True) if bar >= arch.first_tensor_bar}
    if not bindings:
        raise ContainerError("no tensor bindings (thread commands of kind 3)", where="load commands")
    plain = [binding.region_name.removesuffix(OUTPUT_SUFFIX) for binding in bindings]
    uses = Counter(plain)
    tensors = []
    for binding, short in zip(bindings, plain):
        name = short if uses[short] == 1 else binding.region_name
        address = regions.get(binding.region_name)
        if address is None:
            raise ContainerError(f"tensor {name} has no region", where="load commands")
        if address not in by_address:
            raise ContainerError(f"tensor {name} at {address:#x} is in no BAR", where="BAR table")
        bar = by_address[address]
        if bar >= BARS:
            raise ContainerError(f"tensor {name} is BAR {bar}; tasks can name {BARS}", where="BAR table")
        tensors.append(_tensor(binding, name, bar))
    names = Counter(tensor.name for tensor in tensors)
    if twice := next((name for name, count in names.items() if count > 1), None):
        raise ContainerError(f"two tensors are named {twice}", where="load commands")
    return tensors


def _further_bars(
    arch: Architecture, bars: dict[int, int], buffers: list[Buffer], kernels: tuple[KernelSegment, ...]
) -> tuple[tuple[tuple[int, str], ...], list[str]]:
    """(BAR, tensor) of the BARs that share a tensor's address; notes on BARs that stand for nothing known."""
    names = {bars[buffer.bar]: buffer.name for buffer in buffers}
    known = {*arch.fixed_bars, *(buffer.bar for buffer in buffers), *(kernel.bar for kernel in kernels)}
    rest = {bar: address for bar, address in bars.items() if bar not in known}
    aliases = tuple((bar, names[address]) for bar, address in rest.items() if address in names and bar < BARS)
    unknown = [f"BAR {bar} at {address:#x} is not a tensor" for bar, address in rest.items() if address not in names]
    unknown += [
        f"BAR {bar} is {names[rest[bar]]}, but no task can name it"
        for bar in rest
        if bar >= BARS and rest[bar] in names
    ]
    return aliases, unknown


def _tensor(binding: Binding, name: str, bar: int) -> Tensor:
    fields = binding.fields
    where = f"tensor {name}"
    if fields.direction not in ROLES:
        raise ContainerError(f"direction {fields.direction} is neither input (1) nor output (2)", where=where)
    if _pixel_format(fields.element_code):
        shape = fields.batch, 1, 1, fields.total_bytes
        batch_bytes = fields.batch_stride or fields.total_bytes
        size_bytes = (fields.batch - 1) * batch_bytes + fields.total_bytes
        strides = batch_bytes, fields.total_bytes, fields.total_bytes, 1
        return Tensor(name, ROLES[fields.direction], bar, shape, strides, SURFACE, _buffer_bytes(size_bytes, where))
    if fields.element_code not in DTYPES:
        known = ", ".join(f"{code} {dtype}" for code, dtype in DTYPES.items())
        raise UnsupportedError(f"unknown element code {fields.element_code} (known: {known})", where=where)
    if fields.depth != 1:
        raise UnsupportedError(f"depth {fields.depth}: only tensors of depth 1 are understood", where=where)
    dtype = DTYPES[fields.element_code]
    shape = fields.batch, fields.channels, fields.height, fields.width
    strides = fields.batch_stride, fields.channel_stride, fields.row_stride, fields.element_stride
    if 0 in shape:
        raise ContainerError(f"its shape {shape} has no elements", where=where)
    end = sum((size - 1) * stride for size, stride in zip(shape[1:], strides[1:])) + ELEMENT_BYTES[dtype]
    if end > fields.total_bytes:
        raise ContainerError(
            f"its elements reach {end:#x} bytes, but it has {fields.total_bytes:#x} (shape {shape}, strides {strides})",
            where=where,
        )
    # The binding counts the bytes of one batch element; the region reserves those of all (compiler records).
    size_bytes = (fields.batch - 1) * fields.batch_stride + fields.total_bytes
    return Tensor(name, ROLES[fields.direction], bar, shape, strides, dtype, _buffer_bytes(size_bytes, where))


def _pixel_format(code: int) -> str:
    """The four characters of a pixel format, such as "420v"; empty for the code of an element type."""
    characters = code.to_bytes(4, "big")
    return characters.decode() if all(0x20 < byte < 0x7F for byte in characters) else ""


def _surfaces(bindings: list[Binding]) -> list[str]:
    """Notes on tensors that are image surfaces."""
    return [
        f"{binding.region_name} is an image surface ({pixels}): its planes are read as bytes, and what a task makes of "
        "them is not understood"
        for binding in bindings
        if (pixels := _pixel_format(binding.fields.element_code))
    ]


def _buffer_bytes(size_bytes: int, where: str) -> int:
    if size_bytes > MOST_BUFFER_BYTES:
        raise ContainerError(
            f"{size_bytes:#x} bytes are more than the engine can address ({MOST_BUFFER_BYTES:#x})",
            where=where,
            hint="the file is damaged",
        )
    return size_bytes


def _scratch(image: Image, command: ProgramCommand, bars: dict[int, int]) -> tuple[Scratch | None, list[str]]:
    """The scratch memory, if the program has one, and what there is to say about its size.

    Its size is that of its section: a real file (atan2, compiler 7.6.4) has a smaller number in the program command,
    and its tasks write up to the end of the section.
    """
    section = image.section(*SCRATCH_SECTION)
    by_address = {address: bar for bar, address in sorted(bars.items(), reverse=True)}
    bar = SCRATCH_BAR if SCRATCH_BAR in bars else by_address.get(section.fields.address if section else 0)
    if bar is None:
        return None, []
    section = next((part for part in image.sections() if part.fields.address == bars[bar]), None)
    reserved, word = section.fields.size_bytes if section else 0, command.scratch_bytes
    size_bytes = max(reserved, word)
    if not size_bytes:
        raise ContainerError(
            f"BAR {bar} has an address, but nothing says how large the scratch memory is", where="BAR table"
        )
    notes = []
    if section and reserved and word and reserved != word:
        notes.append(
            f"scratch: the program command says {word:#x} bytes, {','.join(section.name)} has {reserved:#x}; "
            "the larger is taken"
        )
    return Scratch(bar, _buffer_bytes(size_bytes, SCRATCH)), notes
