"""Another program in the container of a file, whichever kind that is."""

from ..errors import UnsupportedError
from ..program.program import Program
from .anec import replace as anec
from .anec.header import Anec
from .file import File
from .hwx import replace as hwx
from .hwx.image import Image


def replace(file: File, program: Program) -> list[bytes | memoryview]:
    """The file with another program in it, as pieces to write one after another.

    Args:
        file: an `.hwx` or `.anec`; its own program gives back its bytes.
        program: the program that it shall hold.

    Raises:
        UnsupportedError: the file has no container, or none that can take the program.
    """
    match file.container:
        case Image() as image:
            return hwx.replace(image, file.program, program)
        case Anec() as anec_file:
            return anec.replace(anec_file, file.program, program)
    raise UnsupportedError("there is no container to put the program into", hint="give an .hwx or .anec file")
