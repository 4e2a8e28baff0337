"""What is in a file, as data: the summary of `info` and the register listing of `dump`."""
