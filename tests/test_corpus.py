"""Programs as tables: rows, parts, what is taken up again, and the documents' queries."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import EXAMPLE_NAMES, EXAMPLES, ROOT, example, loaded, one_line

import hwx2py
from hwx2py import corpus, tables
from hwx2py.corpus import build
from hwx2py.errors import UsageError
from hwx2py.operations import sentences
from hwx2py.tables import each

#: The command line in a process of its own.
HWX2PY = (sys.executable, "-c", "from hwx2py.cli import main; main()")

PAGE = (ROOT / "docs" / "corpus.md").read_text()


@pytest.fixture
def programs(tmp_path) -> Path:
    """A folder with the examples, one of them deeper."""
    folder = tmp_path / "programs"
    (folder / "deeper").mkdir(parents=True)
    for name in EXAMPLE_NAMES:
        shutil.copy(example(name), folder / ("deeper" if name == "conv" else "") / f"{name}.hwx")
    return folder


def rows(table: Path, name: str) -> list[dict]:
    """The rows of a table of JSON lines, sorted."""
    found = [json.loads(line) for path in (table / name).glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted(found, key=lambda row: [str(value) for value in row.values()])


def contents(table: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(table)): path.read_bytes() for path in sorted(table.rglob("*")) if path.is_file()}


def query(sql: str, folder: Path) -> list[tuple]:
    """A query of the documents, run where the tables are."""
    return duckdb.sql(re.sub(r"'(\w+/\w+/\*\.parquet)'", rf"'{folder}/\1'", sql)).fetchall()


def test_a_row_is_a_field_of_a_task():
    extract = corpus.rows_of(str(example("mul")))
    program = loaded("mul")
    row = next(row for row in extract.fields if (row.register, row.field) == ("PE.Cfg", "OpMode"))
    assert (row.architecture, row.task, row.value, row.number) == ("H13", 0, "Mul", 1)
    assert row.sentence == sentences(program)[0]
    assert row.sha256 == program.origin.sha256()
    assert row.meaning


def test_no_bit_of_a_program_is_lost():
    program = loaded("chain")
    words: dict[tuple[int, str], int] = {}
    for row in corpus.rows_of(str(example("chain"))).fields:
        register = program.arch.register(row.register.split("[")[0])
        field = next((field for field in register.fields if field.name == row.field), None)
        shift = field.lsb if field and not field.kind.coding.whole else 0
        words[row.task, row.register] = words.get((row.task, row.register), 0) | row.number << shift
    for index, task in enumerate(program.tasks):
        for write in task.writes():
            assert words[index, program.arch.locate(write.address).name] == write.value
        for word in range(task.header_words):
            assert words[index, program.arch.header_location(word).name] == task.words[word]


def test_tables_hold_every_program(cli, programs, tmp_path):
    done = cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl", "--jobs", 1)
    assert done.code == 0
    assert done.err.startswith(f"wrote {tmp_path / 'table'}: 4 programs, ")
    files = {str(programs / name) for name in ("add16.hwx", "chain.hwx", "mul.hwx", "deeper/conv.hwx")}
    for table in ("fields", "tasks", "tensors", "programs"):
        assert {row["file"] for row in rows(tmp_path / "table", table)} == files
    assert rows(tmp_path / "table", "unreadable") == []
    tasks = rows(tmp_path / "table", "tasks")
    assert len(tasks) == sum(len(loaded(name).tasks) for name in EXAMPLE_NAMES)
    tensor = next(row for row in rows(tmp_path / "table", "tensors") if row["file"].endswith("mul.hwx"))
    assert tensor["shape"] == list(next(t.shape for t in loaded("mul").tensors if t.name == tensor["name"]))


def test_parquet_and_json_lines_hold_the_same(cli, programs, tmp_path):
    cli("corpus", programs, "-o", tmp_path / "lines", "--format", "jsonl", "--jobs", 1)
    cli("corpus", programs, "-o", tmp_path / "parquet", "--jobs", 1)
    for table in ("fields", "tasks", "tensors", "programs", "unreadable"):
        found = duckdb.sql(f"SELECT * FROM '{tmp_path}/parquet/{table}/*.parquet'")
        as_rows = [dict(zip(found.columns, row)) for row in found.fetchall()]
        as_rows.sort(key=lambda row: [str(value) for value in row.values()])
        assert as_rows == rows(tmp_path / "lines", table)


def test_content_does_not_depend_on_the_number_of_jobs(cli, programs, tmp_path, monkeypatch):
    for number in range(2 * build.PART_FILES):
        shutil.copy(programs / "mul.hwx", programs / f"copy{number}.hwx")
    assert cli("corpus", programs, "-o", tmp_path / "one", "--jobs", 1).code == 0
    assert cli("corpus", programs, "-o", tmp_path / "two", "--jobs", 2).code == 0
    assert len(contents(tmp_path / "one")) == 5 * 3
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_stands_is_not_read_again(cli, programs, tmp_path):
    cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl")
    before = contents(tmp_path / "table")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "table").rglob("*.jsonl")}
    shutil.copy(programs / "mul.hwx", programs / "new.hwx")
    done = cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl")
    assert "1 programs, " in done.err
    assert "4 programs stood already" in done.err
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    after = contents(tmp_path / "table")
    assert before.items() <= after.items()
    assert len(after) == 2 * len(before)


def test_rows_of_a_changed_file_are_replaced(cli, programs, tmp_path):
    cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl")
    shutil.copy(example("chain"), programs / "mul.hwx")
    done = cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl")
    assert "1 programs, " in done.err
    cli("corpus", programs, "-o", tmp_path / "fresh", "--format", "jsonl")
    for table in ("fields", "tasks", "tensors", "programs"):
        assert rows(tmp_path / "table", table) == rows(tmp_path / "fresh", table)


def test_a_table_of_another_version_is_made_anew(cli, programs, tmp_path):
    cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl")
    before = contents(tmp_path / "table")
    for path in (tmp_path / "table" / "programs").iterdir():
        path.write_text(re.sub(r'"version":"[^"]*"', '"version":"0.0.1"', path.read_text()))
    assert "4 programs, " in cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl").err
    assert contents(tmp_path / "table") == before


def test_unfinished_parts_are_made_again(cli, programs, tmp_path):
    cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl")
    before = contents(tmp_path / "table")
    (marker,) = (tmp_path / "table" / "programs").iterdir()
    marker.unlink()
    (tmp_path / "table" / "fields" / ".part-x.partial").write_text("{")
    assert "4 programs, " in cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl").err
    assert contents(tmp_path / "table") == before


def test_files_that_are_no_programs_have_a_table(cli, programs, tmp_path):
    (programs / "broken.hwx").write_bytes(example("mul").read_bytes()[:999])
    for _ in range(2):
        done = cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl")
        assert done.code == 2
        told, summary = done.err.splitlines()
        assert one_line(told)
        assert "broken.hwx: " in told
        assert summary.endswith("1 files are not programs")
        (row,) = rows(tmp_path / "table", "unreadable")
        assert row["file"] == str(programs / "broken.hwx")
        assert row["error"] in told
        assert len(rows(tmp_path / "table", "programs")) == 4
    shutil.copy(example("mul"), programs / "broken.hwx")
    assert cli("corpus", programs, "-o", tmp_path / "table", "--format", "jsonl").code == 0
    assert rows(tmp_path / "table", "unreadable") == []


def test_scripts_are_read_when_asked_for(cli, programs, tmp_path):
    cli(example("mul"), "-o", programs / "script.py")
    (programs / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert cli("corpus", programs, "-o", tmp_path / "without", "--format", "jsonl").code == 0
    cli("corpus", programs, "-o", tmp_path / "with", "--format", "jsonl", "--scripts")
    assert {row["format"] for row in rows(tmp_path / "with", "programs")} == {"hwx", "script"}
    assert [Path(row["file"]).name for row in rows(tmp_path / "with", "unreadable")] == ["evil.py"]
    assert not (tmp_path / "ran").exists()


def test_names_that_cannot_be_shown_are_escaped(cli, programs, tmp_path):
    os.rename(programs / "mul.hwx", os.fsencode(programs) + b"/line\nbreak\xff'\".hwx")
    for _ in range(2):
        assert cli("corpus", programs, "-o", tmp_path / "table").code == 0
    names = duckdb.sql(f"SELECT file FROM '{tmp_path}/table/programs/*.parquet'").fetchall()
    assert any(name.endswith("line\\nbreak\\udcff'\".hwx") for (name,) in names)


def test_only_regular_files_are_opened(cli, programs, tmp_path):
    os.mkfifo(programs / "pipe.hwx")
    (programs / "gone.hwx").symlink_to(programs / "nowhere.hwx")
    done = cli("corpus", programs, "-o", tmp_path / "table")
    assert (done.code, done.err.count("\n")) == (0, 1)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda table: table.write_text(""), "is a file"),
        (lambda table: (table / "photos").mkdir(parents=True), "holds photos, which is not a table"),
        (lambda table: (table / "fields").mkdir(parents=True) or (table / "fields/x.jsonl").touch(), "--format jsonl"),
    ],
)
def test_a_folder_with_other_things_is_left_alone(cli, programs, tmp_path, prepare, words):
    prepare(tmp_path / "table")
    before = contents(tmp_path)
    done = cli("corpus", programs, "-o", tmp_path / "table")
    assert done.code == 2
    assert one_line(done.err)
    assert words in done.err
    assert contents(tmp_path) == before


def test_no_programs_is_an_error(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "missing"):
        done = cli("corpus", tmp_path / folder, "-o", tmp_path / "table")
        assert done.code == 2
        assert one_line(done.err)
    assert not (tmp_path / "table").exists()


def test_a_part_that_cannot_be_written_leaves_nothing(programs, tmp_path):
    plan = corpus.plan([str(programs)], str(tmp_path / "table"), "jsonl")
    shutil.rmtree(tmp_path / "table" / "tensors")
    with pytest.raises(UsageError, match="cannot be written"):
        list(tables.make_parts(corpus.make_part, plan.store, plan.jobs))
    assert contents(tmp_path / "table") == {}


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_full_disk_is_told_and_leaves_nothing_unfinished(programs, tmp_path, form):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); " + HWX2PY[-1]
    command = [*HWX2PY[:-1], limited, "corpus", programs, "-o", tmp_path / "table", "--format", form, "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"hwx2py: {tmp_path / 'table'}: cannot be written: File too large\n"
    assert contents(tmp_path / "table") == {}


def test_a_killed_run_leaves_whole_parts_and_is_taken_up(cli, programs, tmp_path):
    for number in range(6 * build.PART_FILES):
        shutil.copy(programs / "mul.hwx", programs / f"copy{number}.hwx")
    table = tmp_path / "table"
    process = subprocess.Popen([*HWX2PY, "corpus", programs, "-o", table, "--jobs", "1"], stderr=subprocess.DEVNULL)
    wait_for_part(table, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    standing = list((table / "programs").glob("*.parquet"))
    done = cli("corpus", programs, "-o", table, "--jobs", "2")
    assert done.code == 0
    assert f"{64 * len(standing)} programs stood already" in done.err
    assert cli("corpus", programs, "-o", tmp_path / "fresh", "--jobs", "2").code == 0
    assert contents(table) == contents(tmp_path / "fresh")


def wait_for_part(table: Path, process: subprocess.Popen) -> None:
    """Waits until a run has finished its first part."""
    while not list(table.glob("programs/*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)


def test_a_worker_process_that_dies_is_told():
    with pytest.raises(UsageError, match="a worker process died"):
        list(each(os._exit, [3, 4], processes=2))


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A Dask scheduler with two workers: its address and the workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"

    def start(program: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *options, "--no-dashboard"]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    with contextlib.ExitStack() as stack:
        processes = [start("scheduler", "--host", "127.0.0.1", "--port", str(port))]
        stack.callback(end, processes)
        wait_for_port(port)
        processes += [start("worker", address, "--nthreads", "1", "--no-nanny") for _ in range(2)]
        yield address, processes[1:]


def wait_for_port(port: int) -> None:
    """Waits until somebody listens there."""
    for _ in range(600):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    pytest.fail("the scheduler did not start")


def end(processes: list[subprocess.Popen]) -> None:
    """Ends processes of this test, and waits for them."""
    for process in reversed(processes):
        process.terminate()
        process.wait()


def test_a_cluster_does_the_same_though_a_worker_dies(cli, programs, tmp_path, cluster):
    address, workers = cluster
    for number in range(6 * build.PART_FILES):
        shutil.copy(programs / "mul.hwx", programs / f"copy{number}.hwx")
    table = tmp_path / "table"
    command = [*HWX2PY, "corpus", programs, "-o", table, "--scheduler", address]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for_part(table, process)
    workers[0].kill()
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert workers[1].poll() is None
    assert cli("corpus", programs, "-o", tmp_path / "fresh", "--jobs", "2").code == 0
    assert contents(table) == contents(tmp_path / "fresh")
    grid = ("sweep", example("mul"), "--vary", "PE.BiasScale=0..99")
    subprocess.run([*HWX2PY, *grid, "-o", tmp_path / "there", "--scheduler", address], check=True)
    cli(*grid, "-o", tmp_path / "here", "--jobs", 1)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_scheduler_that_does_not_answer_is_told(programs, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    command = [*HWX2PY, "corpus", programs, "-o", tmp_path / "table", "--scheduler", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert f"no Dask scheduler answers at {address}" in done.stderr


@pytest.fixture(scope="module")
def documented(tmp_path_factory) -> Path:
    """A folder in which the page's corpus has been made."""
    folder = tmp_path_factory.mktemp("documented")
    plan = corpus.plan([str(EXAMPLES)], str(folder / "corpus"))
    assert len(list(tables.make_parts(corpus.make_part, plan.store, plan.jobs))) == 1
    network = hwx2py.Graph()
    x = network.input("x", (1, 8, 4, 16))
    network.output("y", network.relu(network.softmax(x)))
    for arch in ("H13", "H14"):
        hwx2py.save(hwx2py.compile(network, arch=arch).program, str(folder / f"{arch}.hwx"))
    plan = corpus.plan([str(folder / f"{arch}.hwx") for arch in ("H13", "H14")], str(folder / "compiled"))
    assert len(list(tables.make_parts(corpus.make_part, plan.store, plan.jobs))) == 1
    return folder


QUERIES = [sql for sql in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if "corpus/" in sql or "compiled/" in sql]


@pytest.mark.parametrize("sql", QUERIES, ids=lambda sql: PAGE[: PAGE.index(sql)].rsplit("\n\n", 2)[-2][:40])
def test_queries_of_the_page_answer(sql, documented):
    assert query(sql, documented)


def test_answers_are_right(documented):
    by_compiler, with_value, frequency = (query(sql, documented) for sql in QUERIES[:3])
    assert {value for _, value, _ in by_compiler} >= {"Mul"}
    muls = [row for row in with_value if row[0].endswith("/mul.hwx")]
    assert [(row[1], row[2]) for row in muls] == [(0, sentences(loaded("mul"))[0])]
    assert sum(row[1] for row in frequency) == sum(len(loaded(path.stem).tasks) for path in EXAMPLES.glob("*.hwx"))


def test_page_has_ten_questions(documented):
    assert len(QUERIES) >= 10
    by_words = query("SELECT words, count(*) FROM 'compiled/tasks/*.parquet' GROUP BY words", documented)
    assert all(words for words, _ in by_words)


def test_absolute_and_relative_paths_give_the_same_rows(programs, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(programs).parent)
    for path in (Path(programs).name, programs, f"./{Path(programs).name}/"):
        plan = corpus.plan([str(path)], str(tmp_path / "table"), "jsonl")
        list(tables.make_parts(corpus.make_part, plan.store, plan.jobs))
    parts = (part.read_text().splitlines() for part in (tmp_path / "table" / "programs").iterdir())
    files = [json.loads(line)["file"] for lines in parts for line in lines]
    assert len(files) == len(set(files)) == plan.standing
    assert not any(file.startswith("/") for file in files)


def test_columns_of_the_page_are_those_of_the_tables():
    for table in corpus.TABLES:
        for name in table.column_names:
            assert f"`{name}`" in PAGE, (table.name, name)
