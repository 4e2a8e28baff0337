"""The page of all questions, as Markdown."""

from collections.abc import Iterator

from .kit import in_order
from .question import Question, Risk
from .questions import QUESTIONS

HEAD = """# Questions to the chip

What a kit of `hwx2py experiment --kit` asks ([how](experiments.md)). The first hypothesis of each question is what the
virtual ANE does. "Goes into" is the file to change if another one holds.

This page is made from the rows of `hwx2py/experiment/questions/`.
"""
RISKS = {
    Risk.READS: "These programs are made of values that known programs have, some of them in other combinations.",
    Risk.GARBAGE: "Tasks, or orders of coefficients, that no known program has.",
    Risk.HANG: "Values that no known program has, or near those that hung an M1. The runner asks before each program.",
    Risk.WEDGE: "Left out unless `--wedge` is given.",
}


def as_markdown() -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    hypotheses = sum(len(question.hypotheses) for question in QUESTIONS)
    programs = sum(len(question.cases) for question in QUESTIONS)
    yield f"{len(QUESTIONS)} questions, {hypotheses} hypotheses, {programs} programs."
    for risk, words in RISKS.items():
        yield f"\n## {risk.words.capitalize()}\n\n{words}\n"
        yield "| question | asks | known | hypotheses | goes into |"
        yield "|---|---|---|---|---|"
        for question in in_order(QUESTIONS):
            if question.risk is risk:
                yield _row(question)


def _row(question: Question) -> str:
    breaks = f" Breaks on purpose: {', '.join(f'`{rule}`' for rule in sorted(question.finding))}."
    asks = question.text + breaks * bool(question.finding)
    hypotheses = "; ".join(one.name for one in question.hypotheses)
    cells = (f"`{question.name}`", asks, question.known, hypotheses, f"`{question.where}`")
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
