"""The command line of a script: inputs, outputs, golden files, dry runs."""

import argparse
import hashlib
import io
import os
import sys
import tempfile
import zipfile

import numpy as np

from .ane import UNWRITTEN


def options(about, tensors, device, arguments=None):
    """The command line, parsed; some options are the device's."""
    rows = [f"{t.name} {t.dtype} {t.shape}" for t in tensors if t.role == "input"]
    inputs = f"inputs (default: 3, 2, 1, 1 ..): {', '.join(rows)}"
    parser = argparse.ArgumentParser(description=about, epilog=inputs)
    add = parser.add_argument
    add("--device", metavar="PATH", help="accel node (default: the one called ane)")
    what = "NAME=VALUE|FILE.npy|random[:SEED]|ramp"
    add("--input", metavar=what, action="append", default=[], help="an input's values")
    add("--fill", type=float, help="what outputs hold before the run")
    add("--save", metavar="FILE.npz", help="write the outputs, by name")
    add("--force", action="store_true", help="write over files that exist")
    add("--golden", metavar="FILE.npz", help="compare the outputs: PASS or FAIL")
    add("--atol", type=float, default=0.0, help="largest difference for --golden")
    add("--dry-run", action="store_true", help="build only, touch no device")
    add("--write-command", metavar="FILE", help="write buffer 0, touch no device")
    for name, takes, what in getattr(device, "OPTIONS", ()):
        add(name, metavar=takes, action="append", default=[], help=what)
    return parser.parse_args(arguments)


def default_inputs(tensors):
    """The first input filled with 3, the second with 2, further ones with 1."""
    inputs = [tensor for tensor in tensors if tensor.role == "input"]
    values = [3, 2] + [1] * len(inputs)
    return {t.name: np.full(t.shape, v, t.dtype) for t, v in zip(inputs, values)}


def read_inputs(tensors, chosen):
    """The default inputs, or in their place those of the command line."""
    inputs = default_inputs(tensors)
    given = dict(option.partition("=")[::2] for option in chosen)
    for name in [name for name in inputs if name not in given]:
        print(f"input {name!r}: filled with {inputs[name].flat[0]}")
    for name, value in given.items():
        if name not in inputs:
            raise OSError(f"no input is called {name!r} (inputs: {', '.join(inputs)})")
        try:
            inputs[name] = input_array(value, inputs[name], name)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise OSError(f"--input {name}={value}: {error}") from error
    return inputs


def input_array(value, like, name=""):
    """A number, a file, `random[:SEED]` or `ramp`, in the shape and type of an array."""
    kind, _, seed = value.partition(":")
    if kind == "random":  # normally distributed, and different for every name and seed
        random = np.random.default_rng([int(seed or 0), *name.encode()])
        array = random.standard_normal(like.shape)
    elif value == "ramp":
        array = (np.arange(like.size) % 257 - 128).reshape(like.shape) / 8
    elif value.endswith(".npy"):
        array = load(value)[""]
    else:
        array = np.full(like.shape, float(value))
    if kind in ("random", "ramp") and like.dtype.kind != "f":  # eighths of it
        low, high = np.iinfo(like.dtype).min, np.iinfo(like.dtype).max
        array = np.clip(np.rint(8 * array) + (low + high + 1) // 2, low, high)
    cast = array.astype(like.dtype)
    test = np.isinf if cast.dtype.kind == "f" else np.array  # floats are rounded
    if array.shape != like.shape or (test(cast) != test(array)).any():
        given = f"{array.dtype} {array.shape}"
        raise ValueError(f"{given} does not fit {like.dtype} {like.shape}")
    return cast


def load(path):
    """The arrays of an .npz by name, or that of an .npy as ""."""
    try:
        content = np.load(path)
        arrays = {"": content} if isinstance(content, np.ndarray) else content
        return {k.replace("%2e%2e", ".."): np.asarray(arrays[k]) for k in arrays}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise OSError(f"{path}: {error}") from error


def write(path, pieces, force):
    """Writes a file whole or not at all, and over an existing one only with --force."""
    place, there = os.path.realpath(path), os.path.exists(path)
    if there and not os.path.isfile(place):  # a device, or a descriptor
        with open(path, "wb") as file:
            file.writelines(pieces)
        return
    if there and not force:
        raise OSError(f"{path} exists; --force writes over it")
    mine, here = f".hwx2py-{os.getpid()}-", os.path.dirname(place)
    with tempfile.TemporaryDirectory(prefix=mine, dir=here) as folder:
        with open(os.path.join(folder, "new"), "wb") as file:
            file.writelines(pieces)
        os.replace(file.name, place)


def report(outputs, fill):
    """Prints the outputs; returns how many were not written, as far as it shows."""
    incomplete = 0
    for name, array in outputs.items():
        low, high, mean = (f(array.astype("f8")) for f in (np.min, np.max, np.mean))
        values = "" if low == high else f", {low:g} to {high:g}, mean {mean:g}"
        name = repr(name)[1:-1]  # on one line, whatever is in it
        print(f"{name}: {array.dtype} {array.shape}{values}")
        pattern = np.frombuffer(UNWRITTEN * array.itemsize, f"u{array.itemsize}")
        missing = 0 if fill else np.sum(array.view(pattern.dtype) == pattern)
        if missing == array.size or (missing and array.dtype.kind == "f"):
            print(f"{name}: {missing} of {array.size} not written", file=sys.stderr)
            incomplete += 1
    print(f"output[0] = {next(iter(outputs.values())).flat[0]}")
    return incomplete


def verdict(got, want, tolerance):
    """PASS, or FAIL with how many elements differ, and which does most."""
    if want is None or want.shape != got.shape:
        return f"FAIL: the golden file has {getattr(want, 'shape', 'no such array')}"
    got, want = got.astype("f8"), want.astype("f8")
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    apart = np.where(same, 0, abs(got - want))
    wrong, worst = np.sum(~(apart <= tolerance)), np.argmax(apart)
    most = f"{apart.flat[worst]:g} at {[*map(int, np.unravel_index(worst, got.shape))]}"
    return f"FAIL: {wrong} of {apart.size}, most by {most}" if wrong else "PASS"


def execute(chosen, tensors, build, open_device, run):
    """Does what the options ask for; returns the exit code."""
    if chosen.dry_run or chosen.write_command:
        buffers, tasks, _ = build()
        digest = hashlib.sha256()
        for piece in buffers[0]:
            digest.update(piece)
        if chosen.write_command:
            write(chosen.write_command, buffers[0], chosen.force)
        sizes = f"{sum(map(len, buffers[0]))} bytes, tasks: {len(tasks)}"
        print(f"command buffer: {sizes}, sha256 {digest.hexdigest()}")
        return 0
    if np is None:
        raise OSError("running needs Linux and NumPy: python -m pip install numpy")
    np.seterr(all="ignore")
    device = open_device(chosen)
    golden = load(chosen.golden) if chosen.golden else {}
    inputs = read_inputs(tensors, chosen.input)
    outputs = run(device, build(), tensors, inputs, chosen.fill)
    failed = report(outputs, chosen.fill is not None)
    if chosen.save:
        np.savez(archive := io.BytesIO(), **outputs)
        write(chosen.save, [archive.getvalue()], chosen.force)
    for name in outputs if chosen.golden else []:
        result = verdict(outputs[name], golden.get(name), chosen.atol)
        failed += result != "PASS"
        print(f"{repr(name)[1:-1]}: {result}")
    return min(failed, 1)


def main(about, tensors, build, device, run):
    """The script's command line; its functions are called when they are needed."""
    try:
        return execute(options(about, tensors, device), tensors, build, device, run)
    except OSError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        return 2
