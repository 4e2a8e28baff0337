"""The machines of H14 and later: what each generation is beside its registers.

Sources: results that others recorded on M2 Pro and M2 Max; decoded compiler programs that were executed. A module of
its own, so that reading an H13 program does not load the start images.
"""

from . import start_images
from .machine import Machine

DRAM_H14 = "as on H13: one decoded program has 26 for 903,168 bytes"
DRAM_H15 = "inferred from one decoded program, whose ExeCycles is 17 for 903,168 bytes"

H14 = Machine(
    confirmed="results recorded on M2 Pro and M2 Max: elementwise and products",
    executes=True,
    driver="ABI 2",
    anec=True,
    start=start_images.H14,
    dram_bytes_per_us=34_133,
    dram_evidence=DRAM_H14,
)
H15 = Machine(executes=True, start=start_images.H15, dram_bytes_per_us=53_128, dram_evidence=DRAM_H15)
H16 = Machine(executes=True, start=start_images.H16, binary_point=60, dram_bytes_per_us=53_128, dram_evidence=DRAM_H15)
H17 = H16
H18 = Machine(
    executes=True,
    start=start_images.H18,
    binary_point=60,
    plain_formats=(0x3211, 0xF0003211),
)
H19 = Machine(binary_point=60)
