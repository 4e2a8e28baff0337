"""Patches of the planar engine: none that no known program has, since such a one hung an M1."""

from dataclasses import replace

from ..program.known_plans import LEAST_PATCH_WIDTH_LOG2, is_known_patch
from ..program.l2 import Patch, log2_up
from .task import TaskPlan, own

#: Of patches that are as narrow as possible, known programs have this height and all below, log2.
MOST_HEIGHT_LOG2 = 5

PATCH = own("a patch that known programs have, where the rule gives one that none has")


def with_known_patch(plan: TaskPlan) -> TaskPlan:
    """The task, with the narrowest patch where its own was never seen, or is wider than its rows.

    Args:
        plan: a task of any engine; those of the neural engines have no patch.
    """
    if plan.engines:
        return plan
    word = plan.registers["Common.PatchCfg"]
    high, wide = word >> 4, word & 0xF
    sizes = (plan.registers["Common.InDim"], plan.registers["Common.OutDim"])
    widest = max(LEAST_PATCH_WIDTH_LOG2, *(log2_up(size & 0x7FFF) for size in sizes))
    if is_known_patch(wide, high) and wide <= widest:
        return plan
    height = max(size >> 16 for size in sizes)
    patch = Patch(min(log2_up(height), MOST_HEIGHT_LOG2), LEAST_PATCH_WIDTH_LOG2)
    registers = {**plan.registers, "Common.PatchCfg": patch.height_log2 << 4 | patch.width_log2}
    return replace(plan, registers=registers, evidence=PATCH)
