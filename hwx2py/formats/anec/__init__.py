"""libane's container `.anec` (and anecc's `.ane`): a header, then text and coefficients, and no names."""
