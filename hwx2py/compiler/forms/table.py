"""Every form as a row: what it makes, of what shapes, and how its words are known."""

from collections.abc import Callable
from typing import NamedTuple

from ..task import TaskPlan
from . import (
    activation,
    attention,
    broadcast,
    convolution,
    copy,
    elementwise,
    inputs_product,
    norm,
    norm_whole,
    power,
    product,
    reduction,
    rounding,
    scale,
    softmax,
    softmax_channels,
)


class Form(NamedTuple):
    """A form: a function from surfaces and parameters to tasks.

    A form whose condition does not hold raises an `UnsupportedError` with the reason.

    Attributes:
        family: what kind of operation it makes.
        name: what it makes.
        condition: shapes that it takes, beside what fits registers and L2.
        tasks: how many tasks it makes.
        evidence: how its words are known; 9.509 is the compiler whose words they are.
        make: the function.
    """

    family: str
    name: str
    condition: str
    tasks: str
    evidence: str
    make: Callable[..., list[TaskPlan]]


ANY = "any N C H W"
ONE_BATCH = "N = 1"
RECORDS, PUBLISHED = "records", "published tables; no record"

# fmt: off
#: All forms.
FORMS = (
    Form("elementwise", "add, sub, mul, max, min (+ relu)", ANY, "1", f"{RECORDS}: 7 of 7", elementwise.binary),
    Form("elementwise", "x * number + number, abs", ANY, "1", f"{RECORDS}: 2 of 2", scale.scaled),
    Form("elementwise", "with a tensor of one element along dimensions", "N = 1 of the smaller", "2",
         f"{RECORDS} of N C 1 1; other dimensions by the same flags", broadcast.broadcast),
    Form("elementwise", "(x + bias) * scale by channel", ANY, "2", f"{RECORDS}: 1 of 1", broadcast.channel_constants),
    Form("elementwise", "x / y", ONE_BATCH, "2", f"{RECORDS}: 1 of 1", broadcast.divide),
    Form("elementwise", "x to the power of y", f"{ONE_BATCH}, x > 0", "3", f"{RECORDS}: 1 of 1", power.power),
    Form("activation", "relu", ANY, "1", f"{RECORDS}: 1 of 1", activation.relu),
    Form("activation", "a lookup table", ANY, "1", f"{RECORDS}: 4 of 4", activation.table),
    Form("activation", "not of 8-bit bools", ANY, "1", f"{RECORDS}: 1 of 1", activation.logical_not),
    Form("activation", "floor", "1 x C x 1 x 1", "4", f"{RECORDS}: 1 of 1", rounding.floor),
    Form("activation", "8-bit bools to fp16", ANY, "1", "formats as in decoded programs, places by rule",
         scale.from_bools),
    Form("convolution", "convolution", "stride 1, or 1 x 1 at stride 2", "1 a batch element and MiB",
         f"{RECORDS}: 8 of 8", convolution.convolution),
    Form("product", "with a constant", "1 x 1 x M x K", "2 up to M = 128, else 1 + K N / 2^19",
         f"{RECORDS} of M = 1, 8, 64, 375", product.product),
    Form("product", "of two tensors", "1 x 1 x M x K", "1 to 4 where 16 divides M", f"{RECORDS} of M = 16, 64",
         inputs_product.product),
    Form("product", "softmax(q k^T) v", "S x D, S = 16, 32, 64, 128", "9", PUBLISHED, attention.attention),
    Form("reduction", "over H W", ANY, "1 a batch element", f"{RECORDS}: 2 of 2", reduction.over_h_w),
    Form("reduction", "over W", ANY, "1 a batch element", f"{RECORDS}: 2 of 2", reduction.over_w),
    Form("reduction", "over C", "C > 1, not a minimum", "1 (max) or 2", f"{RECORDS}: 2 of 2", reduction.over_c),
    Form("reduction", "over C", "1 x C x 1 x 1", "1", PUBLISHED, reduction.over_flat_c),
    Form("reduction", "over C H W", ONE_BATCH, "1", PUBLISHED, reduction.over_c_h_w),
    Form("reduction", "over H", ONE_BATCH, "3", PUBLISHED, reduction.over_h),
    Form("softmax", "over W", f"{ONE_BATCH}, W > 1", "5 or 6", f"{RECORDS} of H > 1", softmax.over_w),
    Form("softmax", "over C; over H with C and H swapped", f"{ONE_BATCH}, C > 1, H W > 1", "5", PUBLISHED,
         softmax_channels.over_c),
    Form("softmax", "over C", "1 x C x 1 x 1, C > 1", "5", f"{RECORDS}: 1 of 1", softmax_channels.over_flat_c),
    Form("softmax", "over W", "1 x C x 1 x 1", "5", f"{RECORDS}: 1 of 1", softmax_channels.over_single_w),
    Form("norm", "over W", "1 x 1 x M x K", "3, 2 more for 192 rows", f"{RECORDS} of 375 rows", norm.rows),
    Form("norm", "over W", f"{ONE_BATCH}, H > 1", "5", PUBLISHED, norm.over_w),
    Form("norm", "over H W", ONE_BATCH, "3", PUBLISHED, norm.over_h_w),
    Form("norm", "over C", ONE_BATCH, "6", PUBLISHED, norm_whole.over_c),
    Form("norm", "over C", "1 x C x 1 x 1", "5", PUBLISHED, norm.over_flat_c),
    Form("norm", "over C H W; over W of one row", ONE_BATCH, "3", PUBLISHED, norm_whole.over_everything),
    Form("copy", "transpose of a matrix", "1 x 1 x M x K, 16 or 8 bits", "1", f"{RECORDS}: 1 of 1", copy.exchange_rows),
    Form("copy", "C and H exchanged", ONE_BATCH, "1", PUBLISHED, copy.swap_c_h),
    Form("copy", "a slice of columns", "from a multiple of 32", "1", f"{RECORDS}: 1 of 1", copy.slice_columns),
    Form("copy", "a row repeated over H", "1 x C x 1 x W", "1", PUBLISHED, copy.repeat_rows),
)
