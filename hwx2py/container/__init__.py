"""The container: a Mach-O-like file around the task stream, the coefficients and the tensors' descriptions."""
