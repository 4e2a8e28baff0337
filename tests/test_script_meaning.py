"""A script that is parsed means what Python makes of it, or is refused with its line; and reading it ends soon."""

import ast
import time

import pytest
from conftest import loaded

from hwx2py import emitter, formats
from hwx2py.errors import ScriptError
from hwx2py.formats import script

CIN = "Common.Cin(Cin=4)"
GUARD = '\n\nif __name__ == "__main__":'


@pytest.fixture(scope="module")
def base() -> str:
    return emitter.emit(loaded("mul")).text


def parsed(text: str) -> tuple[bytes, list] | str:
    """The program as parsing has it, or the line's error."""
    try:
        program = script.load(text.encode(), "edited.py", "edited.py")
    except ScriptError as error:
        return str(error) if error.where.startswith("line ") else pytest.fail(str(error))
    return bytes(program.text.to_bytes()), [tuple(tensor) for tensor in program.tensors]


def executed(text: str) -> tuple[bytes, list]:
    """The program as Python has it."""
    names: dict = {"__name__": "script", "__file__": "edited.py"}
    exec(compile(text, "edited.py", "exec"), names)
    buffers, _, _ = names["build"]()
    return bytes(buffers[0][0]), [tuple(tensor) for tensor in names["TENSORS"]]


def same_or_refused(text: str) -> str:
    """Which of the two; anything else is a wrong program."""
    found = parsed(text)
    if isinstance(found, str):
        return "refused"
    assert found == executed(text)
    return "same"


# Statements of the module, by their kind: (statement, what becomes of it).
TWO = "TASKS = [task_0, task_0]"
STATEMENTS = {
    ast.FunctionDef: [("def more():\n    return task_0()\n\n\nTASKS = [task_0, more]", "same"),
                      ("@partial\ndef more():\n    return 1", "refused"),
                      ("def more(a: print('x')):\n    return 1", "refused"),
                      ("def more(a=TASKS.append(task_0)):\n    return 1", "refused"),
                      ("def build():\n    yield 1", "refused"),
                      ("def build():\n    return TASKS\n    yield 1", "refused")],
    ast.AsyncFunctionDef: [("async def build():\n    return 1", "refused")],
    ast.ClassDef: [("class Common(Common):\n    pass", "refused"),
                   ("class More:\n    TASKS.append(task_0)", "refused"),
                   ("class More:\n    A = Register(0x0000c, Cin=(15, 0))\n    B = A", "refused"),
                   ("class Common:\n    __x = Register(0x0000c)", "refused"),
                   ("class More(metaclass=print):\n    pass", "refused"),
                   ("class Ane:\n    def call(self):\n        return 1", "same")],
    ast.Return: [],
    ast.Delete: [("del TASKS[0]", "refused"), ("del ARCH", "refused")],
    ast.Assign: [(TWO, "same"), ("X = TASKS = [task_0, task_0]", "same"), ("TASKS, Y = [task_0, task_0], 1", "same"),
                 ("[TASKS, Y] = [task_0, task_0], 1", "same"), ("TASKS[0] = task_0", "refused"),
                 ("TASKS[:] = [task_0, task_0]", "refused"), ("X = TASKS.append(task_0)", "refused"),
                 ("*TASKS, Y = task_0, task_0, 1", "refused"), ("Y = (TASKS := [])", "refused"),
                 ("TASKS = (task_0, task_0)", "same"), ("TASKS = (t for t in [task_0])", "refused"),
                 ("TASKS = {0: task_0}", "refused"), ("TASKS = [task_0] + [task_0]", "same"),
                 ("Common.InDim.fields = {}", "refused"), ("len = 5", "refused"), ("struct = 5", "refused"),
                 ("size = 5", "same"), ("TENSORS = TENSORS[:2]", "same"),
                 ("every = 5", "refused"), ("LINK = 'x'", "refused"), ("TASK_ALIGNMENT = 512", "refused"),
                 ("X = 1 // 0", "refused"), ("X = open('x')", "refused"), ("X = np.zeros(4)", "refused"),
                 ("def two():\n    return [task_0, task_0]\n\n\nTASKS = two()\ntask_0 = 5", "same")],
    ast.AugAssign: [("TASKS += [task_0]", "refused"), ("TASKS *= 2", "refused")],
    ast.AnnAssign: [("TASKS: list = [task_0, task_0]", "refused"), ("ARCH: str = 'H14'", "refused")],
    ast.For: [("for _ in range(3):\n    TASKS.append(task_0)", "refused")],
    ast.AsyncFor: [], ast.AsyncWith: [],
    ast.While: [(f"while True:\n    {TWO}\n    break", "refused")],
    ast.If: [(f"if True:\n    {TWO}", "refused"),
             (f"if __name__ == '__main__':\n    pass\nelse:\n    {TWO}", "refused"),
             (f"if __name__ != '__main__':\n    {TWO}", "refused")],
    ast.With: [(f"with open('x'):\n    {TWO}", "refused")],
    ast.Match: [(f"match 1:\n    case _:\n        {TWO}", "refused")],
    ast.Raise: [("raise SystemExit", "refused")],
    ast.Try: [(f"try:\n    {TWO}\nexcept ValueError:\n    pass", "refused")],
    ast.TryStar: [(f"try:\n    {TWO}\nexcept* ValueError:\n    pass", "refused")],
    ast.Assert: [("assert TASKS.append(task_0) is None", "refused")],
    ast.Import: [("import json", "refused"), ("import os as TASKS", "refused"), ("import sys", "same")],
    ast.ImportFrom: [("from json import *", "refused"), ("from os import path as every", "refused"),
                     ("from functools import partial", "same")],
    ast.Global: [("global TASKS", "same_as_nothing")], ast.Nonlocal: [],
    ast.Expr: [("TASKS.append(task_0)", "refused"), ("(TASKS := [])", "refused"), ("globals()['TASKS'] = 1", "refused"),
               ("'a text'", "same"), ("setattr(Common.InDim, 'address', 8)", "refused")],
    ast.Pass: [("pass", "same")], ast.Break: [], ast.Continue: [],
}  # fmt: skip
#: Kinds that Python takes inside of functions and loops only.
ELSEWHERE = {ast.Return, ast.Nonlocal, ast.Break, ast.Continue, ast.AsyncFor, ast.AsyncWith}


def test_every_kind_of_statement_has_a_row():
    kinds = {kind for kind in ast.stmt.__subclasses__() if kind.__name__ != "TypeAlias"}
    assert kinds == STATEMENTS.keys()
    assert {kind for kind, rows in STATEMENTS.items() if not rows} == ELSEWHERE


@pytest.mark.parametrize("kind", STATEMENTS, ids=lambda kind: kind.__name__)
def test_statements_mean_what_python_makes_of_them(base, kind):
    at = base.index(GUARD)
    for statement, becomes in STATEMENTS[kind]:
        found = same_or_refused(f"{base[:at]}\n\n{statement}\n{base[at:]}")
        assert found == becomes or becomes == "same_as_nothing", statement


EXPRESSIONS = {
    ast.BoolOp: ["1 and 16"], ast.NamedExpr: ["(x := 16)"], ast.BinOp: ["8 * 2", "2 ** 4", "(-1) ** 0.5", "'a' 'b'"],
    ast.UnaryOp: ["- -16", "~-17", "not 0"], ast.Lambda: ["(lambda: 16)()"], ast.IfExp: ["16 if 1 else 2"],
    ast.Dict: ["{1: 16}[1]", "{**{1: 16}}[1]", "{(1, 2): 3}"], ast.Set: ["{16}"], ast.ListComp: ["[n for n in [16]][0]",
    "[n for n in [16] if n][0]", "[a for a, b in [(16, 1)]][0]"], ast.SetComp: ["{n for n in [16]}"],
    ast.DictComp: ["{n: 16 for n in [1]}[1]"], ast.GeneratorExp: ["sum(n for n in [16])", "[*(n for n in [16])][0]"],
    ast.Await: [], ast.Yield: ["(yield 16)"], ast.YieldFrom: ["(yield from [16])"], ast.Compare: ["1 < 2"],
    ast.Call: ["len([1] + [2])", "int('16')", "len('ab', x=1)", "max(1, 16)", "task_0(1)", "print(16)"],
    ast.FormattedValue: ["f'{16}'"], ast.JoinedStr: ["f'x'"],
    ast.Constant: ["16", "True", "0x10", "...", "None", "b'x'"],
    ast.Attribute: ["(16).real", "Common.Cin.address", "TENSORS[0].bar"], ast.Subscript: ["[16][0]", "[16, 1][:1][0]",
    "'ab'[0]", "BARS['a']"], ast.Starred: ["*[16]"], ast.Name: ["ARCH", "nothing", "dir", "np", "BARS"],
    ast.List: ["[16]"], ast.Tuple: ["(16, 1)"], ast.Slice: ["[16, 1][0:1][0]"],
}  # fmt: skip


def test_every_kind_of_expression_has_a_row():
    kinds = {kind for kind in ast.expr.__subclasses__() if kind.__name__ not in ("TemplateStr", "Interpolation")}
    assert kinds == EXPRESSIONS.keys()


@pytest.mark.parametrize("kind", EXPRESSIONS, ids=lambda kind: kind.__name__)
def test_expressions_mean_what_python_makes_of_them(base, kind):
    for expression in EXPRESSIONS[kind]:
        same_or_refused(base.replace(CIN, f"Common.Cin(Cin={expression})", 1))


FUNCTIONS = {
    "a name that is assigned to later": ("    return [\n", "    x = ARCH\n    ARCH = 'H14'\n    return [\n"),
    "a target that is no name": ("    return [\n", "    TASKS[0] = 5\n    return [\n"),
    "a second return": ("    return [\n", "    return []\n    return [\n"),
    "too many values": ("TASKS = [\n", "def more(a):\n    return a\n\n\nX = more(1, 2)\nTASKS = [\n"),
    "a value twice": ("TASKS = [\n", "def more(a):\n    return a\n\n\nX = more(1, a=2)\nTASKS = [\n"),
    "a keyword twice": (CIN, "Common.Cin(Cin=4, Cin=5)"),
    "a parameter twice": ("TASKS = [\n", "def more(a, a):\n    return a\n\n\nTASKS = [\n"),
    "a changed function of the runtime": ("    return bits\n", "    return bits + 1\n"),
    "a changed layout": ("following, last = offset, len(words) - 1", "following, last = offset, len(words)"),
    "bytes that are NumPy's": ("return {0: [text]}, tasks, {}", "return {0: [text, np.zeros(4)]}, tasks, {}"),
    "a default that changes": (
        "TASKS = [\n", "W = 1\n\n\ndef more(a=W):\n    return a\n\n\nW = 2\nTASKS = [task_0] * more() + [\n"),
}  # fmt: skip


@pytest.mark.parametrize("what", FUNCTIONS)
def test_what_functions_mean(base, what):
    old, new = FUNCTIONS[what]
    text = base
    if old not in base:
        pytest.fail(f"{old!r} is not in the script")
    text = base.replace(old, new, 1)
    assert same_or_refused(text) == "refused"


def test_a_call_is_not_remembered_beyond_a_changed_name(base):
    text = base.replace(CIN, "Common.Cin(Cin=width())", 1)
    at, end = text.index("def task_0"), text.index(GUARD)
    before = "W = 4\n\n\ndef width():\n    return W\n\n\n"
    text = f"{text[:at]}{before}{text[at:end]}\n\nFIRST = task_0()\nW = 5\n{text[end:]}"
    assert same_or_refused(text) == "same"
    assert parsed(text) != parsed(text.replace("\nW = 5\n", "\n"))


def pairs(first: str, form: str) -> str:
    lines = [f"A0 = {first}", *(f"A{n + 1} = {form.replace('@', f'A{n}')}" for n in range(60))]
    return "\n".join(lines)


BOMBS = {
    "shared references in a message": (pairs("[0, 0]", "[@, @]"), "A60"),
    "shared references as a key": (pairs("(1, 1)", "(@, @)"), "{A60: 1}"),
    "shared references as an index": (pairs("(1, 1)", "(@, @)"), "BARS[A60]"),
    "shared references in a field": ("", "4), Common.Cin(" + "[[[1] * 1]]"),
    "functions that call each other": (
        "def f0():\n    return [1]\n"
        + "".join(f"\n\ndef f{n + 1}():\n    return f{n}() + f{n}()\n" for n in range(40)),
        "len(f40())",
    ),
    "every register a million times": ("", "[every([Common.InDim for j in range(1000000)], Win=1) for i in range(9)]"),
    "slices": ("A = [0 for i in range(1000000)]", "[A[:] for i in range(1000000)]"),
    "lists of lists": ("A = [0 for i in range(1000000)]\nB = [A for i in range(1000000)]", "B"),
    "long texts": ("\n".join(["A0 = 'x' + 'x'", *(f"A{n + 1} = A{n} + A{n}" for n in range(40))]), "A40"),
    "a long name": ("", "n" * 100_000),
    "a large number": ("", "0x" + "f" * 100_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_soon_in_one_line(base, name):
    before, value = BOMBS[name]
    text = base.replace("\n\ndef task_0", f"\n{before}\n\n\ndef task_0", 1).replace("Win=16", f"Win={value}", 1)
    start = time.process_time()
    with pytest.raises(ScriptError) as error:
        script.load(text.encode(), "bomb.py", "bomb.py")
    assert time.process_time() - start < 5
    assert len(str(error.value)) <= 500


LARGE_CLASS = "class X:\n" + "".join(f"    a{n} = Register(0, 32768)\n" for n in range(300))
LARGE = (
    ("TASKS = [\n", "TASKS = [task_0 for n in range(1000000)] + [\n"),
    ("TASKS = [\n", "TASKS = [task_0 for n in range(100000)] + [\n"),
    ('Tensor("a"', "Tensor([[[0]]]"),
    ('ARCH = "H13"', "ARCH = [0 for i in range(1 << 18)]"),
    ('ARCH = "H13"', f'ARCH = "{"H" * 100_000}"'),
    ("return {0: [text]}, tasks, {}", "return {0: followed(text, [bytes(1 << 28), bytes(1 << 28)])}, tasks, {}"),
    ("\ndef encode_record(", f"\n\n\n{LARGE_CLASS}\n\n\ndef encode_record("),
)


@pytest.mark.parametrize(("old", "new"), LARGE)
def test_large_tables_end_soon_in_one_line(base, old, new):
    assert old in base
    start = time.process_time()
    with pytest.raises(ScriptError) as error:
        script.load(base.replace(old, new, 1).encode(), "bomb.py", "bomb.py")
    assert time.process_time() - start < 5
    assert len(str(error.value)) <= 500


def test_long_messages_are_cut(cli, tmp_path, base):
    path = tmp_path / "long.py"
    path.write_text(base.replace(CIN, f"Common.{'n' * 5000}()", 1))
    done = cli("info", path)
    assert (done.code, len(done.err.splitlines()), len(done.err) <= 501) == (2, 1, True)


def test_reading_takes_the_words_of_the_original(tmp_path, base):
    path = tmp_path / "mul.py"
    path.write_text(base)
    assert formats.load(str(path)).program.text.to_bytes() == loaded("mul").text.to_bytes()
