"""How coefficients are packed: from weights to the chunks that kernel DMA fetches, and back."""

from .chunks import Chunk, Coefficients, Weights, pack, unpack
from .fetched import Misfit, layout_of, misfits
from .form import Form, engines_for, form_of, lanes_for, lanes_that_divide
from .halves import Halves
from .planes import Layout, Plane, is_settled, layout, layouts

__all__ = [
    "Chunk",
    "Coefficients",
    "Form",
    "Halves",
    "Layout",
    "Misfit",
    "Plane",
    "Weights",
    "engines_for",
    "form_of",
    "is_settled",
    "lanes_for",
    "lanes_that_divide",
    "layout",
    "layout_of",
    "layouts",
    "misfits",
    "pack",
    "unpack",
]
