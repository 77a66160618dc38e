"""The modules that src/aten/test/*.t show: MLIR reads each; of a single op it is what an export of that op gives, and XLA
computes with it what eager PyTorch computes."""

import os
import pathlib
import re
import subprocess

import pytest
import torch

from mlir import context as mlir_context
from oracle import check

ROOT = pathlib.Path(__file__).resolve().parents[1]
CASES = ROOT / "src/aten/test"
TOOL = pathlib.Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/aten/test/aten_t"
DTYPE = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16, "f16": torch.float16, "i64": torch.int64,
         "i32": torch.int32, "bool": torch.bool}
INPUT = re.compile(r"(?:in|param|buffer|const)\s+(\w+): (\w+)(?:\[([\d,]*)\])?")


def modules():
    """name -> module, of every case that gives one."""
    out = subprocess.run([TOOL, "--print", *sorted(CASES.glob("*.t"))], capture_output=True, text=True, timeout=60).stdout
    return dict(part.split("\n", 1) for part in re.split(r"^# ", out, flags=re.M)[1:])


def single_ops():
    """(name, inputs, node) of the cases in lower.t that are one op on user inputs."""
    for case in re.split(r"^=====\n", (CASES / "lower.t").read_text(), flags=re.M):
        name, *lines = [l for l in case.split("\n-----")[0].splitlines() if l and not l.startswith("#")]
        inputs, nodes = [l for l in lines if l.startswith("in ")], [l for l in lines if " = aten." in l]
        if len(nodes) == 1 and len(inputs) + 1 == len(lines) and "_)" not in nodes[0]:
            yield pytest.param(name, [INPUT.match(l).groups() for l in inputs], nodes[0], id=name.replace(" ", "_"))


def test_mlir_reads_every_module():
    from jaxlib.mlir import ir

    found = modules()
    assert len(found) > 20
    for name, text in found.items():
        with mlir_context():
            module = ir.Module.parse(text)
            assert module.operation.verify(), name
            assert str(module) == text, name


def tensor(kind, dims):
    dims = [int(d) for d in dims.split(",")] if dims else []
    dtype = DTYPE[kind]
    return torch.randn(dims).to(dtype) if dtype.is_floating_point else torch.randint(1, 4, dims).to(dtype)


@pytest.mark.parametrize("name, inputs, node", list(single_ops()))
def test_single_op(name, inputs, node):
    target, text = re.search(r"= aten\.([\w.]+)\((.*)\)$", node).groups()
    op, overload = target.rsplit(".", 1)
    op = getattr(getattr(torch.ops.aten, op), overload)
    args = [a.strip() for a in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text)]
    args = ", ".join(a if "=" in a else f"{a}={a}" for a in args)
    words = {"op": op, "true": True, "false": False, "inf": float("inf"), "nan": float("nan"), **DTYPE}

    def fn(*tensors):
        return eval(f"op({args})", {**words, **{n: t for (n, _, _), t in zip(inputs, tensors)}})

    torch.manual_seed(0)
    program = check(fn, *(tensor(kind, dims) for _, kind, dims in inputs))
    assert program.get_stablehlo_text() == modules()[name]
