"""The seven kinds of task that every operation can be made of, for any shape: cut into bands that fit L2, no fusing."""
