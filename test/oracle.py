"""Eager PyTorch as the oracle: export a function, convert it, run it on XLA, compare.

    python test/oracle.py softmax nn.functional.gelu --dtype float32 float16 --samples 20

runs torch's own OpInfo samples of the named ops (all of them without names) and prints one line per op and dtype.
"""

import argparse
import collections
import math
import pathlib
import sys
import warnings

import torch
from torch.utils import _pytree as pytree

from torch_stablehlo import UnsupportedError, exported_program_to_stablehlo

# Relative and absolute tolerance by element type; integers and bool are exact. XLA and eager order sums differently.
TOLERANCE = {
    torch.float64: (1e-9, 1e-9),
    torch.complex128: (1e-9, 1e-9),
    torch.float32: (1e-4, 1e-5),
    torch.complex64: (1e-4, 1e-5),
    torch.float16: (5e-3, 2e-3),
    torch.bfloat16: (3e-2, 2e-2),
}


class Call(torch.nn.Module):
    """fn(*args, **kwargs) with its tensors as inputs and everything else fixed."""

    def __init__(self, fn, args, kwargs):
        super().__init__()
        leaves, self.spec = pytree.tree_flatten((args, kwargs))
        self.fn = fn
        self.fixed = [None if isinstance(x, torch.Tensor) else x for x in leaves]
        self.writes = False  # whether fn writes its arguments: then it gets copies, so that the program stays a pure function
        self.slots = [i for i, x in enumerate(leaves) if isinstance(x, torch.Tensor)]
        self.tensors = tuple(leaves[i] for i in self.slots)

    def forward(self, *tensors):
        leaves = list(self.fixed)
        for i, t in zip(self.slots, tensors):
            leaves[i] = t.clone() if self.writes else t
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return self.fn(*args, **kwargs)


def copies(tensors):
    """Fresh tensors with the same values, strides and aliases gone, so that an in-place call cannot disturb the other run."""
    return tuple(t.detach().clone() for t in tensors)


def convert(fn, *args, **kwargs):
    """(program, inputs) of a call."""
    m = Call(fn, args, kwargs)
    inputs = copies(m.tensors)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ep = torch.export.export(m, inputs, strict=False)
    return exported_program_to_stablehlo(ep), inputs


def compare(got, want, rtol=None, atol=None):
    """Raises AssertionError where values, shapes, dtypes or structure differ; NaN equals NaN."""
    got, want = pytree.tree_leaves(got), pytree.tree_leaves(want)
    got = [x for x in got if x is not None]
    want = [x for x in want if x is not None]
    assert len(got) == len(want), f"{len(got)} outputs, wanted {len(want)}"
    for g, w in zip(got, want):
        if not isinstance(w, torch.Tensor):
            assert g == w, f"{g} != {w}"
            continue
        r, a = TOLERANCE.get(w.dtype, (0, 0))
        torch.testing.assert_close(
            g, w.detach().resolve_conj().resolve_neg(), rtol=r if rtol is None else rtol, atol=a if atol is None else atol,
            equal_nan=True, check_stride=False,
        )


def compare_types(got, want):
    """Raises AssertionError where shapes, dtypes or structure differ: of random numbers nothing else is known."""
    got, want = pytree.tree_leaves(got), pytree.tree_leaves(want)
    got, want = ([(x.shape, x.dtype) if isinstance(x, torch.Tensor) else x for x in leaves] for leaves in (got, want))
    assert got == want, f"{got} != {want}"


def check_format(program):
    """MLIR's own StableHLO parses and verifies the text and prints it back unchanged, and reads the bytecode as the module that it
    reads from its own bytecode of that text."""
    import mlir
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import stablehlo

    text = program.get_stablehlo_text()
    with mlir.context() as context:
        module = ir.Module.parse(text)
        module.operation.verify()
        assert str(module) == text, "MLIR prints the parsed text otherwise"
        theirs = stablehlo.serialize_portable_artifact_str(text, stablehlo.get_current_version())
        theirs = stablehlo.deserialize_portable_artifact(context, theirs)
        ours = stablehlo.deserialize_portable_artifact(context, program.get_stablehlo_bytecode())
        assert str(ours) == str(theirs), "the bytecode is another module than the text"


def check(fn, *args, rtol=None, atol=None, **kwargs):
    """Converts fn(*args, **kwargs), has MLIR check it, runs it on XLA and compares with eager. Returns the program."""
    program, inputs = convert(fn, *args, **kwargs)
    check_format(program)
    got = program(*inputs)
    m = Call(fn, args, kwargs)
    with torch.no_grad():
        want = m(*copies(m.tensors))
    compare(got, want, rtol, atol)
    return program


# Ops whose samples are (partly) random or undefined: shapes and dtypes are compared. test_random.py has the distributions.
RANDOM = set(
    "bernoulli cauchy empty empty_like empty_permuted empty_strided exponential geometric log_normal multinomial new_empty new_empty_strided"
    " nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d nn.functional.feature_alpha_dropout"
    " nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.multi_head_attention_forward nn.functional.rrelu"
    " normal rand_like randint randint_like randn randn_like uniform".split()
)


def is_random(op, sample):
    """svd_lowrank projects at random: that shows unless the rank is low, which it is not where M is taken away."""
    return op.name in RANDOM or sample.kwargs.get("dropout_p", 0) > 0 or op.name == "svd_lowrank" and sample.kwargs["M"] is not None


# -- the table of ops ----------------------------------------------------------------------------------------------------

# Of these types the table tells; it may name others that pass.
DTYPES = "float32 bfloat16 float16 float64 int64 int32 int8 uint8 bool complex64".split()

Row = collections.namedtuple("Row", "name passes reasons")      # reasons: of each type that does not pass, why


def table():
    """The rows of ops.txt; of an op that passes in no type, reasons are {"": why}."""
    rows = []
    for line in (pathlib.Path(__file__).parent / "ops.txt").read_text().splitlines():
        left, _, why = line.partition(" - ")
        name, *passes = left.split()
        parts = [part.partition(": ") for part in why.split("; ")] if why and passes else []
        reasons = {dtype: reason for dtypes, _, reason in parts for dtype in dtypes.split()}
        rows.append(Row(name, passes, reasons or ({"": why} if why else {})))
    return rows


def row_text(row):
    of = collections.defaultdict(list)
    for dtype, why in row.reasons.items():
        of[why].append(dtype)
    if row.passes:
        why = "; ".join(f"{' '.join(dtypes)}: {why}" for why, dtypes in of.items())
    else:
        why = "; ".join(of)
    return " ".join([row.name, *row.passes, *(["-", why] if why else [])])


# -- torch's OpInfo database ---------------------------------------------------------------------------------------------


def op_infos(names=()):
    """The OpInfos of these names ("softmax", "nn.functional.gelu", with or without a ".variant"), or all."""
    from torch.testing._internal.common_methods_invocations import op_db

    def full(op):
        return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")

    return [(full(op), op) for op in op_db if not names or op.name in names or full(op) in names]


def samples(op, dtype, limit):
    """Up to `limit` sample inputs, spread over all that the database has."""
    torch.manual_seed(0)
    every = list(op.sample_inputs("cpu", dtype, requires_grad=False))
    step = max(1, len(every) // limit)
    return every[::step][:limit]


def picked(x, indices, dim=-1, keepdim=True):
    """The elements that indices name: where equal ones are named in any order, this is what is determined."""
    return x.gather(dim, indices if keepdim or not x.dim() else indices.unsqueeze(dim))


def by_kth(x, result, k, dim=-1, keepdim=False):
    return result[0], picked(x, result[1], dim, keepdim)


def by_topk(x, result, k, dim=-1, largest=True, sorted=True):
    return result[0], picked(x, result[1], dim)


def by_order(x, result, dim=-1, descending=False, stable=False):
    indices = result if isinstance(result, torch.Tensor) else result[1]
    return result if stable else (picked(x, indices, dim), indices.sort(dim)[0])


# Ops that name equal elements in an order of their own.
TIES = {"argsort": by_order, "kthvalue": by_kth, "sort": by_order, "topk": by_topk}


def determined(op, sample):
    """op, followed by what the database does to its results so that they are determined: eigenvectors have no sign."""

    def fn(x, *args, **kwargs):
        result = sample.output_process_fn_grad(op.op(x, *args, **kwargs))
        return TIES[op.name](x, result, *args, **kwargs) if op.name in TIES else result

    return fn


# Ops whose rounding errors are small beside the largest element, not beside each: eager's are as well.
NORMWISE = {"matrix_exp"}


def least_error(op, want):
    """The absolute tolerance where it is not that of the type."""
    if op.name not in NORMWISE or not want.is_floating_point() or not want.numel():
        return None
    return TOLERANCE[want.dtype][0] * want.abs().nan_to_num(0, 0).max().item()


def as_near(m, inputs, got, want):
    """Whether f16 or bf16 results are no farther from the same call in f64 than eager's, which rounds every step."""
    half = torch.float16, torch.bfloat16
    with torch.no_grad():
        exact = m(*(t.double() if t.dtype in half else t for t in copies(inputs)))
    for g, w, e in zip(*map(pytree.tree_leaves, (got, want, exact))):
        if not isinstance(w, torch.Tensor) or w.dtype not in half or e.dtype != torch.float64:
            return False
        ours, eagers = ((x.double() - e).abs().nan_to_num(math.inf, math.inf) for x in (g, w))
        if (ours > eagers.max()).any():
            return False
    return True


def run_sample(op, sample):
    """'pass', or (kind, message): 'export' (torch itself cannot), 'unsupported', 'mismatch', 'error'."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            m = Call(determined(op, sample), (sample.input, *sample.args), sample.kwargs)
            inputs = copies(m.tensors)
            want = m(*inputs)
            m.writes = "batch_norm" in op.name or any(t._version or not torch.equal(t, u) for t, u in zip(inputs, m.tensors))
            inputs = copies(m.tensors)
            ep = torch.export.export(m, inputs, strict=False)
    except Exception as x:
        return "export", f"{type(x).__name__}: {x}"
    try:
        program = exported_program_to_stablehlo(ep)
        check_format(program)
        got = program(*inputs)
        try:
            if is_random(op, sample):
                compare_types(got, want)
            else:
                compare(got, want, atol=least_error(op, want))
        except AssertionError:
            if not as_near(m, inputs, got, want):
                raise
    except UnsupportedError as x:
        return "unsupported", str(x)
    except AssertionError as x:
        return "mismatch", str(x)
    except Exception as x:
        return "error", f"{type(x).__name__}: {x}"
    return "pass", ""


def why_not(results):
    """Why the table cannot say that an op passes, in a line; "" where it can."""
    bad = next((r for r in results if r[0] not in ("pass", "export")), None)
    if not bad and any(kind == "pass" for kind, _ in results):
        return ""
    kind, message = bad or (*results, ("export", "no sample"))[0]
    return " ".join(f"{kind} {message}".split())[:200].replace("; ", ", ").replace(": ", " ")


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("ops", nargs="*")
    ap.add_argument("--dtype", nargs="+", default=["float32"])
    ap.add_argument("--samples", type=int, default=4)
    ap.add_argument("--list", action="store_true", help="lines for ops.txt")
    ap.add_argument("--quiet", action="store_true", help="only ops that do not pass")
    ap.add_argument("--shard", default="0/1", help="i/n: every n-th op from the i-th")
    opt = ap.parse_args()
    totals = collections.Counter()
    at, of = map(int, opt.shard.split("/"))
    for name, op in op_infos(opt.ops)[at::of]:
        row = Row(name, [], {})
        for dtype in opt.dtype:
            if getattr(torch, dtype) not in op.supported_dtypes("cpu"):
                continue
            results = [run_sample(op, s) for s in samples(op, getattr(torch, dtype), opt.samples)]
            counts = collections.Counter(kind for kind, _ in results)
            totals.update(counts)
            why = why_not(results)
            if why:
                row.reasons[dtype] = why
            else:
                row.passes.append(dtype)
            bad = next((r for r in results if r[0] not in ("pass", "export")), None)
            if (bad or not opt.quiet) and not opt.list:
                print(f"{name:40} {dtype:10} {dict(counts)}", flush=True)
            if bad and not opt.list:
                print("    " + bad[1].replace("\n", "\n    ")[:600], flush=True)
        if opt.list:
            print(row_text(row), flush=True)
    if opt.list:
        return
    print(dict(totals))
    sys.exit(any(k not in ("pass", "export") for k in totals))


if __name__ == "__main__":
    main()
