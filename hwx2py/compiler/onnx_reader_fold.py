"""Static shapes and folded constants of an ONNX model, by the shape inference and the evaluator of the package onnx.

A model is folded in place until nothing changes: constants become initializers, `Shape` of a known shape a constant, an
`If` whose condition is known its branch, and what no output needs goes.
"""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import UnsupportedError

#: Elements of a constant that is still worked out here: one with more would not fit into any program.
MOST_ELEMENTS = 1 << 26
#: Rounds of folding; each makes the graph smaller, and real networks settle within five.
MOST_ROUNDS = 40

#: Operations whose result is another one each time, or whose body is a graph.
NEVER_FOLDED = frozenset(
    (
        "RandomNormal",
        "RandomUniform",
        "RandomNormalLike",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
        "Loop",
        "Scan",
    )
)
#: Operations that onnx's evaluator works out as newer operator sets mean them -> the first set for which that is right.
EVALUATED_FROM = {"Softmax": 13, "LogSoftmax": 13, "Hardmax": 13, "BatchNormalization": 14, "Resize": 11}
#: Operations that pass their first input on.
PASSING = frozenset(("Identity", "Dropout"))


class Folded(dict[str, np.ndarray]):
    """The constants of a folded graph by name."""


def fold(model: Any, weights: Mapping[str, np.ndarray]) -> tuple[Any, Folded, dict[str, tuple[int | None, ...]]]:
    """Folds what is constant.

    Args:
        model: an onnx.ModelProto, which is changed.
        weights: initializers whose data is not in the model.

    Returns:
        The model without initializers, its constants, and the shapes that are known; None for an axis that is not.
    """
    inside = [tensor for tensor in model.graph.initializer if tensor.name not in weights]
    constants = Folded({**weights, **dict(_initializers(inside))})
    for _ in range(MOST_ROUNDS):
        model = _inferred(model, constants)
        if not _round(model, constants, shapes := known_shapes(model.graph)):
            break
    return model, constants, shapes


def _initializers(tensors: Iterable[Any]) -> Iterator[tuple[str, np.ndarray]]:
    for tensor in tensors:
        yield tensor.name, _array(tensor)


def _array(tensor: Any) -> np.ndarray:
    """The elements of a TensorProto; what it claims about itself is checked before anything is made of it."""
    from onnx import numpy_helper

    if any(length < 0 for length in tensor.dims):
        raise UnsupportedError(f"constant {tensor.name!r} has a negative length: {list(tensor.dims)}")
    if math.prod(tensor.dims) > MOST_ELEMENTS * 4:
        raise UnsupportedError(f"constant {tensor.name!r} has {math.prod(tensor.dims)} elements, more than fit")
    try:
        found: np.ndarray = numpy_helper.to_array(tensor)
        return found
    except (ValueError, TypeError, KeyError) as error:
        raise UnsupportedError(f"constant {tensor.name!r} cannot be read: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _inferred(model: Any, constants: Folded) -> Any:
    """The model with inferred shapes. Large weights are left out meanwhile: inference copies the model."""
    import onnx
    from onnx import helper, shape_inference

    slim = onnx.ModelProto()
    slim.ir_version = model.ir_version
    slim.opset_import.extend(model.opset_import)
    graph = slim.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    given = {value.name for value in graph.input}
    for name, array in constants.items():
        if array.size <= 64:
            graph.initializer.append(_tensor(name, array))
        elif name not in given:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))
    try:
        slim = shape_inference.infer_shapes(slim, data_prop=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise UnsupportedError(f"the shapes of the network contradict each other: {_line(error)}") from error
    del model.graph.value_info[:]
    model.graph.value_info.extend(slim.graph.value_info)
    shapes = {value.name: value for value in slim.graph.output}
    for value in model.graph.output:
        value.CopyFrom(shapes[value.name])
    return model


def _tensor(name: str, array: np.ndarray) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def known_shapes(graph: Any) -> dict[str, tuple[int | None, ...]]:
    """The shapes that inference found, by tensor name."""
    return {
        value.name: tuple(
            dimension.dim_value if dimension.HasField("dim_value") else None
            for dimension in value.type.tensor_type.shape.dim
        )
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }


def _round(model: Any, constants: Folded, shapes: Mapping[str, tuple[int | None, ...]]) -> bool:
    """Folds once through the graph; says whether anything changed."""
    graph, outputs = model.graph, {value.name for value in model.graph.output}
    alias: dict[str, str] = {}
    kept, changed = [], False
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = alias.get(name, name)
        # A dropout with three operands may be in training, which the reader refuses.
        passes = node.op_type in PASSING and 0 < len(node.input) < 3
        if passes and node.output[0] not in outputs:
            alias[node.output[0]] = node.input[0]
            changed = True
        elif node.op_type == "If" and node.input and node.input[0] in constants:
            kept += _branch(node, bool(constants[node.input[0]].all()), constants)
            changed = True
        elif (values := _value(node, model, constants, shapes)) is not None:
            constants.update(zip((name for name in node.output if name), map(np.asarray, values)))
            changed = True
        else:
            kept.append(node)
    needed = _needed(kept, outputs)
    changed = changed or len(needed) != len(graph.node)
    copies = [type(node).FromString(node.SerializeToString()) for node in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(copies)
    return changed


def _needed(nodes: list[Any], outputs: set[str]) -> list[Any]:
    """The nodes that outputs depend on."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
            needed.update(name for attribute in node.attribute for name in _captured(attribute))
    return kept[::-1]


def _captured(attribute: Any) -> Iterator[str]:
    """Names that the graphs in an attribute may read from outside."""
    for graph in (attribute.g, *attribute.graphs):
        for node in graph.node:
            yield from node.input
            for inner in node.attribute:
                yield from _captured(inner)


def _branch(node: Any, taken: bool, constants: Folded) -> list[Any]:
    """The nodes of the branch that an `If` takes, with names that are unique outside."""
    from onnx import helper

    (body,) = (item.g for item in node.attribute if item.name == ("then_branch" if taken else "else_branch"))
    prefix = node.name or node.output[0]
    inside = {name for inner in body.node for name in inner.output} | {tensor.name for tensor in body.initializer}
    renamed = {name: f"{prefix}/{name}" for name in inside if name}
    constants.update((renamed[name], array) for name, array in _initializers(body.initializer))
    nodes = []
    for inner in body.node:
        copy = type(inner).FromString(inner.SerializeToString())
        copy.input[:] = [renamed.get(name, name) for name in inner.input]
        copy.output[:] = [renamed.get(name, name) for name in inner.output]
        copy.name = f"{prefix}/{inner.name}" if inner.name else ""
        nodes.append(copy)
    for result, value in zip(node.output, body.output):
        nodes.append(helper.make_node("Identity", [renamed.get(value.name, value.name)], [result]))
    return nodes


def _value(
    node: Any, model: Any, constants: Folded, shapes: Mapping[str, tuple[int | None, ...]]
) -> list[np.ndarray] | None:
    """The results of a node that only depends on constants and shapes; None for any other."""
    if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
        return [_constant(node)]
    if node.op_type in ("Shape", "Size") and node.domain in ("", "ai.onnx"):
        return _shape(node, constants, shapes)
    if node.op_type in NEVER_FOLDED or not node.input or node.domain not in ("", "ai.onnx"):
        return None
    if any(name and name not in constants for name in node.input):
        return None
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=1)
    if opset < EVALUATED_FROM.get(node.op_type, 0):
        return None
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return None
    inputs = {name: constants[name] for name in node.input if name}
    if _result_elements(node, inputs, shapes) > MOST_ELEMENTS:
        raise UnsupportedError(
            f"{node.op_type} {node.name or node.output[0]!r} makes a constant of more than {MOST_ELEMENTS} elements"
        )
    return _evaluated(node, model, inputs)


def _constant(node: Any) -> np.ndarray:
    from onnx import helper

    for attribute in node.attribute:
        if attribute.name == "value":
            return _array(attribute.t)
        if attribute.name == "sparse_value":
            break
        value = helper.get_attribute_value(attribute)
        kind = np.float32 if attribute.name.startswith("value_f") else np.int64
        return np.array(value, None if attribute.name.startswith("value_s") else kind)
    raise UnsupportedError(f"Constant {node.name or node.output[0]!r} has no dense value")


def _shape(node: Any, constants: Folded, shapes: Mapping[str, tuple[int | None, ...]]) -> list[np.ndarray] | None:
    name = node.input[0]
    shape = constants[name].shape if name in constants else shapes.get(name)
    if shape is None or None in shape:
        return None
    if node.op_type == "Size":
        return [np.array(math.prod(length or 0 for length in shape), np.int64)]
    given = {attribute.name: attribute.i for attribute in node.attribute}
    return [np.array(shape, np.int64)[slice(given.get("start"), given.get("end"))]]


def _result_elements(node: Any, inputs: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int | None, ...]]) -> int:
    """At most so many elements come out of a node: known before it is evaluated, so that a small file costs little."""
    shape = shapes.get(node.output[0])
    if shape is not None and None not in shape:
        return math.prod(length or 0 for length in shape)
    arrays = [inputs[name] for name in node.input if name]
    if node.op_type == "ConstantOfShape":
        return math.prod(int(length) for length in arrays[0].ravel())
    if node.op_type == "Expand":
        return max(arrays[0].size, 1) * math.prod(max(int(length), 1) for length in arrays[1].ravel())
    if node.op_type == "Tile":
        return arrays[0].size * math.prod(int(count) for count in arrays[1].ravel())
    if node.op_type == "Range":
        start, limit, step = (float(array) for array in arrays[:3])
        return int((limit - start) / step) + 1 if step else 0
    lengths = np.broadcast_shapes(*(array.shape for array in arrays)) if node.op_type in BROADCASTING else ()
    return max(math.prod(lengths), sum(array.size for array in arrays))


#: Operations whose result is as large as the broadcast of their operands.
BROADCASTING = frozenset(
    ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Equal", "Less", "Greater", "And", "Or")
)


def _evaluated(node: Any, model: Any, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray] | None:
    """What onnx's own evaluator makes of a node; None where it cannot, which leaves the node as it is."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.output if name]
    outputs = [helper.make_tensor_value_info(name, 0, None) for name in names]
    known = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in inputs.items()
    ]
    graph = helper.make_graph([node], "constant", known, outputs)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=model.opset_import))
            return list(evaluator.run(names, dict(inputs)))
        except (
            ArithmeticError,
            AttributeError,
            IndexError,
            LookupError,
            NotImplementedError,
            RuntimeError,
            TypeError,
            ValueError,
        ):
            return None
