"""The skeletons of scripts: Python whose `...` and whose imports from hwx2py are filled in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import libcst as cst

#: What marks a place for text, which is put there when the rest is laid out.
IMPORTS, PASTE = "IMPORTS", "PASTE_"


def read(name: str) -> cst.Module:
    """A skeleton by its file name."""
    package = Path(__file__).parents[1]
    # An installation has the folder inside the package, a checkout beside it.
    folders = package / "templates", package.parent / "templates"
    path = next(folder / name for folder in folders if (folder / name).is_file())
    return cst.parse_module(path.read_text(encoding="utf-8"))


def assigned(module: cst.Module, values: Mapping[str, str]) -> cst.Module:
    """The module with other values for some of its names; "" is its docstring.

    Args:
        module: a skeleton.
        values: name -> its value, as Python.
    """

    def filled(statement: cst.CSTNode) -> cst.CSTNode:
        match statement:
            case cst.SimpleStatementLine(body=[cst.Assign(targets=[target]) as assign]):
                name = target.target.value if isinstance(target.target, cst.Name) else None
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString()) as assign]):
                name = ""
            case _:
                return statement
        if name is None or name not in values:
            return statement
        return statement.with_changes(body=[assign.with_changes(value=cst.parse_expression(values[name]))])

    return module.with_changes(body=[filled(statement) for statement in module.body])


def with_body(module: cst.Module, function: str, lines: Sequence[str]) -> cst.Module:
    """The module with the `...` of one of its functions filled in."""

    def filled(statement: cst.CSTNode) -> cst.CSTNode:
        if not isinstance(statement, cst.FunctionDef) or statement.name.value != function:
            return statement
        docstring, *_ = statement.body.body
        body = [docstring, *(cst.parse_statement(line) for line in lines)]
        return statement.with_changes(body=statement.body.with_changes(body=body))

    return module.with_changes(body=[filled(statement) for statement in module.body])


def renamed(module: cst.Module, names: Mapping[str, str]) -> cst.Module:
    """The module with other names in place of some."""

    class Renamed(cst.CSTTransformer):
        def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:  # noqa: N802
            return updated_node.with_changes(value=names.get(updated_node.value, updated_node.value))

    return module.visit(Renamed())


def marked(module: cst.Module) -> cst.Module:
    """The module with a mark in place of its imports, and one in place of each import from the runtime."""
    body: list[cst.CSTNode] = []
    seen = False
    for statement in module.body:
        mark = _mark(statement)
        if mark is None:
            body.append(statement)
        elif mark != IMPORTS or not seen:
            body.append(cst.parse_statement(mark).with_changes(leading_lines=statement.leading_lines))
            seen = seen or mark == IMPORTS
    return module.with_changes(body=body)


def _mark(statement: cst.CSTNode) -> str | None:
    match statement:
        case cst.SimpleStatementLine(body=[cst.ImportFrom(module=cst.Attribute(attr=cst.Name(value=name)))]):
            return f"{PASTE}{name}"
        case cst.SimpleStatementLine(body=[cst.Import() | cst.ImportFrom()]):
            return IMPORTS
    return None
