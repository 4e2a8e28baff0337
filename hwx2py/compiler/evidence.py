"""Which shapes are recorded: rows of forms and shapes whose words the records of compiler 9.509 prove."""

from typing import NamedTuple

from .task import RECORD, RULE, Evidence


class KnownProgram(NamedTuple):
    """A decoded program that a form reproduces word for word.

    `tests/test_compiler_words.py` compares them by digest, and byte by byte with the files where they are.

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


#: Names, forms and shapes of decoded programs of compiler 9.509 whose words the forms give.
RECORDS = (
    KnownProgram("binary_add_1x64x8x8", "add", (1, 64, 8, 8)),
    KnownProgram("binary_maximum_1x128x16x16", "max", (1, 128, 16, 16)),
    KnownProgram("binary_mul_1x3x224x224", "mul", (1, 3, 224, 224)),
    KnownProgram("chain_add_relu_c512", "add", (1, 512, 1, 1), ("relu",)),
    KnownProgram("unary_abs_c256", "abs", (1, 256, 1, 1)),
    KnownProgram("binary_add_c64_constant_scalar", "scale and bias", (1, 64, 1, 1)),
    KnownProgram("binary_add_c64_constant_blob", "channel constants", (1, 64, 1, 1)),
    KnownProgram("env_bcast_add_8x64x8x8_runtime_1x64x1x1", "broadcast add", (8, 64, 8, 8), (1, 64, 1, 1)),
    KnownProgram("rrmm_bcast_add_1x256x8x8_runtime_1x256x1x1", "broadcast add", (1, 256, 8, 8), (1, 256, 1, 1)),
    KnownProgram("binary_real_div_1x64x8x8", "div", (1, 64, 8, 8)),
    KnownProgram("binary_pow_1x64x8x8", "pow", (1, 64, 8, 8)),
    KnownProgram("unary_relu_c64", "relu", (1, 64, 1, 1)),
    KnownProgram("unary_sigmoid_c64", "sigmoid", (1, 64, 1, 1)),
    KnownProgram("logical_not_1x1x64x64", "logical not", (1, 1, 64, 64)),
    KnownProgram("floor_r_1x64x1x1", "floor", (1, 64, 1, 1)),
    KnownProgram("conv_k3_c64_n64_s8_bias0", "convolution", (1, 64, 8, 8), (64, 3, 3, 1, 1)),
    KnownProgram("conv_k1_c256_n512_s1_bias0", "convolution", (1, 256, 1, 1), (512, 1, 1, 1, 1)),
    KnownProgram("conv_k1_c64_n64_s8_bias0_relu", "convolution", (1, 64, 8, 8), (64, 1, 1, 1, 1, "relu")),
    KnownProgram("env_conv_k1_c64_n64_s16_st1_g1_bias1", "convolution", (1, 64, 16, 16), (64, 1, 1, 1, 1, "bias")),
    KnownProgram("env_conv_k1_c64_n64_s16_st1_g4_bias0", "convolution", (1, 64, 16, 16), (64, 1, 1, 1, 4)),
    KnownProgram("env_conv_k3_c64_n64_s16_st1_g64_bias0", "convolution", (1, 64, 16, 16), (64, 3, 3, 1, 64)),
    KnownProgram("env_conv_k1_c64_n64_s16_st2_g1_bias0", "convolution", (1, 64, 16, 16), (64, 1, 1, 2, 1)),
    KnownProgram("matmul_m1_k256_n256_ty1", "product", (1, 1, 1, 256), (256,)),
    KnownProgram("chain_pair_mm_gelu_d256_s64", "product", (1, 1, 64, 256), (256, "table")),
    KnownProgram("derived_pair_mm_mul_d256_s64", "product", (1, 1, 64, 256), (256, "scale")),
    KnownProgram("derived_pair_mm_relu_d256_s64", "product", (1, 1, 64, 256), (256, "relu")),
    KnownProgram("encoder_linear_m375_k1024_n640_bias1", "product", (1, 1, 375, 1024), (640, "one bias")),
    KnownProgram("rrmm_r2rr_m64_k64_n64_tx0_ty0", "product of inputs", (64, 64, 64)),
    KnownProgram("reduce_mean_axes_2_3", "mean over H W", (1, 64, 8, 8)),
    KnownProgram("reduce_probe_sum_ax2_3_1x64x8x8_flat", "sum over H W", (1, 64, 8, 8), ("flat",)),
    KnownProgram("capture_reduce_min_f16", "min over W", (1, 1, 1, 375)),
    KnownProgram("reduce_probe_sum_ax3_1x64x8x8", "sum over W", (1, 64, 8, 8)),
    KnownProgram("reduce_sum_axes_1", "sum over C", (1, 64, 8, 8)),
    KnownProgram("norm_softmax_a1_1x512x1x1", "softmax over C", (1, 512, 1, 1)),
    KnownProgram("softmax_1x512x1x1", "softmax over W", (1, 512, 1, 1)),
    KnownProgram("candidate_transpose_bool_1x375x375_021", "transpose", (1, 1, 375, 375), ("8 bits",)),
    KnownProgram("encoder_slice_lastdim", "slice W", (1, 8, 375, 749), (0, 375)),
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
