#!/usr/bin/env python3
"""Asks this machine's Neural Engine the questions of the kit, from harmless to risky.

Every program runs in a process of its own, with a time limit. What came out is in
report.json after every step, so that a machine that went down loses nothing: run
this again, and it goes on with the next step. What may wedge the engine is left out
unless --wedge is given. Needs Python and NumPy, and the Linux driver.
"""

import argparse
import base64
import contextlib
import errno
import glob
import hashlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
FORMAT = "hwx2py report 1"
ASKS_BEFORE, NEEDS_WEDGE = "may hang", "may wedge"
#: A runner that was killed starts the step again, once, unless the machine was
#: started anew in between: then the step hung it.
MOST_TRIES = 2
#: The driver itself gives up after about a second.
LIMIT_SECONDS = 60
#: Submits of a timed program, and those before them, which are not counted; fewer
#: where they take longer than this in all.
TIMED, WARM = 200, 20
TIMED_SECONDS = 5
#: What the driver answers when the engine is wedged.
WEDGED = (errno.ECANCELED, errno.ENODEV)


class Stop(Exception):
    """Nothing more can be asked now; says why, and what to do."""


class Report:
    """report.json: what is known so far, written whole after every step."""

    def __init__(self, path, kit):
        self.path = path
        self.rows, self.times = {}, {}
        self.kit = kit["sha256"]
        self.hwx2py = kit["hwx2py"]
        if os.path.exists(path):
            self._read()

    def _read(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                old = json.load(file)
            same = old["format"] == FORMAT and old["kit"] == self.kit
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Stop(f"{self.path} cannot be read ({error}); move it away") from error
        if not same:
            raise Stop(f"{self.path} is of another kit; move it away")
        self.rows, self.times = old["steps"], old["times"]

    def write(self):
        """Puts the report into its place, so that there is always a whole one."""
        body = {
            "format": FORMAT,
            "kit": self.kit,
            "hwx2py": self.hwx2py,
            "machine": machine(),
            "steps": self.rows,
            "times": self.times,
        }
        body["sha256"] = digest_of(body)
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(body, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)
        folder = os.open(os.path.dirname(os.path.abspath(self.path)), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def begin(self, step):
        """Notes that a step is being run: if nothing follows, it hung the machine."""
        tries = self.rows.get(step["name"], {}).get("tries", 0) + 1
        row = {"asked": step["asked"], "boot": boot(), "tries": tries}
        self.rows[step["name"]] = row
        self.write()

    def end(self, step, found):
        """Notes how a step ended."""
        self.rows[step["name"]].update(found)
        self.write()

    def forget(self, step):
        """A step that could not be asked leaves nothing behind."""
        del self.rows[step["name"]]
        self.write()

    def close_begun(self):
        """Marks the steps that were begun and have no end, but for those to try again."""
        for name, row in self.rows.items():
            if "end" in row:
                continue
            if row["boot"] == boot() and row["tries"] < MOST_TRIES:
                continue
            how = "the machine" if row["boot"] != boot() else "this program"
            row.update(end="hang", said=[f"{how} went down while it ran"], seconds=None)
            print(f"{name}: {row['said'][0]}; it counts as a hang")


def digest_of(body):
    """The sha256 of a report without it."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def boot():
    """Says which start of the machine this is."""
    return first_line("/proc/sys/kernel/random/boot_id")


def first_line(pattern):
    """The first line of the first file of a pattern, or None."""
    for path in sorted(glob.glob(pattern)):
        with open(path, "rb") as file:
            return file.readline().strip(b"\0\n").decode("utf-8", "replace")
    return None


def machine():
    """What the results were measured on: no chip where no device tree names one."""
    chip = first_line("/proc/device-tree/compatible")
    return {
        "chip": chip and chip.split("\0"),
        "model": first_line("/proc/device-tree/model"),
        "kernel": platform.release(),
        "driver": first_line("/sys/module/ane/version"),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def run(command, limit_seconds):
    """Runs a command; returns its exit code, None beyond the limit, and what it said."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            code = child.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            code = None
            child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the driver
                child.wait(5)
        except KeyboardInterrupt:
            child.kill()
            raise
        said.seek(0)
        return code, said.read().decode("utf-8", "replace").splitlines()


def ask(step, options):
    """Runs the program of a step; returns how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        saved = os.path.join(folder, "out.npz")
        command = [sys.executable, os.path.join(FOLDER, step["script"])]
        command += [f"--fill={step['fill']}", f"--save={saved}"]
        command += [f"--device={options.device}"] * bool(options.device)
        for name, value in step["inputs"].items():
            path = os.path.join(FOLDER, value)
            command.append(
                f"--input={name}={path if value.endswith('.npy') else value}"
            )
        start = time.monotonic()
        code, said = run(command, options.limit)
        found = {"seconds": round(time.monotonic() - start, 3), "said": said[-3:]}
        if code is None:
            how = f"did not end within {options.limit:g} s"
            return found | {"end": "hang", "said": [*said[-2:], how]}
        if os.path.exists(saved):
            with np.load(saved) as outputs:
                stored = {name: kept(outputs[name]) for name in outputs.files}
            return found | {"end": "values", "outputs": stored}
    return found | refusal(said)


def refusal(said):
    """How a program ended that gave no outputs: by what the driver answered."""
    last = said[-1] if said else "no word"
    if os.strerror(errno.ETIMEDOUT) in last:
        return {"end": "hang"}
    if any(os.strerror(number) in last for number in WEDGED):
        raise Stop(
            f"the engine takes no more programs ({last}); start the machine anew"
        )
    if ": SUBMIT: " in last:
        return {"end": "refused"}
    raise Stop(last)


def kept(array):
    """An output as the report keeps it."""
    data = np.ascontiguousarray(array).tobytes()
    packed = base64.b64encode(zlib.compress(data, 9)).decode()
    dtype, shape = array.dtype.str.lstrip("<|"), list(array.shape)
    return {"dtype": dtype, "shape": shape, "zlib": packed}


def answer_of(row):
    """An answer in a few letters, as kit.json has those that are predicted."""
    if row["end"] != "values":
        return row["end"]
    found = hashlib.sha256()
    for name, output in sorted(row["outputs"].items()):
        found.update(name.encode() + zlib.decompress(base64.b64decode(output["zlib"])))
    return found.hexdigest()


def may_ask(step, options):
    """Whether a step may be run now; why not, otherwise."""
    if step["risk"] == NEEDS_WEDGE and not options.wedge:
        return "may wedge the engine: only with --wedge"
    if step["risk"] not in (ASKS_BEFORE, NEEDS_WEDGE) or options.yes:
        return ""
    print(f"\n{step['name']}: {step['text']}")
    print(f"It {step['risk']}: save your work. The report is on the disk already.")
    try:
        answer = input("Run it? [y/N] ")
    except EOFError:
        answer = ""
    return "" if answer.strip().lower() in ("y", "yes") else "you did not want it"


def check_engine(kit, options):
    """Asks something harmless behind a hang.

    An engine that is stuck would give wrong answers from now on.
    """
    step = kit["steps"][0]
    found = ask(step, options)
    if found["end"] != "values":
        why = "the engine does not come back after the hang"
    elif answer_of(found) not in step["answers"].values():
        why = "the engine gives garbage after the hang"
    else:
        return
    raise Stop(f"{why}: start the machine anew and run this again, it will go on")


def ask_all(kit, report, options):
    """Runs all steps that are still open; returns those that were left out, and why."""
    left_out = {}
    for step in chosen(kit, options):
        if "end" in report.rows.get(step["name"], {}):
            continue
        if why := may_ask(step, options):
            left_out[step["name"]] = why
            continue
        report.begin(step)
        try:
            found = ask(step, options)
        except (Stop, KeyboardInterrupt):
            report.forget(step)
            raise
        report.end(step, found)
        print(f"{step['name']}: {found['end']}, {found['seconds']} s", flush=True)
        if found["end"] == "hang":
            check_engine(kit, options)
    return left_out


def chosen(kit, options):
    """The steps of the questions that were chosen."""
    known = {step["question"] for step in kit["steps"]}
    for name in options.only:
        if not any(question.startswith(name) for question in known):
            raise Stop(f"no question begins with {name!r}; --dry-run lists them")
    starts = tuple(options.only) or ("",)
    return [step for step in kit["steps"] if step["question"].startswith(starts)]


def time_all(kit, report, options):
    """Times the programs of the kit's forms, each in a process of its own."""
    for form in kit["forms"]:
        if form["name"] in report.times:
            continue
        script = os.path.join(FOLDER, form["script"])
        command = [sys.executable, os.path.abspath(__file__), "--time-one", script]
        command += [f"--device={options.device}"] * bool(options.device)
        code, said = run(command, options.limit)
        if code != 0:
            why = "it did not end" if code is None else said[-1] if said else "no word"
            raise Stop(f"{form['name']}: {why}")
        report.times[form["name"]] = json.loads(said[-1]) | {"asked": form["asked"]}
        report.write()
        took = report.times[form["name"]]["median_us"]
        print(f"{form['name']}: {took:.1f} us", flush=True)


def time_one(path, device):
    """Submits a script's program many times; prints how long a submit took."""
    spec = importlib.util.spec_from_file_location("timed", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    took = []

    class Timed(script.Ane):
        """The engine, with every submit made many times."""

        def call(self, name, *arguments):
            """The driver's call."""
            if name != "SUBMIT":
                return super().call(name, *arguments)
            end = time.perf_counter_ns() + TIMED_SECONDS * 10**9
            while len(took) < WARM + TIMED:
                start = time.perf_counter_ns()
                if start > end and len(took) > 1:
                    break
                answer = super().call(name, *arguments)
                took.append((time.perf_counter_ns() - start) / 1000)
            return answer

    options = script.options(
        "", script.TENSORS, Timed, [f"--device={device}"] * bool(device)
    )
    inputs = script.default_inputs(script.TENSORS)
    script.run(Timed(options), script.build(), script.TENSORS, inputs)
    counted = sorted(took[WARM:] or took[1:])
    print(
        json.dumps(
            {
                "median_us": statistics.median(counted),
                "least_us": counted[0],
                "most_us": counted[-1],
                "submits": len(counted),
            }
        )
    )


def summary(kit, report, left_out):
    """What came out, in lines that fit into a post."""
    where = machine()
    chip = ", ".join(
        where["chip"] or ["no chip is named here: perhaps the virtual ANE"]
    )
    lines = [f"{kit['title']}; kit {kit['sha256'][:12]}, hwx2py {kit['hwx2py']}"]
    lines.append(
        f"{chip}; {where['model'] or 'model unknown'}; Linux {where['kernel']}"
    )
    lines.append(
        f"driver {where['driver'] or 'unknown'}; pages of {where['page_bytes']}"
    )
    counts = dict.fromkeys(("as modelled", "otherwise", "unsettled", "not asked"), 0)
    rows = []
    for question in kit["questions"]:
        steps = [s for s in kit["steps"] if s["question"] == question["name"]]
        verdict, kind = answer_to(question, steps, report.rows, left_out)
        counts[kind] += 1
        if kind != "not asked":
            mark = {"as modelled": " ", "otherwise": "!", "unsettled": "?"}[kind]
            rows.append(f"{mark} {question['name']:<24} {verdict}")
    lines.append(", ".join(f"{number} {kind}" for kind, number in counts.items()))
    lines += rows
    lines += [
        f"  {name:<24} {t['median_us']:.1f} us" for name, t in report.times.items()
    ]
    return lines


def answer_to(question, steps, rows, left_out):
    """Which hypothesis the answers to a question fit, and how the model does."""
    ended = [step for step in steps if "end" in rows.get(step["name"], {})]
    if not ended:
        return next(
            (left_out[s["name"]] for s in steps if s["name"] in left_out), ""
        ), "not asked"
    if len(ended) < len(steps):
        return f"{len(ended)} of {len(steps)} programs were run", "unsettled"
    answers = {step["name"]: answer_of(rows[step["name"]]) for step in steps}
    fitting = [
        name
        for name in question["hypotheses"]
        if all(step["answers"][name] == answers[step["name"]] for step in steps)
    ]
    if not fitting:
        ends = sorted({rows[step["name"]]["end"] for step in steps})
        return (
            f"none of the {len(question['hypotheses'])} answers fits ({', '.join(ends)})",
            "otherwise",
        )
    kind = "as modelled" if fitting[0] == question["hypotheses"][0] else "otherwise"
    return fitting[0], kind


def parsed(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--device", metavar="PATH", help="accel node (default: the one called ane)")
    what = "ask questions that begin so (repeatable; --dry-run lists them)"
    add("--only", metavar="NAME", action="append", default=[], help=what)
    add("--dry-run", action="store_true", help="list the steps, run nothing")
    add("--yes", action="store_true", help="do not ask before what may hang")
    add("--wedge", action="store_true", help="run what may wedge the engine too")
    what = "time submits and forms instead of asking"
    add("--time", action="store_true", help=what)
    default = os.path.join(FOLDER, "report.json")
    add("--report", metavar="FILE", default=default, help="default: report.json here")
    what = f"seconds that a program may take (default: {LIMIT_SECONDS})"
    add("--limit", metavar="SECONDS", type=float, default=LIMIT_SECONDS, help=what)
    add("--time-one", metavar="SCRIPT", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments=None):
    """Asks, and prints the summary; returns 0 if nothing stopped it."""
    options = parsed(arguments)
    if options.time_one:
        time_one(options.time_one, options.device)
        return 0
    with open(os.path.join(FOLDER, "kit.json"), encoding="utf-8") as file:
        kit = json.load(file)
    stopped, left_out, report = "", {}, None
    try:
        if options.dry_run:
            for step in chosen(kit, options):
                print(f"{step['risk']:<16} {step['name']:<28} {step['text']}")
            return 0
        report = Report(options.report, kit)
        report.close_begun()
        if options.time:
            time_all(kit, report, options)
        else:
            left_out = ask_all(kit, report, options)
    except Stop as stop:
        stopped = str(stop)
    except KeyboardInterrupt:
        stopped = "stopped; run this again, it will go on"
    if report is not None and (report.rows or report.times):
        report.write()
        print("\n" + "\n".join(summary(kit, report, left_out)))
        print(f"\nwritten: {options.report}")
    if stopped:
        print(f"{os.path.basename(sys.argv[0])}: {stopped}", file=sys.stderr)
    return 1 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
