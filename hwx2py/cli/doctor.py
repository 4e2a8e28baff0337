"""`hwx2py doctor`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ..errors import UnsupportedError
from ..names import legible

if TYPE_CHECKING:
    from ..doctor import Diagnosis, Node

NOT_READY = 1


@click.command(epilog="Example: hwx2py doctor")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(as_json: bool) -> int:
    """Says whether generated scripts could run on this machine's engine, why not, and what to do next.

    Exit code 0 where they could, else 1. Device nodes are opened and asked for the name of their driver, no more.
    """
    from .. import doctor

    diagnosis = doctor.diagnose(doctor.ThisMachine())
    abilities = _abilities(diagnosis.facts.packages)
    if as_json:
        import json

        nodes = [node._asdict() for node in diagnosis.nodes]
        data = diagnosis._asdict() | {
            "facts": diagnosis.facts._asdict(),
            "nodes": nodes,
            "abilities": abilities,
        }
        click.echo(json.dumps(data, indent=2))
    else:
        click.echo("\n".join(map(legible, _text(diagnosis, abilities))))
    return 0 if diagnosis.ready else NOT_READY


def _abilities(packages: Mapping[str, str | None]) -> dict[str, str]:
    """What commands with needs of their own can do here, or what they lack."""
    from ..confinement import confine
    from ..device import host

    try:
        host.here()
        node = "programs find a virtual ANE"
    except UnsupportedError as error:
        node = str(error)
    lacking = confine.missing()
    return {
        "compile": "networks in ONNX" if packages["onnx"] else "needs the package onnx",
        "emulate": f"scripts run with --trust only: {lacking}" if lacking else "scripts run confined",
        "device": node,
    }


def _text(diagnosis: "Diagnosis", abilities: Mapping[str, str]) -> list[str]:
    facts = diagnosis.facts
    lines = [
        ("system", facts.system),
        ("architecture", facts.architecture),
        ("chip", facts.chip or "none of Apple's, by the device tree"),
        ("engine", facts.engine or "not known"),
        ("page size", f"{facts.page_bytes} bytes"),
        *(("node", _node(node)) for node in diagnosis.nodes),
        *([] if diagnosis.nodes else [("node", "no /dev/accel/accel*")]),
        ("driver", facts.driver or "none"),
        ("interface", facts.abi or "not known"),
        ("python", facts.python),
        *((name, version or "not installed") for name, version in facts.packages.items()),
        *abilities.items(),
    ]
    return [f"{name:<14}{value}" for name, value in lines] + [diagnosis.verdict, f"next: {diagnosis.next_step}"]


def _node(node: "Node") -> str:
    from ..doctor import join_group

    if node.forbidden:
        return f"{node.path} {node.refusal}; {join_group(node)}"
    return f"{node.path} {node.refusal or f'has the driver {node.driver}, {node.version}'}"
