"""softmax(q k^T) v: the rows of q and of the softmax become kernels, one row of L2 all along."""

from ...program.l2 import (
    NEURAL_COLUMNS_BYTES,
    PLANAR_COLUMNS_BYTES,
    Aliases,
    Patch,
    Tile,
    channel_bytes,
    log2_up,
    neural_alias,
    odd_channel_bytes,
    patch_of_one,
)
from ..coefficients import lookup
from ..draft import Draft
from ..engines import NEURAL_ENGINES, Kind, cycles_of_bytes, neural, planar
from ..evidence import evidence
from ..surface import Surface
from ..task import Events, Evidence, RuntimeKernel, Store, TaskPlan
from .inputs_product import store_as_kernel
from .reduction import Reduce, reducing
from .softmax import LOG2_E, keep_kernel, table_cycles
from .steps import kernel_rows, one_row

#: Numbers of rows for which the rows make whole kernels (published tables).
ROWS = (16, 32, 64, 128)


def attention(q: Surface, k: Surface, v: Surface, y: Surface, exp2: bytes, *, scale: float = 1.0) -> list[TaskPlan]:
    """Stores softmax(q k^T) v.

    Args:
        q: the queries, 1 x 1 x S x D with S 16, 32, 64 or 128.
        k: the keys, of the same shape.
        v: the values, of the same shape.
        y: the result, of the same shape.
        exp2: the table of 2^x, 128 bytes.
        scale: a factor on the scores, a float16 (the record of a product has one; published tables have 1).

    Returns:
        Nine tasks (published tables).
    """
    plans = _Attention(q, k, v, y, scale).tasks(exp2)
    return [draft.plan() for draft in plans]


class _Attention:
    def __init__(self, q: Surface, k: Surface, v: Surface, y: Surface, scale: float):
        self.scale = scale
        self.rows, self.columns = q.shape.h, q.shape.w
        self.q, self.k, self.v, self.y = (surface.rows_as_channels() for surface in (q, k, v, y))
        self.known: Evidence = evidence("attention", (self.rows, self.columns))
        self.lanes = self.rows // NEURAL_ENGINES
        self.query_kernel = kernel_rows(f"{y.buffer}.queries", self.rows, self.columns, self.lanes)
        self.power_kernel = kernel_rows(f"{y.buffer}.scores", self.rows, self.rows, self.lanes)
        self.line = channel_bytes(self.rows)
        self.size = self.rows * self.line
        self.scores = Tile(self.line, self.line, self.size, self.size)
        self.lines = Tile(0, self.line, self.line, self.line)
        self.near = patch_of_one(1, self.rows)

    def tasks(self, exp2: bytes) -> list[Draft]:
        return [
            self._query(), self._key(), self._product_of_scores(), self._maximum(), self._difference(),
            self._power(exp2), self._total(), self._weights(), self._result(),
        ]  # fmt: skip

    def _query(self) -> Draft:
        """The queries as a kernel."""
        channel = min(channel_bytes(self.columns), PLANAR_COLUMNS_BYTES)
        self.query_size = self.rows * channel
        patch = patch_of_one(1, self.columns)
        draft = planar("queries to a kernel", self.known, Kind.ONE, (self.rows, 1, self.columns), patch)
        draft.read(self.q)
        draft.source_tile("DmaRead", one_row(0, channel, self.query_size), Aliases.ALL)
        draft.result_tile("DmaWrite", Tile(self.query_size), Aliases.ALL, lanes=self.lanes)
        store_as_kernel(draft, self.query_kernel, self.lanes)
        draft.ends_segment = True
        draft.cycles = cycles_of_bytes(2 * self.q.size_bytes)
        return draft

    def _key(self) -> Draft:
        """The keys, exchanged, into L2."""
        narrow = min(channel_bytes(self.columns), NEURAL_COLUMNS_BYTES)
        channel = odd_channel_bytes(self.rows)
        size = self.columns * channel
        base = self.line + self.size
        self.keys = Tile(base, channel, size, size)
        places = (0, self.query_size), (self.query_size, self.query_size + 0x10 * self.rows)
        draft = neural(
            "keys exchanged", self.known, (self.rows, 1, self.columns), exchange=True, engines=NEURAL_ENGINES
        )  # fmt: skip
        draft.read(self.k)
        draft.source_tile("DmaRead", one_row(base + size, narrow, self.rows * narrow), Aliases.NEURAL)
        draft.result_tile("L2Write", self.keys, Aliases.NEURAL | neural_alias((base, base + size), *places))
        draft.events = Events.COPY
        draft.cycles = cycles_of_bytes(self.k.size_bytes)
        return draft

    def _product_of_scores(self) -> Draft:
        sharing = max(0, min(4, 7 - log2_up(self.rows)))
        draft = neural(
            "scores", self.known, (self.columns, 1, self.rows), out=(self.rows, 1, self.rows), copy=False,
            rows_log2=sharing, prefer_log2=sharing, least_log2=sharing, engines=NEURAL_ENGINES,
        )  # fmt: skip
        self._fetch(draft, self.query_kernel)
        draft.put("NE.PostScale", PostScale=self.scale)
        draft.source_tile("L2Read", self.keys, dependent=1)
        draft.result_tile("L2Write", self.scores)
        draft.cycles = cycles_of_bytes(self.q.size_bytes)
        return draft

    def _fetch(self, draft: Draft, kernel: Surface) -> None:
        """The kernel is one that a task stored."""
        draft.put("NE.KernelCfg", AlignmentFmt=1)
        draft.put("Common.ConvCfg", OCGSize=log2_up(self.lanes))
        draft.kernel = RuntimeKernel(kernel.buffer, kernel.base_bytes, kernel.plane_bytes, kernel.plane_bytes)

    def _near(self) -> Patch:
        return Patch(max(0, 7 - max(4, log2_up(self.rows))), self.near.width_log2)

    def _maximum(self) -> Draft:
        draft = reducing(Reduce.MAX, self.known, (self.rows, 1, self.rows), self._near(), self.rows)
        draft.put("Common.PECfg", OutputTranspose=1)
        draft.source_tile("L2Read", self.scores, dependent=1)
        draft.result_tile("L2Write", self.lines)
        return keep_kernel(draft, True, False)

    def _difference(self) -> Draft:
        draft = planar("(x - maximum) log2 e", self.known, Kind.TWO, (self.rows, 1, self.rows), self._near())
        draft.put("PE.Cfg", OpMode="Add", SecSrc="-Source2")
        draft.put("PE.BiasScale", Scale=LOG2_E)
        draft.put("Common.PECfg", Src2BroadcastW=1, Src2Transpose=1)
        draft.source_tile("L2Read", self.scores, Aliases.PLANAR_RESULT)
        draft.second_tile(self.lines)
        draft.result_tile("L2Write", self.scores)
        return keep_kernel(draft, False, True)

    def _power(self, exp2: bytes) -> Draft:
        sharing = max(0, min(4, 7 - log2_up(self.rows)))
        draft = neural(
            "2^x", self.known, (self.rows, 1, self.rows), rows_log2=sharing, prefer_log2=sharing, least_log2=sharing,
            engines=NEURAL_ENGINES, table=True,
        )  # fmt: skip
        draft.source_tile("L2Read", self.scores, dependent=2)
        draft.result_tile("L2Write", self.scores)
        draft.kernel = lookup(exp2, NEURAL_ENGINES)
        draft.cycles = table_cycles(self.rows, 1, self.rows)
        return draft

    def _total(self) -> Draft:
        draft = reducing(Reduce.SUM, self.known, (self.rows, 1, self.rows), self.near, self.rows)
        draft.what = "1 / sum"
        draft.put("PE.Cfg", NLMode="Reciprocal")
        draft.put("Common.PECfg", OutputTranspose=1)
        draft.source_tile("L2Read", self.scores, Aliases.PLANAR_RESULT, dependent=1)
        draft.result_tile("L2Write", self.lines)
        return keep_kernel(draft, True, False)

    def _weights(self) -> Draft:
        """The softmax as a kernel."""
        draft = planar("2^x / sum to a kernel", self.known, Kind.TWO, (self.rows, 1, self.rows), self.near)
        draft.put("PE.Cfg", OpMode="Mul", SecSrc="+Source2")
        draft.put("Common.PECfg", Src1BroadcastW=1, Src1Transpose=1)
        draft.source_tile("L2Read", self.lines, dependent=2)
        draft.second_tile(self.scores)
        draft.result_tile("DmaWrite", Tile(self.line + self.size), lanes=self.lanes)
        store_as_kernel(draft, self.power_kernel, self.lanes, Store.SOFTMAX_KERNEL)
        draft.ends_segment = True
        draft.cycles = cycles_of_bytes(self.power_kernel.size_bytes)
        return keep_kernel(draft, False, True)

    def _result(self) -> Draft:
        channel = min(channel_bytes(self.columns), NEURAL_COLUMNS_BYTES)
        size, behind = self.rows * channel, self.line + self.size
        places = (0, behind), (behind, behind + 0x10 * self.rows)
        draft = neural(
            "scores times values", self.known, (self.rows, 1, self.columns), copy=False, engines=NEURAL_ENGINES
        )  # fmt: skip
        self._fetch(draft, self.power_kernel)
        draft.read(self.v)
        draft.source_tile("DmaRead", one_row(0, channel, size), Aliases.NEURAL | neural_alias((0, size), *places))
        draft.result_tile("DmaWrite", Tile(size), Aliases.NEURAL | neural_alias((size, 2 * size), *places))
        draft.write(self.y)
        draft.cycles = cycles_of_bytes(self.v.size_bytes + self.y.size_bytes + self.power_kernel.size_bytes)
        return draft
