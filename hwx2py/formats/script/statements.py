"""The statements of a script's module, in their order: each does what Python makes of it, or is refused with its line.

Definitions, the imports that scripts have, assignments to names, docstrings, and `if __name__ == "__main__":`, which is
not for those who only import the script.
"""

import ast
import builtins

from . import native
from .evaluate import MORE, Evaluator, Opaque, fail, partial, refused, text_of

#: How a script imports what only running needs.
FOR_RUNNING = "try:\n    import fcntl\n    import numpy as np\nexcept ImportError:\n    fcntl = np = None"


def execute(tree: ast.Module, evaluator: Evaluator, stream: str, source_bytes: int) -> None:
    """Binds the names of a module.

    Args:
        tree: its syntax tree.
        evaluator: has its names afterwards.
        stream: how the architecture writes its tasks.
        source_bytes: the script's size.

    Raises:
        ScriptError: a statement is of another kind, or what it says cannot be evaluated.
    """
    runtime = native.values(stream, evaluator, source_bytes)
    definitions = native.definitions(stream)
    for statement in tree.body:
        _check_names(statement)
        deciding = [name for name in native.defined(statement) if name in definitions]
        if deciding:
            if {definitions[name] for name in deciding} != {native.dumped(statement)}:
                raise fail(statement, f"{deciding[0]} is not as this version of hwx2py writes it: {MORE}")
            for name in native.defined(statement):
                evaluator.bind(name, runtime[name])
        else:
            _execute(statement, evaluator)


def _execute(statement: ast.stmt, evaluator: Evaluator) -> None:
    evaluator.spend(statement, 1)
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return
        case ast.Import() | ast.ImportFrom():
            _import(statement, evaluator)
        case ast.FunctionDef(name=name):
            evaluator.bind(name, evaluator.function(statement))
        case ast.ClassDef(name=name, bases=[], keywords=[], decorator_list=[]) if not _has_functions(statement):
            evaluator.bind(name, evaluator.block(statement))
        case ast.ClassDef(name=name, keywords=[], decorator_list=[]):
            _check_class(statement, evaluator)
            evaluator.bind(name, Opaque(name))
        case ast.Assign(targets=targets, value=value):
            made = evaluator.evaluate(value, {})
            for target in targets:
                for name, own in evaluator.unpacked(target, made).items():
                    evaluator.bind(name, own)
        case ast.Try() if ast.unparse(statement) == FOR_RUNNING:
            for name in ("fcntl", "np"):
                evaluator.bind(name, Opaque(name))
        case ast.If(test=test, orelse=[]) if ast.unparse(test) == "__name__ == '__main__'":
            return
        case _:
            raise refused(statement)


def _check_names(statement: ast.stmt) -> None:
    """Refuses to give names another meaning that the runtime's own functions use: Python's, and those of modules."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    for name in names or native.defined(statement):
        if hasattr(builtins, name) or name in native.imported_names():
            raise fail(statement, f"another meaning of `{name}`: {MORE}")


def _import(statement: ast.Import | ast.ImportFrom, evaluator: Evaluator) -> None:
    for alias in statement.names:
        one: ast.stmt = ast.Import([alias])
        if isinstance(statement, ast.ImportFrom):
            one = ast.ImportFrom(statement.module, [alias], statement.level)
        line = ast.unparse(one)
        if line not in native.imported():
            raise fail(statement, f"`{line}`: {MORE}")
        name = alias.asname or alias.name
        evaluator.bind(name, partial if line == "from functools import partial" else Opaque(name))


def _has_functions(node: ast.ClassDef) -> bool:
    return any(isinstance(statement, ast.FunctionDef) for statement in node.body)


def _check_class(node: ast.ClassDef, evaluator: Evaluator) -> None:
    """Refuses a class whose definition could do more than define functions and constants."""
    for base in node.bases:
        if not isinstance(base, ast.Name) or not isinstance(evaluator.names.get(base.id), Opaque):
            raise fail(node, f"the base `{text_of(base)}` of {node.name}: {MORE}")
    for statement in node.body:
        match statement:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name()], value=value):
                evaluator.evaluate(value, {})
            case ast.FunctionDef():
                evaluator.function(statement)
            case _:
                raise fail(statement, f"in {node.name}: {MORE}")
