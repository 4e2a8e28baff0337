"""What a task reads and writes: elements in a buffer or in L2, their shape, and what happens to them on the way."""

from typing import NamedTuple


class Shape(NamedTuple):
    """Sizes of a tensor as the engines see it, in elements; the batch of a network is the groups."""

    groups: int
    channels: int
    depth: int
    height: int
    width: int

    def exchanged(self) -> "Shape":
        """The shape with channels and columns exchanged."""
        return self._replace(channels=self.width, width=self.channels)

    @property
    def count(self) -> int:  # type: ignore[override] # hides tuple's method
        """How many elements there are."""
        return self.groups * self.channels * self.depth * self.height * self.width


class Strides(NamedTuple):
    """Distances between neighbouring elements along each axis, in bytes."""

    group: int
    channel: int
    depth: int
    row: int


class Element(NamedTuple):
    """An element format: the name that the register table gives it, its bytes, and NumPy's name of the type."""

    name: str
    size_bytes: int
    dtype: str


class Dma(NamedTuple):
    """Elements in a buffer, which tile DMA fetches or stores.

    Attributes:
        use: "source 1", "source 2" or "the result".
        bar: the BAR (slot) that the task selects.
        enabled: False where the task's header does not enable that BAR.
        base_bytes: from the start of the BAR.
        strides: in bytes; `channel` is the plane stride.
        interleave: channels stored side by side in a row.
        register: the base register, for faults and links.
        bar_register: the register that selects the BAR.
    """

    use: str
    bar: int | None
    enabled: bool
    base_bytes: int
    strides: Strides
    interleave: int
    register: str
    bar_register: str


class InL2(NamedTuple):
    """Elements in L2.

    Attributes:
        base_bytes: address in L2.
        strides: in bytes.
        register: the base register, for faults and links.
        chained: True where two tasks hand a tensor on tile by tile (ResultType 3, SourceType 3): the strides are then
            those of a tile, and the tensor may be larger than L2.
    """

    base_bytes: int
    strides: Strides
    register: str
    chained: bool = False


class Operand(NamedTuple):
    """A source of a task.

    Attributes:
        where: the buffer or the place in L2 that it comes from.
        shape: its own shape as the engine wants it: 1 along every axis that is broadcast.
        element: its format.
        relu: clamp it at 0 on the way in.
        exchanged: it is stored with channels and columns exchanged.
        broadcast: letters of the axes along which one element serves all: "C", "D", "H", "W".
        stage: the place in L2 that a source from memory passes through; None for one out of L2.
        keeps: a copy stays there for later tasks.
    """

    where: Dma | InL2
    shape: Shape
    element: Element
    relu: bool = False
    exchanged: bool = False
    broadcast: str = ""
    stage: InL2 | None = None
    keeps: bool = False

    @property
    def stored(self) -> Shape:
        """Its shape as it lies in its place."""
        return self.shape.exchanged() if self.exchanged else self.shape


class Result(NamedTuple):
    """Where the result of a task goes: into L2, into a buffer, or both.

    Attributes:
        shape: as the engine computes it.
        element: its format.
        exchanged: it is stored with channels and columns exchanged.
        l2: the place in L2 where it stays, or None.
        memory: the buffer that it is stored in, or None.
    """

    shape: Shape
    element: Element
    exchanged: bool = False
    l2: InL2 | None = None
    memory: Dma | None = None

    @property
    def stored(self) -> Shape:
        """Its shape as it lies in its place."""
        return self.shape.exchanged() if self.exchanged else self.shape


class Unknown(NamedTuple):
    """Something in a task that the reader does not understand.

    Attributes:
        register: `Block.Register.Field`, or `Block.Register` where bits without a name are set.
        value: what it holds, as a person reads it; "nothing" if it was never written.
        why: what is not known.
    """

    register: str
    value: object
    why: str
