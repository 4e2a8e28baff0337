#!/usr/bin/env python3
"""Runs the scripts of an experiment and says which explanation their results fit."""

import argparse
import glob
import json
import os
import platform
import subprocess
import sys
import tempfile

import numpy as np

# fmt: off
PROGRAM = "template"
OUTPUT = "y"
EXPLANATIONS = {
    "buffers": "the tasks read and write BARs that the wrong buffers are bound to",
    "state": "kernel-DMA and neural-engine state that the compiler leaves in the task spoils it",
}
VARIANTS = [
    # script, what it is, output[0] as each explanation predicts it
    ("raw_fixed.py", "untouched, buffers bound in the old order", {"buffers": 0.0, "state": 0.0}),
]
# fmt: on

FOLDER = os.path.dirname(os.path.abspath(__file__))


def measure(script, command):
    """Runs a script with its outputs filled with 0; returns (output[0] or None, what it said)."""
    with tempfile.TemporaryDirectory() as folder:
        saved = os.path.join(folder, "out.npz")
        arguments = [os.path.join(FOLDER, script), "--fill=0", f"--save={saved}"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True)
        said = [line for line in (done.stdout + done.stderr).splitlines() if line]
        if not os.path.exists(saved):
            return None, said
        with np.load(saved) as outputs:
            return float(outputs[OUTPUT].flat[0]), said


def first_line(pattern):
    """The first line of the first file of a pattern, or None."""
    for path in sorted(glob.glob(pattern)):
        with open(path, "rb") as file:
            return file.readline().strip(b"\0\n").decode("utf-8", "replace")
    return None


def machine(emulated):
    """What the results were measured on."""
    compatible = first_line("/proc/device-tree/compatible")
    return {
        "chip": "virtual ANE of hwx2py" if emulated else compatible,
        "model": None if emulated else first_line("/proc/device-tree/model"),
        "kernel": platform.release(),
        "driver": None if emulated else first_line("/sys/module/ane/version"),
        "nodes": sorted(glob.glob("/dev/accel/accel*")),
    }


def main():
    """Runs all variants, prints the table, and writes report.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--emulate", action="store_true", help="run on the virtual ANE of hwx2py"
    )
    parser.add_argument(
        "--report", metavar="FILE", default=os.path.join(FOLDER, "report.json")
    )
    options = parser.parse_args()
    command = (
        [sys.executable, "-P", "-m", "hwx2py", "emulate"]  # no code from here
        if options.emulate
        else [sys.executable]
    )
    results, fits = [], dict.fromkeys(EXPLANATIONS, True)
    names = "  ".join(f"{name:>10}" for name in EXPLANATIONS)
    print(f"{'script':<24} {names}  {'measured':>10}  what it is")
    for script, what, predictions in VARIANTS:
        value, said = measure(script, command)
        for name, predicted in predictions.items():
            fits[name] = fits[name] and value is not None and value == predicted
        columns = "  ".join(f"{predictions[name]:>10g}" for name in EXPLANATIONS)
        measured = "none" if value is None else f"{value:g}"
        print(f"{script:<24} {columns}  {measured:>10}  {what}")
        row = {"script": script, "what": what, "predicted": predictions}
        results.append(row | {"measured": value, "said": said})
    ran = all(row["measured"] is not None for row in results)
    if not ran:
        fits = dict.fromkeys(EXPLANATIONS)
        said = next(row["said"] for row in results if row["measured"] is None)
        print(f"not settled, not every script ran: {said[-1] if said else 'no word'}")
    for name, why in EXPLANATIONS.items() if ran else ():
        print(f"{name}: {'fits all results' if fits[name] else 'does not fit'} ({why})")
    report = {"program": PROGRAM, "machine": machine(options.emulate)}
    report |= {"explanations": EXPLANATIONS, "fits": fits, "results": results}
    with open(options.report, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    print(f"written: {os.path.basename(options.report)}")
    return 0 if ran else 1


if __name__ == "__main__":
    sys.exit(main())
