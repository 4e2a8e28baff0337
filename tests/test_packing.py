"""Packing of coefficients, forwards and backwards."""

import numpy as np
import pytest
from conftest import SHARED

from hwx2py import formats, packing
from hwx2py.emulator.unpacking import unpacked
from hwx2py.errors import UnsupportedError, UsageError
from hwx2py.operations import Names, operations
from hwx2py.operations.tables import Curve, Line, parse, table_bytes
from hwx2py.packing import Form, zero_skipping

FORMS = {
    "dense": Form(outputs=64, inputs=3, height=3, width=3, lanes=4),
    "dense with bias and table": Form(outputs=64, inputs=5, lanes=2, bias_row=True, table_in_front=True),
    "narrower planes": Form(outputs=768, inputs=2, lanes=32),
    "channels left over": Form(outputs=40, inputs=70, lanes=2, bias_row=True),
    "fewer channels than engines": Form(outputs=3, inputs=3, engines=4),
    "grouped": Form(outputs=16, inputs=16, groups=4),
    "depthwise": Form(outputs=64, inputs=1, height=3, width=3, depthwise=True),
    "two columns": Form(outputs=16, inputs=1, width=9, depthwise=True, columns=2, bias_row=True),
}


def numbers(count: int, seed: int) -> np.ndarray:
    """Halfwords that tell places apart."""
    return np.random.default_rng(seed).integers(1, 0x7C00, count, dtype=np.uint16)


def parts(form: Form) -> tuple[np.ndarray, np.ndarray | None, bytes | None]:
    """Weights, bias and table for a form."""
    bias = numbers(form.channels, 2) if form.bias_row else None
    return numbers(form.channels * form.weights, 1), bias, bytes(range(128)) if form.table_in_front else None


@pytest.mark.parametrize("name", FORMS)
def test_weights_come_back(name):
    form = FORMS[name]
    layout = packing.layout(form)
    weights, bias, table = parts(form)
    packed = packing.pack(layout, weights.data, None if bias is None else bias.data, table)

    def read(run, plane_bytes):
        start = packed.chunks[run.first.engine].base_bytes + run.first.offset_bytes
        planes = (packed.data[start + number * run.step_bytes :][:plane_bytes] for number in range(run.planes))
        return np.frombuffer(b"".join(planes), np.uint8).reshape(run.planes, -1)

    again = unpacked(layout, read)
    assert np.array_equal(again[:, form.bias_row :].ravel(), weights)
    assert bias is None or np.array_equal(again[:, 0], bias)
    assert all(chunk.size_bytes % 64 == 0 for chunk in packed.chunks)
    assert sum(chunk.size_bytes for chunk in packed.chunks) == len(packed.data)


def test_dense_planes_by_their_definition():
    form = FORMS["dense with bias and table"]
    weights, bias, table = parts(form)
    packed = packing.pack(packing.layout(form), weights.data, bias.data, table)
    matrix = weights.reshape(64, 5)
    for engine, chunk in enumerate(packed.chunks):
        data = packed.data[chunk.base_bytes : chunk.base_bytes + chunk.size_bytes]
        assert data[:128] == table
        expected = b""
        for plane in (engine, engine + 16):
            own = slice(2 * plane, 2 * plane + 2)
            expected += bias[own].tobytes() + matrix[own].T.tobytes()
        assert data[128:] == expected.ljust(64, b"\0")


def test_channels_that_fill_no_round_go_into_narrower_planes():
    assert {plane.lanes for plane in packing.layout(FORMS["narrower planes"]).planes} == {32, 16}
    widths = [plane.lanes for plane in packing.layout(FORMS["channels left over"]).planes]
    assert widths == [2] * 16 + [1] * 8


def test_an_engine_without_channels_fetches_nothing():
    packed = packing.pack(packing.layout(FORMS["fewer channels than engines"]), numbers(9, 1).data)
    assert [chunk.size_bytes for chunk in packed.chunks] == [64, 64, 64, 0]


def test_groups_are_padded_and_channels_that_read_their_own_are_not():
    assert set(packing.layout(FORMS["grouped"]).chunk_bytes) == {4 * 64}
    assert set(packing.layout(FORMS["depthwise"]).chunk_bytes) == {128}


def test_two_columns_lie_in_the_published_order():
    form = Form(outputs=1, inputs=1, width=9, engines=1, depthwise=True, columns=2, bias_row=True)
    weights = np.arange(1, 10, dtype=np.uint16)
    data = packing.pack(packing.layout(form), weights.data, np.array([99], np.uint16).data).data
    found = np.frombuffer(data, "<u2")[:22].tolist()
    even, odd = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8], [2, 1, 4, 3, 6, 5, 8, 7, 0, 9]
    assert found == [99, 99, *even, *odd]


def test_a_matrix_of_inputs_and_outputs():
    form = Form(outputs=256, inputs=100, lanes=16)
    matrix = numbers(256 * 100, 3).reshape(256, 100)
    layout = packing.layout(form)
    product = np.ascontiguousarray(matrix.T)
    assert packing.pack(layout, product.data, by_input=True) == packing.pack(layout, matrix.data)


def test_zero_skipping_by_its_definition():
    form = Form(outputs=4, inputs=2, engines=1, lanes=4, bias_row=True, zero_skipping=True)
    weights = np.array([[1, 0], [0, 0x8000], [3, 4], [0, 5]], np.uint16)
    packed = packing.pack(packing.layout(form), weights.data, np.array([9, 9, 9, 9], np.uint16).data)
    body = bytes([0, 0b0101, 1, 0, 3, 0, 0, 0b1100, 4, 0, 5, 0])
    assert packed.data == (bytes([9, 0] * 4) + bytes([len(body), 0]) + body).ljust(64, b"\0")


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_zero_skipping_comes_back(lanes):
    form = Form(outputs=80, inputs=30, lanes=lanes, bias_row=True, table_in_front=True, zero_skipping=True)
    weights, bias, table = parts(form)
    weights[::3] = 0
    packed = packing.pack(packing.layout(form), weights.data, bias.data, table)
    for chunk in packed.chunks:
        data = packed.data[chunk.base_bytes : chunk.base_bytes + chunk.size_bytes]
        found = zero_skipping.places(form, chunk.engine, data)
        assert found.used_bytes == chunk.size_bytes or not found.rows
        for channel, offsets in found.rows.items():
            values = [int.from_bytes(data[place : place + 2], "little") if place >= 0 else 0 for place in offsets]
            assert values == [bias[channel], *weights.reshape(80, 30)[channel]]


def test_zeros_are_stored_where_more_is_fetched_than_needed():
    form = Form(outputs=64, inputs=64, lanes=4, zero_skipping=True)
    weights = numbers(64 * 64, 1)
    weights[::2] = 0
    sparse = np.where(np.arange(64 * 64) % 8 == 1, weights, 0).astype(np.uint16)
    sizes = [chunk.size_bytes for chunk in packing.pack(packing.layout(form), weights.data).chunks]
    chunks = zero_skipping.pack(form, memoryview(sparse), None, b"", False, sizes)
    assert [len(chunk) for chunk in chunks] == sizes
    for engine, data in enumerate(chunks):
        found = zero_skipping.places(form, engine, data)
        assert found.used_bytes == sizes[engine]
        for channel, offsets in found.rows.items():
            values = [int.from_bytes(data[place : place + 2], "little") if place >= 0 else 0 for place in offsets]
            assert values == sparse.reshape(64, 64)[channel].tolist()
    with pytest.raises(UnsupportedError, match=r"engine 0 fetches room for \d+ weights other than 0, its channels"):
        zero_skipping.pack(form, memoryview(numbers(64 * 64, 1)), None, b"", False, sizes)


def test_wrong_sizes_are_refused():
    layout = packing.layout(Form(outputs=16, inputs=4))
    with pytest.raises(UsageError, match="weights: 126 bytes, the kernel needs 128"):
        packing.pack(layout, bytes(126))
    with pytest.raises(UsageError, match="no place for a bias"):
        packing.pack(layout, bytes(128), bytes(32))
    with pytest.raises(UsageError, match="needs a table"):
        packing.pack(packing.layout(Form(outputs=16, inputs=4, table_in_front=True)), bytes(128))


@pytest.mark.parametrize(
    ("channels", "size", "lanes"), [(64, 8, 4), (640, 375, 16), (768, 8, 32), (512, 1, 32), (24, 64, 1), (3, 1, 1)]
)
def test_lanes(channels, size, lanes):
    assert packing.lanes_for(channels, 1, size) == lanes


@pytest.mark.parametrize("channels", [8, 24, 40, 48, 96, 200, 768, 1000])
def test_lanes_that_divide_leave_no_doubt(channels):
    lanes = packing.lanes_that_divide(channels, 8, 8)
    assert channels < 16 or channels % (16 * lanes) == 0 or lanes == 1
    assert packing.is_settled(Form(outputs=channels, inputs=1, lanes=lanes))


def test_sizes_that_do_not_tell_the_layout_are_known():
    assert not packing.is_settled(Form(outputs=40, inputs=1, lanes=2))


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder `shared` with real files beside the repository")
def test_packed_weights_are_those_of_decoded_programs():
    """The coefficients of these programs have the digest that the compiler's own had."""
    compared = []
    for path in sorted((SHARED / "hwx").glob("oracle-h1*/*.weights.npy")):
        program = formats.load(str(path).replace(".weights.npy", ".hwx")).program
        tasks = [task for task in operations(program) if getattr(task, "kernel", None) and not task.unknowns]
        if len(tasks) != 1:
            continue
        form, kernel = packing.form_of(tasks[0]), tasks[0].kernel
        const = bytes(Names.of(program).coefficients[kernel.bar])
        starts = [kernel.base_bytes + channel.base_bytes for channel in kernel.channels]
        table = const[starts[0] : starts[0] + 128] if form.table_in_front else None
        packed = packing.pack(packing.layout(form), np.load(path).data, None, table)
        for start, channel, chunk in zip(starts, kernel.channels, packed.chunks):
            assert channel.size_bytes == chunk.size_bytes, path.name
            expected = packed.data[chunk.base_bytes : chunk.base_bytes + chunk.size_bytes]
            assert const[start : start + channel.size_bytes] == expected, path.name
        if not form.zero_skipping:
            assert packing.layout_of(tasks[0]) == packing.layout(form)
        compared.append(path.name)
    assert len(compared) == 13


@pytest.mark.parametrize("shift", [64, 3, 0, -1])
def test_tables_come_back(shift):
    samples = tuple(float(sample) for sample in range(33))
    curve = Curve(-4.0, 4.0, -1.0, 2.0, samples, Line(0.5, 1.0), Line(2.0, -3.0), shift, 1, 6)
    data = table_bytes(curve)
    assert len(data) == 128
    assert parse(data) == curve
