"""ATen ops against eager PyTorch on torch's own OpInfo samples.

test/ops.txt has the ops, with the element types, that must pass: a line per op, "name dtype dtype ...". `python test/oracle.py --list` makes it from
what passes today, so an op that is lost is seen. A sample that torch.export itself cannot export is passed over, but every
op and type must have one that ran.
"""

import pathlib

import pytest
import torch
from oracle import op_infos, run_sample, samples


LIMIT = {"float32": 2}      # samples of each op; 1 for other types
LINES = [line.split() for line in (pathlib.Path(__file__).parent / "ops.txt").read_text().splitlines()]
INFOS = dict(op_infos())


@pytest.mark.parametrize("name,dtype", [(line[0], dtype) for line in LINES for dtype in line[1:]])
def test_op(name, dtype):
    op = INFOS[name]
    results = [run_sample(op, s) for s in samples(op, getattr(torch, dtype), LIMIT.get(dtype, 1))]
    bad = [message for kind, message in results if kind not in ("pass", "export")]
    assert not bad, bad[0]
    assert any(kind == "pass" for kind, _ in results), "torch.export takes none of the samples"
