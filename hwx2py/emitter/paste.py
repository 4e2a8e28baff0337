"""The runtime's own source, cut to the definitions that a script reaches."""

import ast
import functools
import importlib.resources
from collections.abc import Iterable
from typing import NamedTuple


class _Definition(NamedTuple):
    """A top-level definition of the runtime.

    Attributes:
        module: the module that has it.
        lines: its source.
        uses: every name in it.
    """

    module: str
    lines: list[str]
    uses: frozenset[str]


class _Module(NamedTuple):
    """A module of the runtime: its definitions and its imports, by name."""

    definitions: dict[str, _Definition]
    imports: dict[str, str]


@functools.cache
def _parsed(module: str) -> _Module:
    source = importlib.resources.files("hwx2py.runtime").joinpath(f"{module}.py").read_text(encoding="utf-8")
    lines, found = source.splitlines(), _Module({}, {})
    for statement in ast.parse(source).body:
        names: list[str] = []
        match statement:
            case ast.Import(names=aliases):
                for alias in aliases:
                    found.imports[alias.asname or alias.name] = ast.unparse(statement)
            case ast.ImportFrom(level=0, names=aliases):
                for alias in aliases:
                    found.imports[alias.asname or alias.name] = f"from {statement.module} import {alias.name}"
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                names = [name]
            case ast.Assign(targets=[ast.Tuple(elts=targets)]):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
        if names:
            found.definitions.update(dict.fromkeys(names, _definition(module, lines, statement)))
    return found


def _definition(module: str, lines: list[str], statement: ast.stmt) -> _Definition:
    uses = frozenset(node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
    first = min([statement.lineno, *(mark.lineno for mark in getattr(statement, "decorator_list", ()))]) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return _Definition(module, lines[first : statement.end_lineno], uses)


class Runtime:
    """The definitions of runtime modules.

    Args:
        modules: names of the modules, in the order in which a script has them.
    """

    def __init__(self, modules: Iterable[str]):
        self.definitions: dict[str, _Definition] = {}
        self.imports: dict[str, str] = {}
        for module in modules:
            self._read(module)

    def _read(self, module: str) -> None:
        found = _parsed(module)
        self.definitions |= found.definitions
        self.imports |= found.imports

    def define(self, module: str, name: str, line: str) -> None:
        """Adds an assignment, as if it stood at a module's end.

        Args:
            module: the module that it belongs to.
            name: what it assigns.
            line: its source.
        """
        self.definitions[name] = _definition(module, [line], ast.parse(line).body[0])

    def reached(self, names: Iterable[str]) -> set[str]:
        """The names among these, and among what they reach, that the runtime defines or imports."""
        reached, left = set(), list(names)
        while left:
            name = left.pop()
            if name in reached or (name not in self.definitions and name not in self.imports):
                continue
            reached.add(name)
            if name in self.definitions:
                left += self.definitions[name].uses
        return reached

    def source(self, modules: Iterable[str], names: set[str]) -> list[str]:
        """The lines of modules' definitions that are among the names, with the empty lines that black has between them.

        Args:
            modules: the modules, in order.
            names: what to take of them.
        """
        lines: list[str] = []
        for module in modules:
            # A definition may have several names.
            found = {id(one): one for name, one in self.definitions.items() if one.module == module and name in names}
            for definition in found.values():
                plain = not any(line.startswith(("def ", "class ", "@")) for line in definition.lines)
                close = not lines or (plain and not lines[-1].startswith(" "))
                lines += [*([] if close else ["", ""]), *definition.lines]
        return lines

    def import_lines(self, names: set[str]) -> list[str]:
        """The imports of the standard library that are among the names; that of NumPy is in the skeleton."""
        lines = sorted({self.imports[name] for name in names if name in self.imports})
        whole = [line.removeprefix("import ") for line in lines if line.startswith("import ") and " as " not in line]
        parts = [line for line in lines if line.startswith("from ")]
        return [f"import {', '.join(whole)}", *parts]


def names_in(source: str) -> set[str]:
    """Every name that some Python uses."""
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
