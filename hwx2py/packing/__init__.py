"""How coefficients are packed: from weights to the chunks that kernel DMA fetches, and back."""

from .chunks import Chunk, Coefficients, pack
from .fetched import Misfit, layout_of, misfits
from .form import Form, engines_for, form_of, lanes_for, lanes_that_divide
from .halves import Halves
from .planes import NOTHING, Layout, Plane, is_settled, layout, layouts

__all__ = [
    "NOTHING",
    "Chunk",
    "Coefficients",
    "Form",
    "Halves",
    "Layout",
    "Misfit",
    "Plane",
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
]
