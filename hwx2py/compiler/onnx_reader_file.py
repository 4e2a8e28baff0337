"""The file of an ONNX model: its weights stay where they are, in mapped pages, and the rest is parsed."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import UsageError
from ..formats import PROGRAM_SUFFIXES, SCRIPT_SUFFIX
from ..formats.foreign import not_a_network
from ..formats.mapped import mapped

#: Field numbers of ModelProto, GraphProto and TensorProto (onnx.proto).
GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9
#: Kinds of protobuf fields: what follows the key.
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
#: Smaller tensors are parsed with the rest: shape inference looks into them.
LEAST_BYTES = 4096
#: Ends of the names of programs, which are given here by mistake.
PROGRAMS = (*PROGRAM_SUFFIXES, SCRIPT_SUFFIX)


class Loaded(NamedTuple):
    """A model and its weights.

    Attributes:
        model: an onnx.ModelProto; initializers whose data was left out have names, types and dimensions.
        weights: those by name; views of the file's pages where it has them as they are.
    """

    model: Any
    weights: dict[str, np.ndarray]


def loaded(source: Any) -> Loaded:
    """Loads a model.

    Args:
        source: a path, or an onnx.ModelProto, which is copied.

    Raises:
        UsageError: there is no model there, or a damaged one, or its external data is missing.
    """
    try:
        import onnx
    except ImportError as error:
        raise UsageError("reading an ONNX model needs the package onnx", hint="pip install 'hwx2py[onnx]'") from error
    from google.protobuf.message import DecodeError

    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
        return Loaded(model, {})
    name = os.fspath(source)
    if os.path.isdir(name):
        raise not_a_network(name, PROGRAMS)
    try:
        model, weights = _parsed(name)
        if model.ListFields() and not model.HasField("graph"):
            raise not_a_network(name, PROGRAMS)
        weights |= _external(model, os.path.dirname(name))
    except (DecodeError, UnicodeDecodeError) as error:
        raise not_a_network(name, PROGRAMS) from error
    except (FileNotFoundError, onnx.checker.ValidationError, ValueError) as error:
        if not os.path.exists(name):
            raise UsageError("there is no such file", file=name) from error
        hint = "put the files with its weights beside it"
        line = " ".join(str(error).split())[:160]
        raise UsageError(f"external data is missing or damaged: {line}", file=name, hint=hint) from error
    if not model.graph.node:
        raise UsageError("not an ONNX model, or one without operations", file=name)
    return Loaded(model, weights)


def _parsed(path: str) -> Loaded:
    """The model of a file, with the weights that need not be parsed."""
    import onnx

    with open(path, "rb") as file:
        if not os.path.isfile(path) or not os.path.getsize(path):
            return Loaded(onnx.load(file, load_external_data=False), {})
        data = mapped(path, file.fileno())
    parts = _split(data)
    if parts is None:
        return Loaded(onnx.load_from_string(bytes(data)), {})
    model, weights = onnx.load_from_string(parts.model), {}
    count = Counter(tensor.name for tensor in model.graph.initializer)
    for index, place in parts.places.items():
        tensor = model.graph.initializer[index]
        array = _viewed(tensor, data[place]) if count[tensor.name] == 1 else None
        if array is None:
            tensor.raw_data = bytes(data[place])
        else:
            weights[tensor.name] = array
    return Loaded(model, weights)


def _viewed(tensor: Any, data: memoryview) -> np.ndarray | None:
    """The elements of a tensor where they lie; None where they are not numbers of NumPy, or not as many as claimed."""
    from onnx import TensorProto, helper

    if tensor.data_type not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.INT64):
        return None
    kind = helper.tensor_dtype_to_np_dtype(tensor.data_type).newbyteorder("<")
    shape = tuple(tensor.dims)
    if min(shape, default=0) < 0 or int(np.prod(shape, dtype=object)) * kind.itemsize != len(data):
        return None
    return np.frombuffer(data, kind).reshape(shape)


def _external(model: Any, folder: str) -> dict[str, np.ndarray]:
    """Weights in other files: initializers one by one, so that there is one copy of them; the rest into the model."""
    import onnx
    from onnx import TensorProto, external_data_helper, numpy_helper

    weights = {}
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            whole = TensorProto()
            whole.CopyFrom(tensor)
            external_data_helper.load_external_data_for_tensor(whole, folder)
            whole.data_location = TensorProto.DEFAULT
            weights[tensor.name] = numpy_helper.to_array(whole)
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
    onnx.load_external_data_for_model(model, folder)
    return weights


class _Parts(NamedTuple):
    """A model without its large weights, and where these lie in the file, by number of the initializer."""

    model: bytes
    places: dict[int, slice]


class _Field(NamedTuple):
    """A field of a message: its number and kind, where its key begins, and where its content lies."""

    number: int
    kind: int
    begin: int
    content: slice


class _Irregular(ValueError):
    """The bytes are not a protobuf message."""


def _split(data: memoryview) -> _Parts | None:
    """Takes large weights out of a model; None where it is not in order, which whoever parses it whole will explain."""
    places: dict[int, slice] = {}
    count = 0
    try:
        graphs = [field for field in _fields(data, slice(0, len(data))) if field.number == GRAPH]
        if len(graphs) != 1 or graphs[0].kind != LENGTH:
            return None
        graph = graphs[0]
        pieces: list[bytes | memoryview] = []
        for field in _fields(data, graph.content):
            own: bytes | memoryview = data[field.begin : field.content.stop]
            if field.number == INITIALIZER:
                raw = [item for item in _fields(data, field.content) if item.number == RAW_DATA]
                if len(raw) == 1 and raw[0].content.stop - raw[0].content.start >= LEAST_BYTES:
                    places[count] = raw[0].content
                    before = data[field.content.start : raw[0].begin]
                    own = _message(INITIALIZER, [before, data[raw[0].content.stop : field.content.stop]])
                count += 1
            pieces.append(own)
    except _Irregular:
        return None
    model = b"".join((data[: graph.begin], _message(GRAPH, pieces), data[graph.content.stop :]))
    return _Parts(model, places)


def _fields(data: memoryview, place: slice) -> Iterator[_Field]:
    at = place.start
    while at < place.stop:
        begin = at
        key, at = _varint(data, at, place.stop)
        kind = key & 7
        if kind == LENGTH:
            length, at = _varint(data, at, place.stop)
        elif kind == VARINT:
            length = _varint(data, at, place.stop)[1] - at
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if kind == EIGHT_BYTES else 4
        else:
            raise _Irregular
        if at + length > place.stop:
            raise _Irregular
        yield _Field(key >> 3, kind, begin, slice(at, at + length))
        at += length


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where what follows it begins."""
    number = 0
    for place in range(at, min(at + 10, end)):
        number |= (data[place] & 0x7F) << 7 * (place - at)
        if data[place] < 0x80:
            return number, place + 1
    raise _Irregular


def _message(number: int, pieces: Sequence[bytes | memoryview]) -> bytes:
    """A field that is a message."""
    return b"".join((_encoded(number << 3 | LENGTH), _encoded(sum(map(len, pieces))), *pieces))


def _encoded(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
