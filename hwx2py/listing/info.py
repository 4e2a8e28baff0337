"""A program's summary: container, compiler, tensors with their BARs, a line for each task."""

from typing import Any

from ..formats import ProgramFile
from ..formats.anec.header import Anec
from ..operations import Neural, narrated
from ..operations.wording import Names, buffer_name, engine, operand_name, result_name, sentence, shapes
from ..program.program import Program, script_row
from ..registers import other_names


def summary(file: ProgramFile) -> dict[str, Any]:
    """Everything that `info` shows, ready for JSON."""
    program, container = file
    arch, origin = program.arch, program.origin
    return {
        "file": origin.name,
        "format": origin.form,
        "size_bytes": len(origin.data),
        "arch": arch.name,
        "also_called": list(other_names(arch)),
        "chips": list(arch.chips),
        "confidence": arch.confidence,
        "evidence": arch.evidence,
        "compiler": origin.compiler or None,
        "flags": list(origin.flags),
        "notes": list(origin.notes),
        "header": _header(container) if isinstance(container, Anec) else None,
        "sections": [section._asdict() for section in origin.sections],
        "text_bytes": program.text.size_bytes,
        "streams": [stream._asdict() for stream in program.text.streams],
        "const_offset": program.const_offset,
        "const_bytes": len(program.const),
        "kernels": [{"name": k.name, "bar": k.bar, "size_bytes": len(k.data)} for k in program.kernels],
        "tensors": [
            {
                "name": tensor.name,
                "role": tensor.role,
                "bar": tensor.bar,
                "further_bars": [bar for bar, name in program.aliases if name == tensor.name],
                "shape": tensor.shape and list(tensor.shape),
                "strides_bytes": tensor.strides and list(tensor.strides),
                "dtype": tensor.dtype,
                "size_bytes": tensor.size_bytes,
            }
            for tensor in map(script_row, program.buffers)
        ],
        "tasks": _tasks(program),
    }


def _header(anec: Anec) -> dict[str, Any]:
    """The header of an `.anec`, right or wrong: libane and the driver follow it."""
    return {
        "content_offset": anec.content_offset,
        "size": len(anec.content),
        "td_size": anec.task_bytes,
        "td_count": anec.task_count,
        "tsk_size": anec.text_bytes,
        "krn_size": anec.coefficient_bytes,
        "src_count": anec.inputs,
        "dst_count": anec.outputs,
        "tiles": {str(buffer): tiles for buffer, tiles in enumerate(anec.tiles) if tiles},
    }


def _tasks(program: Program) -> list[dict[str, Any]]:
    names, entries = Names.of(program), []
    for index, (task, (operation, names_there)) in enumerate(zip(program.tasks, narrated(program))):
        kernel = operation.kernel if isinstance(operation, Neural) else None
        entries.append(
            {
                "index": index,
                "offset": task.offset,
                "size_bytes": task.size_bytes,
                "does": sentence(operation, names_there),
                "words": program.task_notes[index] if program.task_notes else None,
                "engine": engine(operation),
                "sources": [operand_name(operand, names) for operand in operation.inputs],
                "result": result_name(operation.result, names),
                "coefficients": buffer_name(kernel.bar, names) if kernel else None,
                "shapes": shapes(operation),
                "not_understood": [unknown._asdict() for unknown in operation.unknowns],
            }
        )
    return entries
