"""ATen ops against eager PyTorch on torch's own OpInfo samples.

test/ops.txt says of every op of the database which element types pass, and of the others why they cannot:

    name dtype dtype ...                               these pass
    name dtype dtype ... - dtype dtype: reason; ...    and these cannot
    name dtype dtype ... - samples: reason             some samples are refused
    name - reason                                      none can

A run takes as many of the pairs of op and type as take a few minutes, the same ones each time; with TSHLO_ALL_OPS=1 (make test-ops) it
takes all, with more samples each. A sample that torch.export itself cannot export is passed over, but every op and type must have one
that ran. `python test/oracle.py --list` prints lines for the table.
"""

import os
import zlib

import pytest
import torch
from oracle import DTYPES, op_infos, run_sample, samples, table

ALL = bool(os.environ.get("TSHLO_ALL_OPS"))
CHOSEN = 1500
LIMIT = {"float32": 8, None: 4} if ALL else {"float32": 2, None: 1}      # samples by type, None: other types

TABLE = {row.name: row for row in table()}
INFOS = dict(op_infos())


def pairs():
    """The (name, dtype) to run: all, or those of the least hashes, so that a new line of the table moves few others."""
    every = [(row.name, dtype) for row in TABLE.values() for dtype in row.passes]
    if not ALL:
        every = sorted(every, key=lambda pair: zlib.crc32(" ".join(pair).encode()))[:CHOSEN]
    return sorted(every)


def test_every_op_is_told_once():
    assert [row.name for row in table()] == sorted(INFOS)


def test_every_type_is_told_once():
    """Each type of an op stands among those that pass, or with a reason."""
    wrong = {}
    for name, row in TABLE.items():
        wanted = {d for d in DTYPES if getattr(torch, d) in INFOS[name].supported_dtypes("cpu")}
        told = [d for d in [*row.passes, *row.reasons] if d in DTYPES]
        if sorted(told) != sorted(wanted) and not (not row.passes and set(row.reasons) == {""}):
            wrong[name] = sorted(told), sorted(wanted)
    assert not wrong


@pytest.mark.parametrize("name,dtype", pairs())
def test_op(name, dtype):
    op, given = INFOS[name], LIMIT.get(dtype, LIMIT[None])
    results = [run_sample(op, s) for s in samples(op, getattr(torch, dtype), given)]
    passed_over = {"export", "unsupported"} if "samples" in TABLE[name].reasons else {"export"}
    bad = [message for kind, message in results if kind != "pass" and kind not in passed_over]
    assert not bad, bad[0]
    assert any(kind == "pass" for kind, _ in results) or "samples" in TABLE[name].reasons, "torch.export takes none of the samples"
