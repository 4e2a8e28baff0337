"""The machinery that runs documents: a document that says something untrue fails."""

import doctest
from pathlib import Path

import pytest
from documents import Player, blocks

TRUE = {
    "command": "```console\n$ echo a; echo b; echo c\na\n...\nc\n```\n",
    "command that continues": "```console\n$ echo a \\\n  b\na b\n```\n",
    "two commands": "```console\n$ echo a > f\n$ cat f\na\n```\n",
    "command that fails as shown": "```console\n$ sh -c 'exit 3'\n$ echo $?\n3\n```\n",
    "indented command": "text\n\n    python -c 'print(1)'\n\n<!-- output -->\n\n    1\n",
    "file of an earlier block": "```console\n$ echo a > f\n```\n<!-- excerpt: f -->\n```python\na\n```\n",
    "Python": "```python\nx = 1\n```\n```python\nprint(x)\n```\n<!-- output -->\n```text\n1\n```\n",
    "doctest": "```python\nx = 1\n```\n```python\n>>> x + 1\n2\n```\n",
    "last lines": "```python\nprint('a\\nb\\nc')\n```\n<!-- output: end -->\n```text\nb\nc\n```\n",
    "skipped": "<!-- needs: a Mac -->\n```console\n$ exit 1\n```\n",
    "an indented figure": "text\n\n    a -> b\n",
}
UNTRUE = {
    "other output": "```console\n$ echo a\nb\n```\n",
    "more output": "```console\n$ echo a; echo b\na\n```\n",
    "command that fails": "```console\n$ exit 1\n```\n",
    "command that fails in the middle": "```console\n$ exit 1\n$ echo a\na\n```\n",
    "other status": "```console\n$ sh -c 'exit 3'\n$ echo $?\n2\n```\n",
    "other printed text": "```python\nprint(2)\n```\n<!-- output -->\n```text\n1\n```\n",
    "Python that fails": "```python\nassert 1 == 2\n```\n",
    "doctest that fails": "```python\n>>> 1 + 1\n3\n```\n",
    "line that is not in the file": "```console\n$ echo a > f\n```\n<!-- excerpt: f -->\n```python\nb\n```\n",
    "no such file": "<!-- excerpt: f -->\n```python\nb\n```\n",
}


def play(text: str, folder: Path) -> None:
    document = folder / "document.md"
    document.write_text(text)
    player = Player(folder)
    for block in blocks(document):
        player.play(block)


@pytest.mark.parametrize("text", TRUE.values(), ids=TRUE)
def test_true_document_passes(text: str, tmp_path: Path):
    play(text, tmp_path)


@pytest.mark.parametrize("text", UNTRUE.values(), ids=UNTRUE)
def test_untrue_document_fails(text: str, tmp_path: Path):
    with pytest.raises((AssertionError, doctest.DocTestFailure)):
        play(text, tmp_path)


def test_line_of_a_message_is_that_of_the_document(tmp_path: Path):
    with pytest.raises(AssertionError, match=r"^document.md:4 shows"):
        play("a\n\n```console\n$ echo a\nb\n```\n", tmp_path)
