"""The version, which files name that hwx2py wrote, and the commit of a checkout."""

import os

VERSION = "0.2.0.dev0"


def commit() -> str:
    """The commit that is checked out where this package lies, abbreviated; empty outside a checkout.

    Files do not name it: what is written depends on the version alone.
    """
    import subprocess

    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not os.path.exists(os.path.join(folder, ".git")):
        return ""
    command = ["git", "-C", folder, "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
