"""Nothing that is still needed is written over: L2 and scratch simulated byte for byte, as an oracle for the places."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_chain import STEPS, gated, stepped

import hwx2py
from hwx2py.compiler import l2_operands, schedule
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.l2_places import Stay, places
from hwx2py.compiler.l2_seen import Operand
from hwx2py.compiler.task import RuntimeKernel
from hwx2py.program.l2 import SIZE_BYTES

#: Bits for the address within a buffer.
ADDRESS_BITS = 40


def elements(surface):
    """Where each element of a view is in its buffer: an array of C x H x W (batches one behind the other)."""
    n, c, h, w = np.ogrid[tuple(map(slice, surface.shape))]
    return surface.base_bytes + n * surface.group_bytes + c * surface.plane_bytes + h * surface.row_bytes + w * 2


def tile(plan, operand, shape):
    """Where each element of an operand is in L2."""
    name = f"L2.{operand.value}"
    base = l2_operands.field(plan, f"{name}Base", "Addr")
    channel, row = (l2_operands.field(plan, f"{name}{axis}Stride", "Stride") for axis in ("Channel", "Row"))
    _, c, h, w = np.ogrid[tuple(map(slice, shape))]
    return base + c * channel + h * row + w * 2


class Memory:
    """What lies where, per two bytes: a buffer's number and the address within it; negative what nobody needs."""

    def __init__(self, size_bytes):
        self.owners = np.zeros(size_bytes // 2, np.int64)
        self.numbers = {}

    def names(self, surface):
        number = self.numbers.setdefault(surface.buffer, len(self.numbers) + 1)
        return (np.int64(number) << ADDRESS_BITS) + elements(surface)

    def put(self, places_bytes, values):
        self.owners[(places_bytes // 2).ravel()] = np.broadcast_to(values, places_bytes.shape).ravel()

    def has(self, places_bytes, values):
        return np.array_equal(
            self.owners[(places_bytes // 2).ravel()], np.broadcast_to(values, places_bytes.shape).ravel()
        )

    def spoil(self, extent):
        self.owners[extent.start // 2 : -(-extent.end // 2)] = -1


def check_l2(done):
    """Every element that a task reads in L2 is the one that it would read from scratch. Returns how many operands."""
    memory, kept, within = Memory(SIZE_BYTES), 0, {task: run for run in done.runs for task in run}
    for task, (old, new) in enumerate(zip(done.unchained.plans, done.plans)):
        if task == 0 or done.plans[task - 1].ends_segment:
            memory.owners[:] = 0
        stays, passes = {}, {}
        for operand in Operand:
            extent = l2_operands.extent_in_l2(new, operand)
            was, remains = l2_operands.surface_of(old, operand), l2_operands.surface_of(new, operand)
            if extent is None:
                continue
            assert extent.end <= SIZE_BYTES
            if was is not None and remains is None and task in within:
                stays[operand] = (extent, tile(new, operand, was.shape), memory.names(was))
            else:
                passes[operand] = extent
        for operand, (_, place, names) in stays.items():
            kept += 1
            if operand is not Operand.RESULT:
                assert memory.has(place, names), (task, new.what, operand)
        for extent in passes.values():
            for other, _, _ in stays.values():
                assert extent.end <= other.start or other.end <= extent.start, (task, new.what)
            memory.spoil(extent)
        for operand, (_, place, names) in stays.items():
            if operand is not Operand.RESULT:
                assert memory.has(place, names), (task, new.what, operand)
            else:
                memory.put(place, names)
                assert memory.has(place, names), (task, new.what, "elements on each other")
    return kept


def is_plain(surface):
    """Whether a surface's strides are those of its shape, of two bytes an element."""
    return surface is not None and surface.element_bytes == 2 and not surface.strided_end_bytes


def check_scratch(done):
    """Every element read in scratch is of the buffer that is read, and no run reads what it writes there."""
    bound = {tensor.name for tensor in done.program.tensors}
    bound |= {name for plan in done.plans for name in plan.constants}
    ranges = [item for item in schedule.live_ranges(done.plans, bound, done.runs) if item.buffer not in bound]
    chosen = schedule.places(ranges)
    memory = Memory(max((chosen[item.buffer] + item.size_bytes + 64 for item in ranges), default=64))
    within = {task: run for run in done.runs for task in run}
    written = {}
    for task, plan in enumerate(done.plans):
        for operand in (Operand.SOURCE, Operand.SECOND):
            surface = l2_operands.surface_of(plan, operand)
            if is_plain(surface) and surface.buffer in chosen:
                place = elements(surface) + chosen[surface.buffer]
                owners = memory.owners[(place // 2).ravel()] >> ADDRESS_BITS
                assert (owners == memory.numbers[surface.buffer]).all(), (task, plan.what, surface.buffer)
            if surface is not None:
                assert written.get(surface.buffer) is None or written[surface.buffer] is not within.get(task)
        kernel = plan.kernel
        if isinstance(kernel, RuntimeKernel) and kernel.buffer in chosen:
            first = memory.owners[(chosen[kernel.buffer] + kernel.base_bytes) // 2] >> ADDRESS_BITS
            assert first == memory.numbers[kernel.buffer], (task, plan.what)
        surface = l2_operands.surface_of(plan, Operand.RESULT)
        if surface is not None and surface.buffer in chosen:
            number = memory.numbers.setdefault(surface.buffer, len(memory.numbers) + 1)
            start = chosen[surface.buffer]
            if is_plain(surface):
                memory.put(elements(surface) + start, np.int64(number) << ADDRESS_BITS)
            else:
                memory.owners[(start + surface.base_bytes) // 2 : (start + surface.end_bytes) // 2] = (
                    number << ADDRESS_BITS
                )
            written[surface.buffer] = within.get(task)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from(STEPS), min_size=3, max_size=9),
    st.integers(1, 40), st.integers(1, 14), st.integers(1, 60), st.integers(0, 99),
)  # fmt: skip
def test_what_is_read_in_l2_and_in_scratch_is_what_was_written_there(steps, channels, height, width, seed):
    done = compile_network(stepped(hwx2py.Graph(), steps, channels, height, width, seed))
    if done.unchained is not None:
        check_l2(done)
    check_scratch(done)


def test_the_oracle_sees_operands_in_l2():
    done = compile_network(gated())
    assert check_l2(done) > 20
    check_scratch(done)


def test_the_oracle_finds_what_lies_on_each_other():
    """Each place moved onto the start of L2: the oracle is not blind."""
    done = compile_network(gated())
    moved = [
        l2_operands.shifted(plan, [Operand.RESULT], -l2_operands.field(plan, "L2.ResultBase", "Addr"))
        for plan in done.plans
    ]
    with pytest.raises(AssertionError):
        check_l2(done.__class__(done.program, tuple(moved), done.operations, 0, (), done.runs, done.unchained))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 150)), min_size=1, max_size=8))
@example([(0, 9, 4), (0, 9, 60), (0, 1, 64), (0, 9, 4), (2, 3, 2)])  # a gap in whose banks others further down begin
def test_each_intermediate_takes_the_lowest_free_place(rows):
    """By brute force: free as long as it stays, 0 or not within 64 bytes of where another begins in its banks."""
    stays = [Stay(str(n), min(one, two), max(one, two), 16 * size) for n, (one, two, size) in enumerate(rows)]
    placed = places(sorted(stays, key=lambda stay: stay.first))
    for number, item in enumerate(placed):
        beside = [
            other for other in placed[:number]
            if not (other.stay.last < item.stay.first or item.stay.last < other.stay.first)
        ]  # fmt: skip
        end = max((other.base_bytes + other.stay.size_bytes for other in beside), default=0)
        free = (
            base for base in range(0, end, 16)
            if all(base + item.stay.size_bytes <= other.base_bytes or base >= other.base_bytes + other.stay.size_bytes
                   for other in beside)
            and (base == 0 or all((base - other.base_bytes) % 0x400 >= 0x40 for other in beside))
        )  # fmt: skip
        lowest = next(free, None)
        if lowest is not None or not beside:
            assert item.base_bytes == (lowest or 0)
        else:
            assert end <= item.base_bytes < end + 0x40 * len(beside) + 0x400


def test_scratch_is_simulated_over_more_tasks_than_one_run():
    steps = ("conv 3", "pool", "concat", "conv 3", "add", "softmax", "rows", "product", "transpose", "conv 3", "gate")
    for seed in range(4):
        check_scratch(compile_network(stepped(hwx2py.Graph(), steps, 6, 12, 20, seed), chain=bool(seed % 2)))
