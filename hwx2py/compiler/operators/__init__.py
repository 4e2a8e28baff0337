"""What a node of a graph does: a frozen value for each kind of operation, which also infers the shape of its result."""

from .arithmetic import Affine, Binary, Clip, Gated, Linear, Lookup, Power, PRelu, Sign, Unary
from .layout import Concat, DepthToSpace, Expand, Mix, Reshape, Select, Slice, SpaceToDepth, Transpose
from .operator import Operator, Shape, ShapeMismatch
from .reductions import Attend, Attention, MatMul, Reduce, Softmax, Standardize
from .spatial import Conv, ConvTranspose, Pool

__all__ = [
    "Affine",
    "Attend",
    "Attention",
    "Binary",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "Expand",
    "Gated",
    "Linear",
    "Lookup",
    "MatMul",
    "Mix",
    "Operator",
    "PRelu",
    "Pool",
    "Power",
    "Reduce",
    "Reshape",
    "Select",
    "Shape",
    "ShapeMismatch",
    "Sign",
    "Slice",
    "Softmax",
    "SpaceToDepth",
    "Standardize",
    "Transpose",
    "Unary",
]
