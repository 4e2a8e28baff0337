"""An `.hwx` container as a program: which section, BAR and binding is what."""

from ..container import image as container
from ..container import layout
from ..container.image import Binding, Ident, Image, ProgramCommand, Region, Section, Symtab
from ..errors import ContainerError, UnsupportedError
from ..program.model import DTYPES, ELEMENT_BYTES, SCRATCH, Kernel, Origin, Program, Tensor, natural_const_offset
from ..program.streams import STREAMS
from ..registers import Architecture, by_subtype

OUTPUT_SUFFIX = "@output"
SCRATCH_BAR = 3
#: BARs and slots have 5 bits in a task.
BARS = 32
ROLES = {layout.DIRECTION_INPUT: "input", layout.DIRECTION_OUTPUT: "output"}


def looks_like(data: memoryview) -> bool:
    """Whether the file begins like a container."""
    return int.from_bytes(data[:4], "little") in layout.MAGICS


def load(data: memoryview, name: str, arch: Architecture | None = None) -> Program:
    """The program in a container.

    Args:
        data: the file's bytes.
        name: the file's name, for provenance.
        arch: read it as this architecture instead of the one that the header names.

    Raises:
        ContainerError, ArchitectureError, StreamError, UnsupportedError: as the file deserves.
    """
    image = container.read(data)
    notes = () if arch is None else (f"read as {arch.name}; the header says cpusubtype {image.header.cpusubtype}",)
    arch = arch or by_subtype(image.header.cpusubtype)
    return from_image(image, arch, name, data, notes)


def from_image(image: Image, arch: Architecture, name: str, data: memoryview, notes: tuple[str, ...] = ()) -> Program:
    """The program that an image holds; see `load`."""
    command = _program_command(image, arch)
    text = _section(image, "__TEXT", "__text")
    const = image.section("__TEXT", "__const")
    bars = command.bars()
    _check_bars(command, bars, text, const)
    kernels = tuple(_kernels(image, bars))
    ident = next(image.values(Ident), Ident(""))
    tensors = _tensors(image, arch, bars)
    aliases, unknown = _further_bars(arch, bars, tensors, kernels)
    return Program(
        arch=arch,
        text=STREAMS[arch.stream].decode(text.data, arch, command.first_task_words, command.task_count),
        tensors=(*tensors, *_scratch(image, command, bars)),
        const=const.data if const else data[:0],
        const_offset=_const_offset(text, const, len(data)),
        kernels=kernels,
        relocated=[relocation.offset for relocation in text.relocations()],
        origin=Origin(name, "hwx", data, ident.compiler, ident.flags, (*notes, *unknown), image),
        aliases=aliases,
    )


def _program_command(image: Image, arch: Architecture) -> ProgramCommand:
    commands = [command for command in image.values(ProgramCommand) if command.kind == arch.program_kind]
    if not commands:
        kinds = sorted({command.kind for command in image.values(ProgramCommand)})
        raise ContainerError(
            f"no program command of kind {arch.program_kind}, which {arch.name} has (found: {kinds or 'none'})",
            where="load commands",
        )
    if len(commands) > 1:
        raise UnsupportedError(f"{len(commands)} programs in one file", where="load commands")
    return commands[0]


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


def _kernels(image: Image, bars: dict[int, int]) -> list[Kernel]:
    by_address = {address: bar for bar, address in bars.items()}
    found = []
    for section in image.sections():
        segment = section.name[0]
        if not segment.startswith("__KERN"):
            continue
        if section.fields.address not in by_address:
            raise ContainerError(
                f"segment {segment} at {section.fields.address:#x} stands in no BAR", where="BAR table"
            )
        found.append(Kernel(segment, by_address[section.fields.address], section.data))
    return found


def region_addresses(image: Image) -> dict[str, int]:
    """Region name -> VM address, from the region commands, and from the symbols where those lack one."""
    regions = {region.name: region.address for region in image.values(Region)}
    if not all(binding.region_name in regions for binding in image.values(Binding)):
        for symtab in image.values(Symtab):
            for symbol in symtab.symbols():
                if symbol.fields.section:
                    regions.setdefault(symbol.name, symbol.fields.value)
    return regions


def _tensors(image: Image, arch: Architecture, bars: dict[int, int]) -> list[Tensor]:
    regions = region_addresses(image)
    by_address = {bars[bar]: bar for bar in sorted(bars, reverse=True) if bar >= arch.first_tensor_bar}
    bindings = list(image.values(Binding))
    if not bindings:
        raise ContainerError("no tensor bindings (thread commands of kind 3)", where="load commands")
    plain = [binding.region_name.removesuffix(OUTPUT_SUFFIX) for binding in bindings]
    tensors = []
    for binding, short in zip(bindings, plain):
        name = short if plain.count(short) == 1 else binding.region_name
        address = regions.get(binding.region_name)
        if address is None:
            raise ContainerError(f"tensor {name} has no region", where="load commands")
        if address not in by_address:
            raise ContainerError(f"tensor {name} at {address:#x} stands in no BAR", where="BAR table")
        bar = by_address[address]
        if bar >= BARS:
            raise ContainerError(f"tensor {name} is BAR {bar}; tasks can name {BARS}", where="BAR table")
        tensors.append(_tensor(binding, name, bar))
    names = [tensor.name for tensor in tensors]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ContainerError(f"two tensors are named {twice}", where="load commands")
    return tensors


def _further_bars(
    arch: Architecture, bars: dict[int, int], tensors: list[Tensor], kernels: tuple[Kernel, ...]
) -> tuple[tuple[tuple[int, str], ...], list[str]]:
    """(BAR, tensor) of the BARs that share a tensor's address; notes on BARs that stand for nothing known."""
    names = {bars[tensor.bar]: tensor.name for tensor in tensors}
    known = {*arch.fixed_bars, SCRATCH_BAR, *(tensor.bar for tensor in tensors), *(kernel.bar for kernel in kernels)}
    rest = {bar: address for bar, address in bars.items() if bar not in known}
    aliases = tuple((bar, names[address]) for bar, address in rest.items() if address in names and bar < BARS)
    unknown = [f"BAR {bar} at {address:#x} is no tensor" for bar, address in rest.items() if address not in names]
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
    if fields.element_code not in DTYPES:
        raise UnsupportedError(f"element code {fields.element_code} is not known (known: {DTYPES})", where=where)
    if fields.depth != 1:
        raise UnsupportedError(f"depth {fields.depth}: only tensors of depth 1 are understood", where=where)
    dtype = DTYPES[fields.element_code]
    shape = fields.batch, fields.channels, fields.height, fields.width
    strides = fields.batch_stride, fields.channel_stride, fields.row_stride, fields.element_stride
    if 0 in shape:
        raise ContainerError(f"its shape {shape} has no elements", where=where)
    end = sum((size - 1) * stride for size, stride in zip(shape, strides)) + ELEMENT_BYTES[dtype]
    if end > fields.total_bytes:
        raise ContainerError(
            f"its elements reach {end:#x} bytes, but it has {fields.total_bytes:#x} (shape {shape}, strides {strides})",
            where=where,
        )
    return Tensor(name, ROLES[fields.direction], bar, shape, strides, dtype, fields.total_bytes)


def _scratch(image: Image, command: ProgramCommand, bars: dict[int, int]) -> list[Tensor]:
    if SCRATCH_BAR not in bars:
        return []
    size = command.scratch_bytes
    if not size:
        section = next((part for part in image.sections() if part.fields.address == bars[SCRATCH_BAR]), None)
        size = section.fields.size_bytes if section else 0
    if not size:
        raise ContainerError(
            f"BAR {SCRATCH_BAR} has an address, but nothing says how large the scratch memory is", where="BAR table"
        )
    return [Tensor(SCRATCH, "scratch", SCRATCH_BAR, None, None, None, size)]
