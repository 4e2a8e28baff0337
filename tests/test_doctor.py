"""What the doctor says of machines that are made up here, and of this one."""

import inspect
import json
from typing import NamedTuple

import pytest

from hwx2py import doctor
from hwx2py.doctor import Node, diagnose
from hwx2py.runtime import ane

ENGINE = Node("/dev/accel/accel0", "render", "ane", "1.0.0, 20240101, Apple Neural Engine")
OTHER = Node("/dev/accel/accel1", "render", "rocket", "1.0.0")
FORBIDDEN = Node("/dev/accel/accel0", "render", refusal="may not be opened: Permission denied", forbidden=True)


class Made(NamedTuple):
    """A machine that says what it is told to."""

    compatible_names: tuple[str, ...] = ("apple,j314s", "apple,t6000", "apple,arm-platform")
    found: tuple[Node, ...] = (ENGINE,)
    name: str = "Linux 6.11.0-asahi"
    missing: tuple[str, ...] = ()

    def system(self) -> str:
        return self.name

    def processor(self) -> str:
        return "aarch64"

    def compatible(self) -> tuple[str, ...]:
        return self.compatible_names

    def nodes(self) -> tuple[Node, ...]:
        return self.found

    def page_bytes(self) -> int:
        return 16384

    def python(self) -> str:
        return "3.13.0"

    def package(self, name: str) -> str | None:
        return None if name in self.missing else "1.0"


def test_a_machine_with_the_engine_is_ready():
    diagnosis = diagnose(Made(found=(OTHER, ENGINE)))
    assert diagnosis.ready
    assert diagnosis.verdict == "Scripts run on /dev/accel/accel0."
    facts = diagnosis.facts
    assert (facts.chip, facts.engine, facts.abi, facts.page_bytes) == ("T6000", "H13", "ABI 1", 16384)
    assert facts.driver == ENGINE.version


@pytest.mark.parametrize(
    ("machine", "verdict", "next_step"),
    [
        (Made(found=(FORBIDDEN,)), "/dev/accel/accel0 may not be opened", "add yourself to group render"),
        (Made(found=(FORBIDDEN, OTHER)), "/dev/accel/accel0 may not be opened", "add yourself to group render"),
        (Made(found=()), "No accel node answers as ane.", "modprobe ane"),
        (Made(found=(OTHER,)), "No accel node answers as ane.", "modprobe ane"),
        (Made(compatible_names=(), found=()), "the engine is part of Apple's chips", "hwx2py emulate"),
        (Made(name="Darwin 23.0", found=()), "one of Linux", "hwx2py emulate"),
        (Made(missing=("numpy",)), "Scripts need numpy", "pip install numpy"),
        (Made(compatible_names=("apple,t6021",)), "as far as ABI 2 is public; none", "--section ID=FILE"),
        (Made(compatible_names=("apple,t8122",)), "no call that scripts use on T8122", "hwx2py emulate"),
        (Made(compatible_names=("apple,t8122",), found=()), "No Linux driver is known for T8122 (H15)", "emulate"),
    ],
)
def test_why_not_and_what_next(machine, verdict, next_step):
    diagnosis = diagnose(machine)
    assert not diagnosis.ready
    assert verdict in diagnosis.verdict
    assert next_step in diagnosis.next_step


def test_an_engine_in_a_chip_that_is_not_known_is_tried():
    diagnosis = diagnose(Made(compatible_names=()))
    assert diagnosis.ready
    assert (diagnosis.facts.chip, diagnosis.facts.abi) == (None, None)


def test_a_chip_is_not_taken_for_one_whose_name_begins_alike():
    assert diagnose(Made(compatible_names=("apple,t60",))).facts.engine is None


def test_a_file_that_is_no_device_is_told(tmp_path):
    path = tmp_path / "accel0"
    path.touch()
    node = doctor.ask_node(str(path))
    assert (node.driver, node.forbidden) == ("", False)
    assert node.refusal.startswith("does not answer as a DRM node")
    assert doctor.ask_node(str(tmp_path / "missing")).refusal == "may not be opened: No such file or directory"


def test_this_machine_is_told(cli):
    done = cli("doctor")
    ready = diagnose(doctor.ThisMachine()).ready
    assert done.code == (0 if ready else 1)
    assert done.err == ""
    assert {"architecture", "page size", "node", "driver", "python", "numpy"} <= {
        line[:14].strip() for line in done.out.splitlines()
    }
    assert done.out.splitlines()[-1].startswith("next: ")


def test_json_says_the_same(cli):
    done = cli("doctor", "--json")
    found = json.loads(done.out)
    assert set(found) == {"facts", "nodes", "ready", "verdict", "next_step", "abilities"}
    assert set(found["facts"]) == set(doctor.Facts._fields)
    assert done.code == (0 if found["ready"] else 1)


def test_the_driver_and_the_call_are_those_of_scripts():
    assert ane.VERSION == doctor.DRM_VERSION
    assert f'b"{doctor.DRIVER}"' in inspect.getsource(ane.find_device)
