"""The machines: what each generation is beside its registers.

Sources: results and register edits that others recorded on M1, M1 Pro, M1 Max, M2 Pro and M2 Max; decoded compiler
programs that were executed; the Linux drivers.
"""

from .machine import Machine
from .speeds import H13_RATES, H13_SUBMITS

#: ExeCycles is floor(max(bytes / 34133.33, 0.00444 x planes of the source)): bytes of rows rounded up to 64 bytes, and
#: of coefficients. Tasks that hand a tensor on through L2 share a number.
CYCLES_PER_BLOCK = 3
CYCLES_H13 = "52 of 58 tasks of decoded programs of compiler 9.509; 10.26.6 counts 65,536 bytes (published)"

H13 = Machine(
    confirmed="results recorded on M1, M1 Pro and M1 Max",
    agrees="errors of products, of a 3 x 3 convolution and of GELU on an M1",
    executes=True,
    driver="ABI 1",
    anec=True,
    cycles_per_block=CYCLES_PER_BLOCK,
    cycles_evidence=CYCLES_H13,
    rates=H13_RATES,
    submits=H13_SUBMITS,
)
