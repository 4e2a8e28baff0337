"""Measures the budgets: `python benchmarks/bench.py [PART]...` (all parts by default; `--help` names them).

Each figure is of whole processes, the median of several runs, beside the machine's own floor in the same run.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))

TASKS, FORMS, COEFFICIENT_BYTES = 10_000, 40, 256 << 20
PAGE_TASKS = 2_000


def seconds(command: list[str], runs: int) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def measured(command: list[str]) -> tuple[float, float]:
    """Wall time of one run, and its peak memory in MiB."""
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program, *command], check=True, capture_output=True, text=True)
    return time.perf_counter() - start, int(done.stdout) / 1024


def show(what: str, value: float, unit: str, budget: float) -> None:
    """One line of the table."""
    verdict = "ok" if value <= budget else "OVER"
    print(f"{what:<52} {value:>9.3f} {unit:<4} budget {budget:>9.3f}  {verdict}")


def start() -> None:
    """Start-up: help, info and diff against `import click`, convert against all libraries."""
    small = str(EXAMPLES / "mul.hwx")
    tool = [sys.executable, "-m", "hwx2py"]
    floor = seconds([sys.executable, "-c", "import click"], 15)
    libraries = seconds([sys.executable, "-c", "import libcst, black, numpy, click"], 7)
    print(f"floor: import click {floor * 1000:.0f} ms, all libraries {libraries * 1000:.0f} ms")
    for name, arguments in (("--help", ["--help"]), ("info", ["info", small]), ("diff", ["diff", small, small])):
        show(f"hwx2py {name}", seconds([*tool, *arguments], 15) / floor, "x", 1.4 if name == "--help" else 1.6)
    show("hwx2py convert", seconds([*tool, small, "-o", os.devnull], 7) / libraries, "x", 1.5)


def large() -> None:
    """A program of 10,000 tasks in 40 forms with 256 MiB of coefficients."""
    with tempfile.TemporaryDirectory() as folder:
        path, script = os.path.join(folder, "large.hwx"), os.path.join(folder, "large.py")
        size = write_large(path)
        room = 1.3 * size / (1 << 20) + 100
        tool = [sys.executable, "-m", "hwx2py"]
        took, peak = measured([*tool, "info", path])
        show("info, large", took, "s", 1.0)
        show("info, large: peak", peak, "MiB", room)
        took, peak = measured([*tool, path, "-o", script])
        show("convert, large", took, "s", 6.0)
        show("convert, large: peak", peak, "MiB", room)
        show("convert, large: script", os.path.getsize(script) / (1 << 20), "MiB", 2.0)
        took, peak = measured([sys.executable, script, "--dry-run"])
        show("script --dry-run, large", took, "s", 3.0)
        show("script --dry-run, large: peak", peak, "MiB", room)


def pages() -> None:
    """The page of a program of 2,000 tasks: its size, and until a browser has drawn it."""
    with tempfile.TemporaryDirectory() as folder:
        path, page = os.path.join(folder, "long.hwx"), pathlib.Path(folder, "long.html")
        write_large(path, PAGE_TASKS, 1 << 20)
        took, _ = measured([sys.executable, "-m", "hwx2py", "graph", path, "-o", str(page)])
        show("graph, page of 2,000 tasks", took, "s", 20.0)
        show("page of 2,000 tasks", page.stat().st_size / (1 << 20), "MiB", 5.0)
        browser = shutil.which("chromium")
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            browser = None
        if browser is None:
            print("no Chromium or no Playwright here: how long the page takes to open is not measured")
            return
        with sync_playwright() as driver:
            running = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            show("page of 2,000 tasks, opened", statistics.median(_opened(running, page) for _ in range(5)), "s", 2.0)
            running.close()


def _opened(running, page: pathlib.Path) -> float:
    """Seconds until a page shows its last task."""
    tab = running.new_page()
    start = time.perf_counter()
    tab.goto(f"{page.as_uri()}#task-{PAGE_TASKS - 1}")
    tab.wait_for_selector(f"[data-task='{PAGE_TASKS - 1}']")
    took = time.perf_counter() - start
    tab.close()
    return took


def write_large(path: str, tasks: int = TASKS, coefficient_bytes: int = COEFFICIENT_BYTES) -> int:
    """Writes the large program; returns its size in bytes."""
    import make

    from hwx2py.formats.hwx.create import create
    from hwx2py.program.build import complete, lay_out
    from hwx2py.program.plan import TaskDraft, fill_in

    tensors = tuple(make.tensor(f"t{n}", "output" if n == 0 else "input", 4 + n, 64, 8, 8) for n in range(3))
    forms = []
    for form in range(FORMS):
        registers = make.neural(tensors[1], tensors[0], 4)
        registers["KernelDMASrc.MasterConfig"] = {"MasterEnable": 1}
        for engine in range(16):
            registers[f"KernelDMASrc.CoeffDMAConfig[{engine}]"] = {"En": 1}
            registers[f"KernelDMASrc.CoeffBfrSize[{engine}]"] = {"MemBfrSize": 64 * (form + 1)}
        words = {"W8": make.select(tensors[1], None, tensors[0]) | {"ENE": 5}, "W9": 0x21}
        planned = TaskDraft(make.H13, words, registers)
        fill_in([planned])
        forms.append(complete(make.H13, planned.header, planned.registers))
    drafts = []
    for number in range(tasks):
        draft = forms[number % FORMS]
        header = [draft.header[0] | number, *draft.header[1:]]
        items = [
            item._replace(value=64 * number)
            if make.H13.locate(item.address).name == "TileDMASrc.Src1BaseAddr"
            else item
            for item in draft.items
        ]
        drafts.append(draft._replace(header=header, items=items))
    coefficients = np.random.default_rng(1).bytes(coefficient_bytes)
    pieces = create(make.program(lay_out(make.H13, drafts), tensors, coefficients), "benchmark")
    with open(path, "wb") as file:
        file.writelines(pieces)
    return os.path.getsize(path)


def emulate() -> None:
    """The virtual ANE, beside NumPy doing the same without the chip's arithmetic."""
    import make

    from hwx2py.emulator import accelerator, direct

    generator = np.random.default_rng(1)
    matrix = generator.standard_normal((512, 512))
    values = generator.standard_normal((1, 1, 2560, 1600)).astype(np.float16)

    def run(program) -> float:
        inputs = {tensor.name: generator.standard_normal(tensor.shape).astype(np.float16) for tensor in program.inputs}
        return _best(lambda: direct.run(program, inputs))

    product = _best(lambda: matrix @ matrix)
    budget = 6 if accelerator.find() else 60
    show("512 x 512 x 512 / float64 @", run(_convolution(make, 512, 512, 1, 512, 1)) / product, "x", budget)
    show("3 x 3 convolution, 64 -> 64 on 64 x 64", run(_convolution(make, 64, 64, 64, 64, 3)), "s", 1.0)
    expression = _best(lambda: (values.astype(np.float32) + values.astype(np.float32)).astype(np.float16))
    show("sum, 2560 x 1600 / float32", run(_elementwise(make, 1, 2560, 1600)) / expression, "x", 30)
    show("10,240 tasks of 64 values", run(_chain(make, 10_240)), "s", 3.0)
    _, idle = measured([sys.executable, __file__, "memory", "0"])
    _, busy = measured([sys.executable, __file__, "memory", "1"])
    tensors = 2 * values.nbytes / (1 << 20)
    show("magnitude, 2560 x 1600: MiB beyond 12 x tensors", busy - idle - 12 * tensors, "MiB", 60)


def generations() -> None:
    """2,048 tasks of a generation beside those of H13 that do the same, one sum of 64 values each."""
    import make

    from hwx2py.emulator import direct

    def run(program) -> float:
        return _best(lambda: direct.run(program, {tensor.name: 1 for tensor in program.inputs}))

    count = 2_048
    twin = run(_chain(make, count))
    for name in ("H14", "H15", "H16", "H17", "H18"):
        show(f"{name}: {count:,} tasks / those of H13", run(_later_chain(make, name, count)) / twin, "x", 1.3)


def _later_chain(make, name: str, count: int):
    """Sums of 64 values for H14 and later, each into its own row of the output."""
    from hwx2py.program.build import Draft, header, lay_out, write
    from hwx2py.program.program import Program, natural_const_offset
    from hwx2py.registers import by_name

    arch = by_name(name)
    slot = arch.first_tensor_bar
    a, b = (make.tensor(label, "input", slot + number, 64, 1, 1) for number, label in enumerate("ab"))
    y = make.tensor("y", "output", slot + 2, 64, count, 1)
    memory = (("TileDMASrc.Src1", a), ("TileDMASrc.Src2", b), ("TileDMADst.", y))
    sizes = {"InDim": {"Win": 1, "Hin": 1}, "OutDim": {"Wout": 1, "Hout": 1}}
    if arch.find_register("Common.InWidth"):
        sizes = {"InWidth": {"Win": 1}, "InHeight": {"Hin": 1}, "OutWidth": {"Wout": 1}, "OutHeight": {"Hout": 1}}
    source = {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1}
    later = arch.find_register("L2.Source2Cfg") is not None
    plain = arch.machine.plain_formats
    form_fields = {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "Interleave": 1}
    formats = dict(zip(("Src1", "Src2", "Dst"), (plain[0], plain[0], plain[1]))) if plain else {}
    common = [
        *(write(arch, f"Common.{register}", **fields) for register, fields in sizes.items()),
        write(arch, "Common.Cin", Cin=64),
        write(arch, "Common.Cout", Cout=64),
        write(arch, "Common.TileCfg", TileHeight=1),
        write(arch, "Common.Cfg", TaskType="ElementwiseTwoSources"),
        write(arch, "L2.SourceCfg", **source, **({} if later else {"Source2Dma": 1})),
        *([write(arch, "L2.Source2Cfg", **source)] if later else []),
        write(arch, "L2.ResultCfg", ResultType=2, DMAFmt="16b", DMAInterleave=1),
        write(arch, "PE.Cfg", OpMode="Add", SecSrc="+Source2"),
    ]
    for prefix, tensor in memory:
        form = formats.get(prefix.rpartition(".")[2] or "Dst")
        common += [
            write(arch, f"{prefix}RowStride", Stride=tensor.strides[2]),
            write(arch, f"{prefix}PlaneStride", Stride=tensor.strides[1]),
            write(arch, f"{prefix}Fmt", form) if form else write(arch, f"{prefix}Fmt", **form_fields),
            write(arch, f"{prefix}DMAConfig", En=1),
        ]
    drafts = []
    for number in range(count):
        bases = [
            write(arch, f"{prefix}BaseAddr{half}", 64 * number if tensor is y and not half else 0, slot=tensor.bar)
            for prefix, tensor in memory
            for half in ("", "Hi")
        ]
        drafts.append(Draft(header(arch, {"W0": {"TID": number & 0xFFFF}}), common + bases, frozenset({"TaskSize"})))
    frame = (1).to_bytes(4, "little") + bytes(12)
    text = lay_out(arch, drafts, frame)
    return Program(arch, text, (a, b, y), memoryview(b""), natural_const_offset(text.size_bytes))


def _best(work) -> float:
    """The shortest of a few times, in seconds."""
    times = []
    for _ in range(4):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def memory(runs: int) -> None:
    """A magnitude of 2560 x 1600 values, so many times: for the peak memory of a process that does nothing else."""
    import make

    from hwx2py.emulator import direct
    from hwx2py.program.network import TaskRegisters, network

    x, y = (make.tensor(name, role, bar, 1, 2560, 1600) for name, role, bar in (("x", "input", 4), ("y", "output", 5)))
    registers = make.planar(x, x, y, "Add") | {
        "Common.Cfg": {"TaskType": "ElementwiseOneSource"},
        "L2.SourceCfg": {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1},
        "PE.Cfg": {"Cond": "Abs"},
    }
    program = network(make.H13, [TaskRegisters({"W8": make.select(x, None, y)}, registers)], (x, y))
    for _ in range(runs):
        direct.run(program, {"x": -1})


def _chain(make, count: int):
    """Sums of 64 values, one after the other, each into its own row of the output."""
    from hwx2py.program.network import TaskRegisters, network

    a, b = (make.tensor(name, "input", bar, 64, 1, 1) for name, bar in (("a", 4), ("b", 5)))
    y = make.tensor("y", "output", 6, 64, count, 1)
    one = make.planar(a, b, y, "Add")
    words = {"W8": make.select(a, b, y)}
    places = ({"TileDMADst.BaseAddr": {"Addr": 64 * number}} for number in range(count))
    tasks = [TaskRegisters(words, one | make.sizes(64, 1, 1) | place) for place in places]
    return network(make.H13, tasks, (a, b, y))


def _elementwise(make, channels: int, height: int, width: int):
    from hwx2py.program.network import TaskRegisters, network

    roles = (("a", "input", 4), ("b", "input", 5), ("y", "output", 6))
    a, b, y = (make.tensor(name, role, bar, channels, height, width) for name, role, bar in roles)
    task = TaskRegisters({"W8": make.select(a, b, y)}, make.planar(a, b, y, "Add"))
    return network(make.H13, [task], (a, b, y))


def _convolution(make, channels: int, outputs: int, height: int, width: int, window: int):
    from hwx2py.program.network import TaskRegisters, network

    x = make.tensor("x", "input", 4, channels, height, width)
    y = make.tensor("y", "output", 5, outputs, height, width)
    lanes = outputs // 16
    size = channels * window * window * lanes * 2
    registers = make.neural(x, y, 4) | {
        "KernelDMASrc.MasterConfig": {"MasterEnable": 1},
        "Common.ConvCfg": {"Kw": window, "Kh": window, "OCGSize": lanes.bit_length() - 1, "Sx": 1, "Sy": 1,
                           "Px": window // 2, "Py": window // 2, "Ox": 1, "Oy": 1},
        "NE.MACCfg": {"BinaryPoint": 28, "ArgOutputSelect": 1},
    }  # fmt: skip
    for engine in range(16):
        registers[f"KernelDMASrc.CoeffDMAConfig[{engine}]"] = {"En": 1}
        registers[f"KernelDMASrc.CoeffBaseAddr[{engine}]"] = {"Addr": engine * size}
        registers[f"KernelDMASrc.CoeffBfrSize[{engine}]"] = {"MemBfrSize": size}
    words = {"W8": make.select(x, None, y) | {"ENE": 5}, "W9": 0x21}
    weights = np.random.default_rng(2).standard_normal(16 * size // 2).astype(np.float16).tobytes()
    return network(make.H13, [TaskRegisters(words, registers)], (x, y), weights)


def python() -> None:
    """The Python interface: emulations of an edited field, and a bisection over many registers."""
    import hwx2py
    from hwx2py import bisect
    from hwx2py.emulator.inputs import input_arrays

    program = hwx2py.load(EXAMPLES / "mul.hwx").program
    task = program.tasks[0]
    begin = time.perf_counter()
    for number in range(1000):
        edited = program.with_task(0, task.with_("PE.PreScale", PreScale=1.0 + number / 1024))
        hwx2py.emulate(edited, {"a": 2.0, "b": 1.0})
    show("1,000 emulations of one edited field", time.perf_counter() - begin, "s", 10.0)

    edited = task.with_("PE.Cfg", OpMode="Max")
    for word in [word for word in task if word.name.startswith(("NE.", "KernelDMASrc."))][:64]:
        edited = edited.with_(word.name, int(word) ^ 0x40)
    bad = program.with_task(0, edited)
    begin = time.perf_counter()
    plan = bisect.plan(program.content, bad.content)
    test = bisect.OnVirtualAne.like(program.content, input_arrays(program.content.tensors, [], "random"))
    bisect.search(plan, test, bisect.Log("", {}))
    show(f"bisection over {len(plan.differences)} registers", time.perf_counter() - begin, "s", 10.0)


def compiling() -> None:
    """Networks of 200 and 400 operations: time and memory to compile, which grow with the operations."""
    import hwx2py

    rng = np.random.default_rng(0)
    for operations in (200, 400):
        graph = hwx2py.Graph()
        value = graph.input("x", (1, 64, 32, 32))
        for _ in range(operations // 4):
            weights = rng.uniform(-1, 1, (64, 64, 3, 3)) / 24
            branch = graph.relu(graph.conv(value, weights, np.zeros(64), pads=1))
            value = graph.add(value, graph.sigmoid(branch))
        graph.output("y", value)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        begin = time.perf_counter()
        hwx2py.compile(graph)
        show(f"compile, {operations} operations", time.perf_counter() - begin, "s", operations / 100)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
        show("compile: memory beyond the weights", peak, "MiB", 150.0)


#: Network -> seconds to compile and to emulate that are allowed; 0 where it is not emulated.
NETWORKS = {"resnet50": (10.0, 0.0), "vit_base": (20.0, 0.0), "whisper_tiny": (20.0, 0.0), "detector": (10.0, 6.0)}


def networks() -> None:
    """Networks of known sizes with drawn weights, each in a process of its own, which draws them too."""
    for name, (compile_s, emulate_s) in NETWORKS.items():
        command = [sys.executable, str(ROOT / "benchmarks/networks.py"), name, *["emulate"] * (emulate_s > 0)]
        program = (
            "import resource, subprocess, sys\n"
            "print(subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True).stdout.strip())\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", program, *command], check=True, capture_output=True, text=True)
        text, peak = done.stdout.splitlines()
        found = json.loads(text)
        what = f"{name}: {found['operations']} operations, {found['tasks']} tasks"
        show(f"{what}, compile", found["compile_s"], "s", compile_s)
        if not emulate_s:
            show(f"{name}: memory", int(peak) / 1024, "MiB", found["weights_bytes"] / 2**20 + 250)
            continue
        show(f"{name}: emulate", found["emulate_s"], "s", emulate_s)
        show(f"{name}: memory", int(peak) / 1024, "MiB", 2 * found["tensors_bytes"] / 2**20 + 150)


def device() -> None:
    """1,000 submits through the virtual device node, beside the same in one process."""
    from hwx2py import emitter
    from hwx2py.emulator import driver as contract
    from hwx2py.formats import load

    sys.path.insert(0, str(ROOT / "tests"))
    import builders

    program = load(str(EXAMPLES / "mul.hwx")).program
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "mul.py")
        path.write_text(emitter.emit(program).text)
        command = [
            sys.executable,
            "-m",
            "hwx2py",
            "device",
            "--",
            sys.executable,
            "-c",
            builders.MANY_SUBMITS,
            str(path),
            "1000",
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    request, model = builders.submit_request(program)
    start = time.perf_counter()
    for _ in range(1000):
        model.ioctl(contract.SUBMIT, request)
    alone = time.perf_counter() - start
    model.memory.close()
    show("1,000 submits / in one process", float(done.stdout.split()[1]) / alone, "x", 3.0)


def many() -> None:
    """2,000 small programs as tables, and 1,000 points of a sweep, on two cores."""
    small = EXAMPLES / "mul.hwx"
    tool = [sys.executable, "-m", "hwx2py"]
    with tempfile.TemporaryDirectory() as folder:
        programs = pathlib.Path(folder, "programs")
        programs.mkdir()
        for number in range(2000):
            programs.joinpath(f"{number}.hwx").write_bytes(small.read_bytes())
        took, _ = measured([*tool, "corpus", str(programs), "-o", f"{folder}/corpus", "--jobs", "2"])
        show("corpus, 2,000 programs", took, "s", 15.0)
        vary = ["--vary", "PE.BiasScale=0..999"]
        took, _ = measured([*tool, "sweep", str(small), *vary, "-o", f"{folder}/sweep", "--jobs", "2"])
        show("sweep, 1,000 points", took, "s", 10.0)


PARTS = {
    "start": start,
    "large": large,
    "pages": pages,
    "emulate": emulate,
    "generations": generations,
    "python": python,
    "compiling": compiling,
    "networks": networks,
    "many": many,
    "device": device,
}


def main() -> None:
    """Runs the parts that are asked for."""
    # Start-up is measured with bytecode, as an installed copy has it; the first run of each command writes it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if sys.argv[1:2] == ["memory"]:
        memory(int(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], default=[])
    for name in parser.parse_args().part or PARTS:
        PARTS[name]()
    print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
