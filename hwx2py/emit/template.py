"""The script's template: runnable Python whose top-level statements are replaced by the names that they define."""

import importlib.resources
from collections.abc import Mapping, Sequence

import libcst as cst

#: What each stream's scripts have in place of parts of the template.
STREAM_PARTS = {"linked": (), "records": ("records.py",)}
NO_DRIVER = "no_driver.py"

Statements = Sequence[cst.CSTNode]


def module(stream: str, runs: bool) -> cst.Module:
    """The template for the scripts of a stream, and of architectures that a driver runs or not."""
    base = read("script.py")
    for name in (*STREAM_PARTS[stream], *(() if runs else (NO_DRIVER,))):
        base = base.with_changes(body=replaced(base.body, _overrides(base, read(name))))
    return base


def read(name: str) -> cst.Module:
    """A template by its file name."""
    source = importlib.resources.files("hwx2py.templates").joinpath(name).read_text(encoding="utf-8")
    return cst.parse_module(source)


def replaced(body: Statements, parts: Mapping[str, Statements]) -> list[cst.CSTNode]:
    """A module's statements with those that define one of these names replaced.

    Args:
        body: the statements.
        parts: name -> what stands in its place (nothing, for a name that is to go); "" is the docstring.
    """
    found: list[cst.CSTNode] = []
    for statement in body:
        name = next((name for name in defined(statement) if name in parts), None)
        if name is None:
            found.append(statement)
        elif parts[name]:
            first, *rest = parts[name]
            found += [first.with_changes(leading_lines=statement.leading_lines), *rest]
    return found


def defined(statement: cst.CSTNode) -> list[str]:
    """The names that a top-level statement defines; [""] for a docstring."""
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        return [statement.name.value]
    if not isinstance(statement, cst.SimpleStatementLine):
        return []
    first = statement.body[0]
    match first:
        case cst.Assign():
            targets = [target.target for target in first.targets]
            if isinstance(targets[0], cst.Tuple):
                targets = [element.value for element in targets[0].elements]
            return [target.value for target in targets if isinstance(target, cst.Name)]
        case cst.Import():
            return [alias.name.value for alias in first.names]
        case cst.Expr():
            return [""]
    return []


def _overrides(base: cst.Module, other: cst.Module) -> dict[str, list[cst.CSTNode]]:
    """What another template puts in place of the base's names; what the base does not have follows what it has."""
    known = {name for statement in base.body for name in defined(statement)}
    parts: dict[str, list[cst.CSTNode]] = {}
    last = ""
    for statement in other.body:
        names = defined(statement)
        if names == [""]:
            continue
        if _is_none(statement):
            parts.update((name, []) for name in names)
        elif names[0] in known:
            last = names[0]
            parts[last] = [statement]
        else:
            parts[last].append(statement)
    return parts


def _is_none(statement: cst.CSTNode) -> bool:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(value=cst.Name(value="None"))]):
            return True
    return False
