"""Tiles of fewer rows than L2 holds, so that more space is left for what stays there."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..program.l2 import UNIT_BYTES, base_behind
from ..units import round_up
from . import l2_operands
from .draft import Draft
from .l2_seen import Operand
from .task import TaskPlan, own

LOWER = own("tiles of fewer rows than L2 holds, to leave space for tensors that stay there")


def lower_tiles(plans: Sequence[TaskPlan], tasks: Collection[int], divisor: int) -> list[TaskPlan]:
    """The tasks, some of them with lower tiles.

    Args:
        plans: all tasks.
        tasks: those that may have lower tiles; only forms of one task whose operands all pass through L2 get them.
        divisor: by what the rows of a tile are divided.
    """
    begins = [True, *(plan.ends_segment for plan in plans)]
    return [
        _lower(plan, divisor) or plan if task in tasks and begins[task] and plan.ends_segment else plan
        for task, plan in enumerate(plans)
    ]


def _lower(plan: TaskPlan, divisor: int) -> TaskPlan | None:
    """The task with lower tiles; None where it cannot have any.

    Tiles of a window share rows, and no record says whether these are fetched again: what it costs is not known.
    """
    if l2_operands.field(plan, "Common.ConvCfg", "Kh") > 1:
        return None
    height = l2_operands.field(plan, "Common.TileCfg", "TileHeight")
    together = 1 << l2_operands.field(plan, "Common.Cfg", "ShMax")
    rows = max(together, 1 << max(0, (height // divisor).bit_length() - 1))
    if rows >= height or not l2_operands.passes_through(plan):
        return None
    draft = Draft(plan.what, plan.evidence)
    draft.words = dict(plan.registers)
    draft.put("Common.TileCfg", TileHeight=rows)
    lower = replace(plan, registers=draft.words, evidence=LOWER)
    behind = 0
    for operand in Operand:
        extent = l2_operands.extent_in_l2(lower, operand)
        if extent is None:
            continue
        base = round_up(base_behind(0, behind), UNIT_BYTES) if operand is Operand.SECOND else behind
        lower = l2_operands.shifted(lower, [operand], base - extent.start)
        behind = round_up(base + extent.end - extent.start, UNIT_BYTES)
    return lower
