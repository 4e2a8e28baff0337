"""The register table of an architecture as Python classes, for the script."""

from collections.abc import Iterable

import libcst as cst

from ..registers.model import Architecture, Block, Field, Location, Register
from .nodes import Hex, Value, assign, call, docstring, expression, literal, plain, sequence

#: How the script calls a field's kind; kinds without a name here are plain integers.
KIND_NAMES = {"bytes": "BYTES", "address": "BYTES", "fp16": "FP16", "fp32": "FP32", "bar": "BAR", "layout": "LAYOUT"}


def block_classes(arch: Architecture, extra: Iterable[Location]) -> list[cst.ClassDef]:
    """One class for the header and for each block; `extra` are registers without a row that the program writes."""
    added: dict[str, list[Register]] = {}
    blocks = {block.name: block for block in arch.all_blocks()}
    for location in extra:
        blocks.setdefault(location.block.name, location.block)
        added.setdefault(location.block.name, []).append(location.register)
    return [_block_class(block, added.get(block.name, []), block is arch.header) for block in blocks.values()]


def _block_class(block: Block, extra: list[Register], header: bool) -> cst.ClassDef:
    rows = sorted([*block.registers, *extra], key=lambda register: register.offset)
    title = f"Task header: {block.meaning}." if header else f"{block.base:#07x}: {block.meaning}."
    body = [expression(docstring(title)), *(_register(block, register, header) for register in rows)]
    body[1] = body[1].with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    return cst.ClassDef(
        cst.Name(block.name),
        cst.IndentedBlock(body),
        leading_lines=[cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)],
    )


def _register(block: Block, register: Register, header: bool) -> cst.SimpleStatementLine:
    arguments: list[tuple[str, Value]] = [("", cst.Integer(f"{block.base + register.offset:#07x}"))]
    if register.count > 1:
        arguments.append(("count", register.count))
    if header:
        arguments.append(("header", True))
    if register.alone:
        arguments.append(("alone", True))
    arguments += [(field.name, _field(field)) for field in register.fields]
    return assign(register.name, call("Register", arguments), plain(register.meaning))


def _field(field: Field) -> cst.BaseExpression:
    if field.enum:
        pairs = [cst.DictElement(literal(name), literal(number)) for number, name in sorted(field.enum.items())]
        return sequence([field.msb, field.lsb, cst.Dict(pairs)])
    if field.kind in KIND_NAMES:
        return sequence([field.msb, field.lsb, cst.Name(KIND_NAMES[field.kind])])
    return sequence([field.msb, field.lsb])


def shown(field: Field, value: int | float | str) -> Value:
    """A field's value as the script writes it: addresses, sizes and masks in hex."""
    return Hex(value) if isinstance(value, int) and field.kind in ("bytes", "address", "hex", "layout") else value
