"""Reads the report that a kit's runner writes; damaged, cut, foreign and old ones are told apart."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import UsageError
from .question import End, Outcome, bits_of

FORMAT, NUMBER = "hwx2py report", 1
_FORMAT = re.compile(rf"{FORMAT} (\d+)")
#: Keys of the report about the 0.0.
ZERO_KEYS = {"explanations", "fits"}
#: What a chip's name in a device tree begins with.
VENDOR = "apple,"
_CHIP = re.compile(r"t\d{4}")
AGAIN = "copy it again from the machine that wrote it"


class Machine(NamedTuple):
    """What was asked.

    Attributes:
        chips: names of the chip, such as T8103; none where no device tree names it: then it is no evidence.
        model: the machine's model.
        kernel: the kernel's release.
        driver: the driver's version.
    """

    chips: tuple[str, ...]
    model: str
    kernel: str
    driver: str

    def __str__(self) -> str:
        chip = " ".join(self.chips) or "no chip is named: perhaps the virtual ANE, and no evidence"
        return f"{chip}; {self.model or 'model unknown'}; Linux {self.kernel}; driver {self.driver or 'unknown'}"


class Row(NamedTuple):
    """A step that was run.

    Attributes:
        asked: says what was asked, see `Case.digest`.
        outcome: how it ended.
        said: the last lines of the script.
    """

    asked: str
    outcome: Outcome
    said: tuple[str, ...]


class Timing(NamedTuple):
    """How long submits of a program took, in microseconds."""

    asked: str
    median_us: float
    least_us: float
    most_us: float
    submits: int


class Report(NamedTuple):
    """A report.

    Attributes:
        version: of hwx2py, which wrote the kit.
        machine: what was asked.
        rows: step -> how it ended; steps that have no end are left out.
        times: form -> its time.
    """

    version: str
    machine: Machine
    rows: Mapping[str, Row]
    times: Mapping[str, Timing]


def read(path: str) -> Report:
    """Reads a report.

    Args:
        path: the file.

    Raises:
        UsageError: it is none, is cut or damaged, or is of another version; says which.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", file=path) from error
    try:
        return _report(_body(data))
    except UsageError as error:
        raise error.in_file(path) from error.__cause__


def _body(data: bytes) -> dict[str, Any]:
    """The report's object, of this version, undamaged."""
    text = data.decode("utf-8", "replace")
    if not text.lstrip().startswith("{"):
        raise UsageError(f"not a report (it begins with {text[:12]!r})", hint="give the report.json of a kit")
    try:
        body = json.loads(text)
    except ValueError as error:
        raise _unreadable(text, error) from error
    found = _FORMAT.fullmatch(str(body.get("format", "")))
    if found is None:
        is_zero = body.keys() >= ZERO_KEYS
        what = "the report of the five scripts about the 0.0, not that of a kit" if is_zero else "not a report of a kit"
        hint = "docs/zero.md says how to read it" if is_zero else "give the report.json that run_all.py wrote"
        raise UsageError(what, hint=hint)
    number = int(found[1])
    if number != NUMBER:
        age = "an older" if number < NUMBER else "a newer"
        what = f"written by a kit of {age} hwx2py (format {number}, this one reads {NUMBER})"
        raise UsageError(what, hint=f"read it with hwx2py {body.get('hwx2py', 'of that time')}")
    digest = body.pop("sha256", None)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    if digest != hashlib.sha256(canonical.encode()).hexdigest():
        raise UsageError("damaged or edited: its contents do not go with its digest", hint=AGAIN)
    found_body: dict[str, Any] = body
    return found_body


def _unreadable(text: str, error: ValueError) -> UsageError:
    """The error for text that is not JSON: cut off where all up to its end was."""
    place = getattr(error, "pos", 0)
    unfinished = "Unterminated string" in str(error) or place >= len(text.rstrip())
    if unfinished:
        return UsageError(f"cut off after {len(text)} characters", hint=AGAIN)
    return UsageError(f"damaged at character {place}", hint=AGAIN)


def _report(body: Mapping[str, Any]) -> Report:
    try:
        rows = {name: _row(row) for name, row in body["steps"].items() if "end" in row}
        times = {name: _timing(row) for name, row in body["times"].items()}
        return Report(str(body["hwx2py"]), _machine(body["machine"]), rows, times)
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise UsageError(f"damaged: {type(error).__name__} {error}", hint=AGAIN) from error


def _row(row: Mapping[str, Any]) -> Row:
    end = End(row["end"])
    outputs = {name: _array(output) for name, output in row["outputs"].items()} if end is End.VALUES else {}
    return Row(str(row["asked"]), Outcome(end, outputs), tuple(map(str, row["said"])))


def _timing(row: Mapping[str, Any]) -> Timing:
    median, least, most = (float(row[key]) for key in ("median_us", "least_us", "most_us"))
    return Timing(str(row["asked"]), median, least, most, int(row["submits"]))


def _array(output: Mapping[str, Any]) -> np.ndarray:
    data = zlib.decompress(base64.b64decode(output["zlib"], validate=True))
    return bits_of(np.frombuffer(data, np.dtype(output["dtype"])).reshape(output["shape"]))


def _machine(row: Mapping[str, Any]) -> Machine:
    names = [name.removeprefix(VENDOR) for name in row["chip"] or [] if name.startswith(VENDOR)]
    chips = tuple(name.upper() for name in names if _CHIP.fullmatch(name))
    return Machine(chips, row["model"] or "", row["kernel"], row["driver"] or "")
