"""Rounding down: the whole part, minus 1 where the fraction is below zero."""

from ...operations.tables import table_bytes
from ...program.l2 import Aliases, Patch, Tile, channel_bytes
from ..coefficients import lookup
from ..curves import FRACTION_CURVE, STEP_BELOW_ZERO, TRUNCATION_CURVE
from ..engines import Kind, cycles, neural, planar
from ..evidence import evidence
from ..surface import Surface
from ..task import TaskPlan

#: Engines that exchange a picture narrower than 16 columns (records).
ENGINES = 8


def floor(x: Surface, y: Surface) -> list[TaskPlan]:
    """Stores the largest whole number that is not above x, of 1 x C x 1 x 1.

    Args:
        x: the source.
        y: the result.

    Returns:
        Four tasks (record of 64 channels, whose second and third table were not recovered: those here are the ones of
        the program of 2023 that rounds up, the step turned round).
    """
    c = x.shape.c
    known = evidence("floor", x.shape)
    depth, line = 0x10 * c, channel_bytes(c)
    x_tile = Tile(2 * line, 0x10, depth, depth)
    steps, wholes = Tile(0, line, line, line), Tile(line, line, line, line)
    fraction = neural("fraction", known, (c, 1, 1), exchange=True, engines=ENGINES, table=True)
    fraction.read(x)
    fraction.source_tile("DmaReadKeep", x_tile._replace(group_bytes=depth), Aliases.ALL)
    fraction.result_tile("L2Write", wholes, Aliases.ALL)
    fraction.kernel = lookup(table_bytes(FRACTION_CURVE), ENGINES)
    fraction.cycles = cycles((x,))
    step = neural("1 where it is below zero", known, (1, 1, c), table=True)
    step.source_tile("L2Read", wholes, Aliases.NEURAL_RESULT)
    step.result_tile("L2Write", steps)
    step.kernel = lookup(table_bytes(STEP_BELOW_ZERO), 1)
    whole = neural("whole part", known, (c, 1, 1), exchange=True, engines=ENGINES, table=True)
    whole.source_tile("L2Read", x_tile)
    whole.result_tile("L2Write", wholes)
    whole.kernel = lookup(table_bytes(TRUNCATION_CURVE), ENGINES)
    last = planar("difference", known, Kind.TWO, (c, 1, 1), Patch(0, 4))
    last.put("PE.Cfg", OpMode="Add", SecSrc="-Source2")
    last.put("Common.PECfg", Src1Transpose=1, Src2Transpose=1)
    last.source_tile("L2Read", wholes, Aliases.NEURAL_RESULT)
    last.second_tile(steps)
    last.result_tile("DmaWrite", Tile(2 * line))
    last.write(y)
    last.cycles = cycles((), (y,))
    return [draft.plan() for draft in (fraction, step, whole, last)]
