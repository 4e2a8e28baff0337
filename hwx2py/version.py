"""The version, which files name that hwx2py wrote."""

VERSION = "0.2.0.dev0"
