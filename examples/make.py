"""Writes the example programs of this folder, from register values: `python examples/make.py`.

They are not what Apple's compiler makes of such networks, only programs that mean the same. README.md says what each
does; `h13_tasks` has the tasks of H13 by name, the `*_programs` modules have the programs.
"""

import pathlib

from chained_programs import attention, chain, softmax, square_table
from h13_tasks import H13, by_dma, neural, planar, program, select, sizes, stored, tensor
from h16_programs import add16
from neural_programs import conv, matmul, relu, sigmoid
from planar_programs import add, maximum, mul

from hwx2py.formats.hwx.create import create
from hwx2py.version import VERSION

#: The programs, and what tests and benchmarks make others from.
__all__ = [
    "EXAMPLES",
    "H13",
    "add16",
    "by_dma",
    "container",
    "neural",
    "planar",
    "program",
    "select",
    "sizes",
    "square_table",
    "stored",
    "tensor",
]

FOLDER = pathlib.Path(__file__).parent

#: File name -> what makes the program.
EXAMPLES = {
    "add": add,
    "mul": mul,
    "max": maximum,
    "relu": relu,
    "sigmoid": sigmoid,
    "conv": conv,
    "matmul": matmul,
    "chain": chain,
    "softmax": softmax,
    "attention": attention,
    "add16": add16,
}


def container(name: str) -> bytes:
    """The bytes of an example's file."""
    return b"".join(create(EXAMPLES[name](), f"hwx2py v{VERSION}, examples/make.py"))


def main() -> None:
    """Writes every example beside this file."""
    for name in EXAMPLES:
        (FOLDER / f"{name}.hwx").write_bytes(container(name))


if __name__ == "__main__":
    main()
