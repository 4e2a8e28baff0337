"""The skeletons of scripts: Python whose `...` and whose imports from hwx2py are filled in."""

import importlib.resources
from collections.abc import Mapping, Sequence

import libcst as cst

Statements = Sequence[cst.CSTNode]

#: What marks a place for text, which is put there when the rest is laid out.
IMPORTS, PASTE = "IMPORTS", "PASTE_"


def read(name: str) -> cst.Module:
    """A skeleton by its file name."""
    source = importlib.resources.files("hwx2py.templates").joinpath(name).read_text(encoding="utf-8")
    return cst.parse_module(source)


def assigned(module: cst.Module, values: Mapping[str, cst.BaseExpression]) -> cst.Module:
    """The module with other values for some of its names; "" is its docstring.

    Args:
        module: a skeleton.
        values: name -> its value.
    """
    return module.visit(_Assigned(values))


class _Assigned(cst.CSTTransformer):
    def __init__(self, values: Mapping[str, cst.BaseExpression]):
        super().__init__()
        self.values = dict(values)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802 - libcst's name
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802 - libcst's name
        return False

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:  # noqa: N802
        name = updated_node.targets[0].target
        value = self.values.get(name.value) if isinstance(name, cst.Name) else None
        return updated_node if value is None else updated_node.with_changes(value=value)

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> cst.Expr:  # noqa: N802
        if isinstance(updated_node.value, cst.SimpleString) and "" in self.values:
            return updated_node.with_changes(value=self.values.pop(""))
        return updated_node


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
