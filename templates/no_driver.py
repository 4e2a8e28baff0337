"""What a script has in place of the template's driver part where no known driver runs its architecture.

Names that are None here are left out of the script.
"""


def run(inputs, fill, device):
    """No known driver runs such a program."""
    return stop(
        f"cannot run: the known driver's SUBMIT, and the virtual ANE, run H13 programs, not {ARCH} ones"
    )


contextlib = ctypes = fcntl = glob = mmap = None
BO_INIT = BOOTSTRAP_NID = Ane = driver_name = find_device = elements = None
