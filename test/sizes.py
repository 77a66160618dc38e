"""Programs with open sizes: what is right at each size comes from eager torch, what can be made static from XLA's own shape refinement.

    python test/sizes.py softmax nn.functional.gelu --samples 4

exports torch's OpInfo samples of the named ops (all of them without names) with every size open, runs them at their own sizes and at
others, in both ways that there are: the program lowered for the sizes of the call, and its module with "?", loaded from a directory and
refined. Prints one line per op.
"""

import argparse
import collections
import io
import sys
import tempfile
import warnings

import torch
from oracle import Call, as_near, check_format, compare, compare_types, copies, determined, is_random, least_error, op_infos, samples
from torch.utils import _pytree as pytree

from torch_stablehlo import StableHLOGraphModule, UnsupportedError, exported_program_to_stablehlo


def export(model, args, dynamic):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(model.eval(), args, dynamic_shapes=dynamic, strict=False)


def refined(text, shapes):
    """The module after XLA's shape refinement, with arguments of sizes that are not known having these shapes; shapes: of all user inputs,
    which come last, after the weights."""
    import mlir
    from jaxlib import _jax
    from jaxlib.mlir import ir

    with mlir.context():
        module = ir.Module.parse(text)
        main = module.body.operations[0]
        arguments = list(main.regions[0].blocks[0].arguments)
        for a, shape in zip(arguments[len(arguments) - len(shapes) :], shapes):
            t = ir.RankedTensorType(a.type)
            if "?" in str(t):
                with ir.Location.unknown():
                    a.set_type(ir.RankedTensorType.get(shape, t.element_type))
        inputs = [a.type for a in arguments]
        results = list(ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value).results)
        for i, value in enumerate(list(main.regions[0].blocks[0].operations)[-1].operands):
            if isinstance(value.owner, ir.Block):  # an argument handed through: the pass looks at results of operations only
                results[i] = value.type
        main.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))
        module.operation.verify()
        code = io.BytesIO()
        module.operation.write_bytecode(code)
        return str(ir.Module.parse(_jax.mlir.refine_polymorphic_shapes(code.getvalue())))


def check_refines(text, args):
    """XLA makes the module static for these inputs."""
    made = refined(text, [list(x.shape) for x in args])
    line = next((line for line in made.splitlines() if "?" in line), "")
    assert not line, f"XLA's refinement leaves {line.strip()[:300]}"


def loaded(program):
    """The same from a directory, which knows no symbols: its bytecode is made static for the sizes of each call."""
    with tempfile.TemporaryDirectory() as folder:
        program.save(folder)
        return StableHLOGraphModule.load(folder)


def check_at(model, program, calls, rtol=1e-4, atol=1e-4):
    """The program is eager's at each call, as lowered for it and from a directory; XLA can make its module static for it."""
    check_format(program)
    text = program.get_stablehlo_text()
    assert "?" in text
    saved = loaded(program)
    for args in calls:
        with torch.no_grad():
            want = model(*args)
        compare(program(*args), want, rtol, atol)
        compare(saved(*args), want, rtol, atol)
        check_refines(text, args)


# -- torch's OpInfo samples with every size open ---------------------------------------------------------------------------


def other_sizes(ep, inputs, step):
    """The same inputs, each symbol larger by `step` (or smaller, where its range ends): cut, or continued from the start, floats
    shifted a little so that no two rows are the same."""
    nodes = [n for n in ep.graph.nodes if n.op == "placeholder" and n.name in ep.graph_signature.user_inputs]
    value = {}

    def size(d, have):
        if isinstance(d, int):
            return d
        for symbol in sorted(d.node.expr.free_symbols, key=str):
            if symbol not in value:
                hint = d.node.shape_env.var_to_hint_override.get(symbol, None) if hasattr(d.node.shape_env, "var_to_hint_override") else None
                hint = int(d.node.shape_env.backed_var_to_val[symbol]) if hint is None else hint
                limits = ep.range_constraints.get(symbol)
                fits = [h for h in (hint + step, hint - step) if h >= 2 and (limits is None or limits.lower <= h <= limits.upper)]
                value[symbol] = fits[0] if fits else hint
        return int(d.node.expr.xreplace(value))

    out = []
    for node, x in zip(nodes, inputs):
        for i, d in enumerate(node.meta["val"].shape):
            n = size(d, x.shape[i])
            if n != x.shape[i]:
                x = x.index_select(i, torch.arange(n) % x.shape[i])
        if x.is_floating_point():
            x = x + 0.01 * torch.rand_like(x) * (x.abs() if (x >= 0).all() else 1)
        out.append(x)
    return out


# Which dims of an input are left open, from all to one.
OPEN = {
    "pass": lambda x: range(x.dim()),
    "outer dims": lambda x: range(x.dim() - 2),
    "first dim": lambda x: range(min(1, x.dim())),
}


def run_open(op, sample):
    """What passes of OPEN, "static" (torch leaves no size open), or (kind, message) as of oracle.run_sample, with every size open."""
    first = None
    for kind, dims in OPEN.items():
        result = run_opened(op, sample, dims)
        if result[0] == "pass":
            return kind, ""
        first = first or result
        if result[0] not in ("unsupported", "static", "export") or first[0] != "unsupported":
            break
    return first if result[0] in ("unsupported", "static", "export") else result


def run_opened(op, sample, dims):
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            m = Call(determined(op, sample), (sample.input, *sample.args), sample.kwargs)
            inputs = copies(m.tensors)
            m(*inputs)
            m.writes = "batch_norm" in op.name or any(t._version or not torch.equal(t, u) for t, u in zip(inputs, m.tensors))
            inputs = copies(m.tensors)
            dims = tuple({i: torch.export.Dim.AUTO for i in dims(t)} for t in inputs)
            ep = torch.export.export(m, inputs, dynamic_shapes={"tensors": dims}, strict=False)
    except Exception as x:
        return "export", f"{type(x).__name__}: {x}"
    return run_exported(op, sample, m, ep, inputs)


def run_exported(op, sample, m, ep, inputs):
    stage = "convert"
    try:
        program = exported_program_to_stablehlo(ep)
        text = program.get_stablehlo_text()
        if "?" not in text:
            return "static", ""
        check_format(program)
        other = loaded(program)
        for step in (0, 1, 3):
            args = other_sizes(ep, inputs, step) if step else inputs
            try:
                with torch.no_grad():
                    want = m(*copies(args))
            except Exception:
                continue  # the sample means nothing at this size
            if len(pytree.tree_leaves(want)) != len(ep.graph_signature.user_outputs):
                continue  # so many pieces only at its own size
            for stage, f in (("as lowered for it", program), ("loaded", other)):
                check_open(op, sample, m, args, f(*args), want, loose=step > 0)
            stage = "XLA's refinement"
            check_refines(text, args)
    except UnsupportedError as x:
        return "unsupported", str(x)
    except AssertionError as x:
        return "mismatch", f"{stage}: {x}"
    except Exception as x:
        return "error", f"{stage}: {type(x).__name__}: {x}"
    return "pass", ""


def check_open(op, sample, m, args, got, want, loose):
    """loose: matrices that were continued are close to singular."""
    if is_random(op, sample):
        return compare_types(got, want)
    try:
        if not loose:
            return compare(got, want, atol=least_error(op, pytree.tree_leaves(want)[0]))
        for g, w in zip(pytree.tree_leaves(got), pytree.tree_leaves(want)):
            near = isinstance(w, torch.Tensor) and w.is_floating_point() and w.isfinite().any()
            compare(g, w, **({"rtol": 1e-3, "atol": 1e-3 * w[w.isfinite()].abs().max().item()} if near else {}))
    except AssertionError:
        if not as_near(m, args, got, want):
            raise


def element_type(op):
    every = torch.float32, torch.int64, torch.bool, torch.complex64, torch.float16, torch.float64, torch.int8
    return next((d for d in every if d in op.supported_dtypes("cpu")), None)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("ops", nargs="*")
    ap.add_argument("--samples", type=int, default=3)
    ap.add_argument("--shard", default="0/1", help="i/n: every n-th op from the i-th")
    ap.add_argument("--quiet", action="store_true", help="only ops that do not pass")
    opt = ap.parse_args()
    at, of = map(int, opt.shard.split("/"))
    for name, op in op_infos(opt.ops)[at::of]:
        results = [run_open(op, s) for s in samples(op, element_type(op), opt.samples)] if element_type(op) else []
        counts = collections.Counter(kind for kind, _ in results)
        bad = list(dict.fromkeys(f"{kind}: {text}" for kind, text in results if kind not in (*OPEN, "export", "static")))
        if bad or not opt.quiet:
            print(f"{name:40} {dict(counts)}", flush=True)
        for text in bad:
            print("    " + text.replace("\n", "\n    ")[:700], flush=True)


if __name__ == "__main__":
    sys.exit(main())
