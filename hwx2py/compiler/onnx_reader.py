"""Reads an ONNX model as a graph. Only the modules named onnx_reader know the package onnx.

Everything that the engine cannot do is collected and reported at once, with the parts that would compile.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..errors import HwxError, UnsupportedError, UsageError
from ..names import legible
from .graph import Graph, Origin, Value
from .onnx_reader_cut import cut, largest_parts
from .onnx_reader_file import Loaded, loaded
from .onnx_reader_fold import Folded, fold, known_shapes
from .onnx_reader_nodes import OPERATIONS
from .onnx_reader_view import Comparison, NodeView
from .operators.operator import Shape
from .refusal import Part, Refusal, refused

#: Element types that become fp16 on the engine (float16, float32), and what others are called.
REAL_TYPES = (1, 10)
#: The oldest operator set whose operations are read; older ones broadcast in other ways.
OLDEST_OPSET = 7


class ReadOptions(NamedTuple):
    """What a caller says about a model.

    Attributes:
        shapes: input -> its shape.
        fixed: input -> the constant that takes its place.
        starts: tensors that become inputs; what comes before them goes.
        ends: tensors that become outputs; what comes after them goes.
    """

    shapes: Mapping[str, Sequence[int]] = {}
    fixed: Mapping[str, np.ndarray] = {}
    starts: Sequence[str] = ()
    ends: Sequence[str] = ()


class ReadNetwork(NamedTuple):
    """A model that was read.

    Attributes:
        graph: the graph.
        parts: gives the largest parts without operations of some names.
    """

    graph: Graph
    parts: Callable[[set[str]], list[Part]]


def read(source: Any, options: ReadOptions) -> ReadNetwork:
    """Reads a model.

    Args:
        source: a path, or an onnx.ModelProto.
        options: shapes, constants and cuts.

    Returns:
        The graph, and what names its parts.

    Raises:
        UnsupportedError: the model, or operations of it, cannot be compiled; every operation is named.
        UsageError: the file cannot be read, or the options do not fit the model.
    """
    try:
        return _read(loaded(source), options)
    except UnicodeDecodeError as error:
        raise UsageError("a damaged model: a name in it is not UTF-8") from error


def _read(source: Loaded, options: ReadOptions) -> ReadNetwork:
    model, weights = source
    del source  # the model is copied without what lies in it twice
    _check_model(model)
    _fix_inputs(model, options)
    if options.starts or options.ends:
        cut(model, options.starts, options.ends)
    model, constants, shapes = fold(model, weights)
    reader = _Reader(model, constants, shapes)
    return ReadNetwork(reader.graph(), reader.parts)


def _check_model(model: Any) -> None:
    """Refuses graphs that are not in order, with the node's name."""
    graph = model.graph
    texts = [text for node in graph.node for text in (node.op_type, node.domain, node.name, *node.input, *node.output)]
    texts += [value.name for value in (*graph.input, *graph.output, *graph.initializer)]
    if not all(isinstance(text, str) for text in texts):
        raise UsageError("a damaged model: a name in it is not UTF-8")
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version < OLDEST_OPSET:
            raise UnsupportedError(
                f"operator set {opset.version}; {OLDEST_OPSET} is the oldest that is read",
                hint="convert it with onnx.version_converter",
            )
    known = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    made: set[str] = set()
    for node in graph.node:
        for name in node.input:
            if name and name not in known and name not in made:
                what = f"{_origin(node)} reads {name!r}, which no earlier operation makes"
                raise UnsupportedError(what, hint="the graph has a cycle, or its nodes are out of order")
        for name in node.output:
            if name and (name in made or name in known):
                raise UnsupportedError(f"{_origin(node)} makes {name!r} for the second time")
            made.add(name)
    for value in (*graph.input, *graph.output):
        if legible(value.name) != value.name or not value.name:
            what = f"tensor {value.name!r} has a name that no listing can show"
            raise UnsupportedError(what, hint="rename it in the model")


def _origin(node: Any) -> Origin:
    return Origin(node.op_type, node.name or next(iter(node.output), ""))


def _cast(name: str, array: "np.ndarray", kind: "np.dtype[Any]") -> "np.ndarray":
    """An input's constant in the type of the model."""
    with np.errstate(all="ignore"):
        cast = array.astype(kind)
        fits = np.isfinite(cast) if cast.dtype.kind == "f" else cast == array
    if not fits.all():
        raise UsageError(f"--fix {name}: it holds what is not finite, or does not fit {kind}")
    return cast


def _fix_inputs(model: Any, options: ReadOptions) -> None:
    """Gives inputs the shapes and the constants that the options name."""
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in constants]:
        graph.input.remove(value)
    inputs = {value.name: value for value in graph.input}
    for name in (*options.shapes, *options.fixed):
        if name not in inputs and name not in options.starts:
            hint = f"the inputs are {', '.join(inputs)}"
            raise UsageError(f"there is no input {name}", hint=hint)
    for name, array in options.fixed.items():
        value = inputs[name]
        kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        graph.initializer.append(numpy_helper.from_array(_cast(name, np.asarray(array), kind), name))
        graph.input.remove(value)
    for name, shape in options.shapes.items():
        if name not in inputs:
            continue
        own = inputs[name].type.tensor_type.shape.dim
        fits = len(own) == len(shape) and all(
            not dimension.HasField("dim_value") or dimension.dim_value in (length, -1)
            for dimension, length in zip(own, shape)
        )
        if min(shape, default=1) < 1 or not fits:
            given = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in own]
            raise UsageError(f"shape {tuple(shape)} does not fit input {name}: {given}")
        del own[:]
        for length in shape:
            own.add().dim_value = length
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


@dataclass
class _Reader:
    """Turns a folded model into a graph, node by node."""

    model: Any
    constants: Folded
    shapes: dict[str, tuple[int | None, ...]]
    built: Graph = field(default_factory=Graph)
    values: dict[str, Value | Comparison | np.ndarray] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    def graph(self) -> Graph:
        """The graph of the whole model."""
        self._inputs()
        self.values.update(self.constants)
        for node in self.model.graph.node:
            self._node(node)
        if self.refusals:
            raise refused(self.refusals, self.parts({refusal.origin.name for refusal in self.refusals}))
        self._outputs()
        return self.built

    def parts(self, stuck: set[str]) -> list[Part]:
        """The largest parts that do not need some operations, named by `Origin.name`."""
        return largest_parts(self.model.graph, stuck, lambda node: _origin(node).name)

    def _inputs(self) -> None:
        for value in self.model.graph.input:
            self.values[value.name] = self._input(value)

    def _input(self, value: Any) -> Value:
        from onnx import TensorProto

        name, kind = value.name, value.type.tensor_type.elem_type
        if not value.type.HasField("tensor_type"):
            raise UnsupportedError(f"input {name} is not a tensor", hint="cut the network behind it with --from")
        if kind not in (*REAL_TYPES, TensorProto.BOOL):
            known = kind in TensorProto.DataType.values()
            elements = TensorProto.DataType.Name(kind).lower() if known else kind
            what = f"input {name} has elements of type {elements}; the engine takes fp16"
            raise UnsupportedError(
                what, hint=f"make it a constant with --fix {name}=VALUE, or cut behind it with --from"
            )
        shape = known_shapes(self.model.graph).get(name)
        if shape is None or any(length is None or length < 1 for length in shape):
            dims = [
                d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in value.type.tensor_type.shape.dim
            ]
            example = "x".join(str(n) if isinstance(n, int) and n > 0 else "N" for n in dims)
            raise UnsupportedError(
                f"input {name} has no fixed shape: {dims}", hint=f"give one: --shape {name}={example}"
            )
        return self.built.input(name, tuple(length or 0 for length in shape), truths=kind == TensorProto.BOOL)

    def _node(self, node: Any) -> None:
        """Reads a node; where it cannot, its results become tensors of their inferred shapes, and reading goes on."""
        origin = self.built.origin = _origin(node)
        try:
            read = OPERATIONS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
            if read is None:
                raise UnsupportedError(_no_such(node))
            self._check_node(node)
            operands = self._operands(node)
            if all(operand is None or isinstance(operand, np.ndarray) for operand in operands):
                raise UnsupportedError("all its operands are constants, and its result could not be worked out")
            view = NodeView(self.built, node.op_type, operands, _attributes(node), len(node.output), self._opset)
            results = read(view)
            results = results if isinstance(results, tuple) else (results,)
        except HwxError as error:
            self.refusals.append(
                Refusal(origin, tuple(self._shape_of(name) for name in node.input if name), str(error))
            )
            results = tuple(self._unknown(name) for name in node.output)
        for name, result in zip(node.output, results):
            if name and result is not None:
                self.values[name] = result

    def _check_node(self, node: Any) -> None:
        """Refuses attributes that the operation does not have, or of another type."""
        from onnx import checker

        context = checker.C.CheckerContext()
        context.ir_version = self.model.ir_version
        context.opset_imports = {opset.domain: opset.version for opset in self.model.opset_import}
        try:
            checker.check_node(node, context)
        except checker.ValidationError as error:
            raise UnsupportedError(" ".join(str(error).split())[:160]) from error

    @property
    def _opset(self) -> int:
        return max((opset.version for opset in self.model.opset_import if opset.domain in ("", "ai.onnx")), default=1)

    def _operands(self, node: Any) -> list[Any]:
        missing = [name for name in node.input if name and name not in self.values]
        if missing:
            raise UnsupportedError(f"operand {missing[0]!r} has no known shape")
        return [self.values[name] if name else None for name in node.input]

    def _shape_of(self, name: str) -> Shape | None:
        value = self.values.get(name)
        return None if value is None else tuple(value.shape)

    def _unknown(self, name: str) -> Value | None:
        shape = self.shapes.get(name)
        if not name or shape is None or any(length is None or length < 1 for length in shape):
            return None
        return Value(name, tuple(length or 0 for length in shape))

    def _outputs(self) -> None:
        inputs = {value.name for value in self.built.inputs}
        for output in self.model.graph.output:
            value = self.values.get(output.name)
            if value is None:
                raise UnsupportedError(
                    f"output {output.name} is made by no operation", hint="leave it out with --until"
                )
            if not isinstance(value, Value) or value.array is not None:
                what = f"output {output.name} is a constant"
                raise UnsupportedError(what, hint="leave it out with --until, which names the outputs to keep")
            if output.name in inputs:
                hint = "leave it out with --until, which names the outputs to keep"
                raise UnsupportedError(f"output {output.name} is an input", hint=hint)
            self.built.output(output.name, value)


def _no_such(node: Any) -> str:
    if node.domain not in ("", "ai.onnx"):
        return f"the operators of {node.domain!r} are unknown"
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return "control flow stays on the host"
    return "the engine has no such operation, or none is known; it stays on the host"


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    found = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        found[attribute.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return found
