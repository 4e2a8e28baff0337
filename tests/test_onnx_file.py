"""Files of ONNX models: weights that stay in the file's pages, and what is not in order."""

import mmap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx")
from google.protobuf.message import DecodeError  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from hwx2py.compiler.onnx_reader_file import LEAST_BYTES, loaded  # noqa: E402
from hwx2py.errors import UsageError  # noqa: E402

MATRIX = np.arange(LEAST_BYTES, dtype=np.float32).reshape(64, -1)
WEIGHTS = {
    "single": MATRIX,
    "half": MATRIX.astype(np.float16),
    "double": MATRIX.astype(np.float64),
    "whole": MATRIX.astype(np.int64),
    "small": MATRIX[:1, :2],
    "short": MATRIX.astype(np.int16),
}
VIEWED = ("single", "half", "double", "whole")


def model(*tensors):
    """A model with some initializers."""
    node = helper.make_node("MatMul", ["x", "single"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])
    return helper.make_model(helper.make_graph([node], "net", [x], [y], tensors), producer_name="a test")


def usual():
    return model(*(numpy_helper.from_array(array, name) for name, array in WEIGHTS.items()))


def file_under(array):
    """What an array's elements lie in."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def test_large_weights_stay_in_the_file(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(usual(), path)
    parsed, weights = loaded(path)
    assert tuple(weights) == VIEWED
    for name, array in weights.items():
        assert isinstance(file_under(array), mmap.mmap)
        assert array.dtype == WEIGHTS[name].dtype
        np.testing.assert_array_equal(array, WEIGHTS[name])
    whole = usual()
    for tensor in whole.graph.initializer:
        if tensor.name in VIEWED:
            tensor.ClearField("raw_data")
    assert parsed == whole


def test_a_tensor_with_a_wrong_number_of_bytes_is_parsed_with_the_rest(tmp_path):
    wrong = numpy_helper.from_array(MATRIX, "single")
    wrong.dims[0] += 1
    onnx.save(model(wrong), tmp_path / "net.onnx")
    parsed, weights = loaded(tmp_path / "net.onnx")
    assert (weights, parsed) == ({}, model(wrong))


def test_two_tensors_of_one_name_are_parsed_with_the_rest(tmp_path):
    twice = model(numpy_helper.from_array(MATRIX, "single"), numpy_helper.from_array(-MATRIX, "single"))
    onnx.save(twice, tmp_path / "net.onnx")
    parsed, weights = loaded(tmp_path / "net.onnx")
    assert (weights, parsed) == ({}, twice)


@given(st.integers(0, 800), st.integers(0, 255), st.booleans())
def test_a_damaged_model_is_read_as_the_package_reads_it(tmp_path_factory, at, value, is_cut):
    data = bytearray(model(numpy_helper.from_array(MATRIX, "single")).SerializeToString())
    place = at if at < 400 else len(data) - (at - 399)
    data[place:] = data[place:place] if is_cut else bytes([value]) + data[place + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "net.onnx"
    path.write_bytes(data)
    try:
        expected = onnx.ModelProto.FromString(bytes(data))
    except DecodeError:
        expected = None
    try:
        parsed, weights = loaded(path)
    except UsageError:
        assert expected is None or not expected.graph.node
        return
    for tensor in parsed.graph.initializer:
        if tensor.name in weights:
            tensor.raw_data = weights[tensor.name].tobytes()
    assert parsed == expected


def test_weights_in_another_file_are_read_one_by_one(tmp_path):
    onnx.save(usual(), tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    parsed, weights = loaded(tmp_path / "net.onnx")
    assert set(weights) == set(WEIGHTS)
    for name, array in weights.items():
        np.testing.assert_array_equal(array, WEIGHTS[name])
    assert not any(tensor.raw_data or tensor.external_data for tensor in parsed.graph.initializer)
    (tmp_path / "net.data").unlink()
    with pytest.raises(UsageError, match="external data is missing or damaged"):
        loaded(tmp_path / "net.onnx")
