"""Every question about the chip, as rows."""

from ..question import Question
from . import binding, chains, choices, edges, lanes, neural, parts, plan, planar, tables, values

#: In the order in which a kit asks those of the same risk.
QUESTIONS: tuple[Question, ...] = (
    *planar.QUESTIONS,
    *neural.QUESTIONS,
    *tables.QUESTIONS,
    *values.QUESTIONS,
    *binding.QUESTIONS,
    *lanes.QUESTIONS,
    *chains.QUESTIONS,
    *choices.QUESTIONS,
    *parts.QUESTIONS,
    *plan.QUESTIONS,
    *edges.QUESTIONS,
)
