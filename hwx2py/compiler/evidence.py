"""Which shapes are recorded: rows of forms and shapes whose words the records of compiler 9.509 prove."""

from typing import NamedTuple

from .task import RECORD, RULE, Evidence


class Record(NamedTuple):
    """A decoded program that a form reproduces word for word.

    Attributes:
        name: the record's name.
        form: what the form is called.
        shape: of its source.
        detail: what else decides about its words: another shape, a size, an option.
    """

    name: str
    form: str
    shape: tuple[int, ...]
    detail: tuple[object, ...] = ()


RECORDS = (
    Record("binary_add_1x64x8x8", "add", (1, 64, 8, 8)),
    Record("binary_maximum_1x128x16x16", "max", (1, 128, 16, 16)),
    Record("binary_mul_1x3x224x224", "mul", (1, 3, 224, 224)),
    Record("chain_add_relu_c512", "add", (1, 512, 1, 1), ("relu",)),
    Record("unary_abs_c256", "abs", (1, 256, 1, 1)),
    Record("binary_add_c64_constant_scalar", "scale and bias", (1, 64, 1, 1)),
)
_PROVED = frozenset((record.form, record.shape, record.detail) for record in RECORDS)


def evidence(form: str, shape: tuple[int, ...], *detail: object) -> Evidence:
    """Where the words of a task come from: a record of this shape, or the rule.

    Args:
        form: what the form is called.
        shape: of its source.
        detail: what else decides about its words.
    """
    return RECORD if (form, tuple(shape), detail) in _PROVED else RULE
