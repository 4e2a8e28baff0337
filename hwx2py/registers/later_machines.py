"""The machines of H14 and later: what each generation is beside its registers.

Sources: results that others recorded on M2 Pro and M2 Max; decoded compiler programs that were executed. A module of
its own, so that reading an H13 program does not load the start images.
"""

from . import start_images
from .machine import Machine
from .machines import CYCLES_PER_BLOCK
from .speeds import H14_RATES, H16_RATES, H16_SUBMITS, H17_RATES, H17_SUBMITS

CYCLES_H14 = "as on H13, in decoded programs of compiler 9.509"
#: 51,200 bytes a cycle; decoded programs have 17 for 903,168 bytes and 5 for 294,912.
CYCLES_PER_BLOCK_H15 = 2
CYCLES_H15 = "inferred from decoded programs of compiler 9.509: 50,177 to 53,127 bytes would do"

H14 = Machine(
    confirmed="results recorded on M2 Pro and M2 Max: elementwise and products",
    executes=True,
    driver="ABI 2",
    anec=True,
    start=start_images.H14,
    cycles_per_block=CYCLES_PER_BLOCK,
    cycles_evidence=CYCLES_H14,
    rates=H14_RATES,
)
H15 = Machine(executes=True, start=start_images.H15, cycles_per_block=CYCLES_PER_BLOCK_H15, cycles_evidence=CYCLES_H15)
H16 = H15._replace(
    start=start_images.H16,
    binary_point=60,
    rates=H16_RATES,
    submits=H16_SUBMITS,
    agrees="limits of products on an M4",
)
H17 = H16._replace(
    rates=H17_RATES,
    submits=H17_SUBMITS,
    agrees="limits, sums, errors of products and results of lookup tables on M5 and M5 Pro; their 3 x 3 convolutions "
    "are transformed (Winograd), which no known program shows",
)
H18 = Machine(
    executes=True,
    start=start_images.H18,
    binary_point=60,
    plain_formats=(0x3211, 0xF0003211),
)
H19 = Machine(binary_point=60, agrees="limits, sums and errors of products on an M6; 3 x 3 convolutions as on H17")
