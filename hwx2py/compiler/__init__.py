"""From a network to a register program: surfaces, the plan of L2, tasks of known forms, and what links them."""
