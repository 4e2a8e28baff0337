"""Sentences of compiler records against the records' own operations: an oracle that was not written here.

Runs where the folder shared lies beside the repository, and says so where it does not.
"""

import json
import re

import pytest
from conftest import SHARED

from hwx2py import formats
from hwx2py.operations import sentences

RECORDS = sorted(SHARED.glob("hwx/oracle-h1*/*.hwx")) if SHARED.exists() else []

#: Operation of Core ML's language -> what the sentences of its tasks must say together.
SAID = {
    "add": r" \+ ",
    "sub": r" - ",
    "mul": r" \* ",
    "maximum": r"max\(",
    "minimum": r"min\(",
    "abs": r"abs\(",
    "relu": r"relu\(",
    "leaky_relu": r"leaky relu",
    "sigmoid": r"sigmoid\(",
    "tanh": r"tanh\(",
    "gelu": r"gelu\(",
    "silu": r"silu\(",
    "exp": r"exp2\(",
    "sqrt": r"sqrt\(",
    "rsqrt": r"r?sqrt\(",
    "pow": r"log2\(.*product over 2 channels.*|exp2\(",
    "real_div": r"reciprocal\(|1 / ",
    "conv": r"convolution",
    "linear": r"convolution",
    "matmul": r"convolution|product",
    "softmax": r"max over .*exp2\(.*sum over|exp2\(",
    "layer_norm": r"sum over",
    "reduce_sum": r"sum over",
    "reduce_mean": r"sum over .*\) \* ",
    "reduce_max": r"max over",
    "reduce_min": r"min over",
    "transpose": r"exchanged|copy",
    "slice_by_index": r"copy of \w+\[",
    "concat": r"\[.* to \d+\] = copy",
    "floor": r"table",
    "ceil": r"table",
    "logical_not": r"table",
    "cast": r"copy",
    "tile": r"copy",
    "identity": r"copy",
}


@pytest.mark.skipif(not RECORDS, reason="the folder shared with compiler records is not beside the repository")
@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_sentences_say_what_the_record_computes(path):
    record = json.loads(path.with_suffix(".json").read_text())
    lines = sentences(formats.load(str(path)).program)
    text = " ; ".join(lines)
    # The byte order of some kernels that skip zeros is open; nothing else may be.
    assert "not understood" not in text.replace("not understood: NE.KernelCfg.SparseFmt = 1", "")
    for result, operation, arguments in record["operations"]:
        if operation in SAID:
            assert re.search(SAID[operation], text), f"{result} = {operation}({', '.join(arguments)}): {text}"
    assert any(re.match(rf"{re.escape(name)}\b", line) for name in record["outputs"] for line in lines)
    for _, operation, arguments in record["operations"]:
        given = dict(argument.split("=", 1) for argument in arguments)
        if operation == "conv" and (sizes := re.search(r"\[(\d+), (\d+), (\d+), (\d+)\]", given["weight"])):
            assert f"{sizes[3]} x {sizes[4]} " in text
            assert ("depthwise" in text) == (sizes[2] == "1" and int(sizes[1]) > 1)
