"""src/pt2: .pt2 files, read through src/pt2/test/dump.c and compared with what torch.export.load makes of the same file.

The archives are written by src/pt2/test/make_archives.py, which says where each comes from.
"""
import json
import operator
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from torch.export.graph_signature import InputKind, OutputKind  # noqa: E402
from torch.utils import _pytree as pytree  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "src/pt2/test"))
import make_archives  # noqa: E402


@pytest.fixture(scope="session")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pt2")
    make_archives.main(folder)
    return folder


def run(tool, *args):
    """(exit code, stdout, stderr); a sanitizer's report is never a mere failure."""
    done = subprocess.run([BUILD / "src/pt2/test" / tool, *map(str, args)], capture_output=True, text=True)
    assert done.returncode in (0, 1) and "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def dump(path, *args):
    code, out, err = run("pt2-dump", "--samples", path, *args)
    assert code == 0, err
    return json.loads(out)


# ---- what torch says -------------------------------------------------------------------------------------------


def torch_load(path):
    return torch.export.load(str(path))


def raw(t):
    t = t.detach().cpu()
    t = torch.complex(t.real.float(), t.imag.float()).to(t.dtype) if t.is_conj() else t
    return t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex() if t.numel() else ""


def dim(d):
    return d if isinstance(d, int) else str(d.node.expr)


def squeeze(x):
    """Symbolic expressions without spaces: sympy orders and spaces as it likes."""
    return x.replace(" ", "") if isinstance(x, str) else x


MEMORY_FORMATS = {torch.contiguous_format: 1, torch.channels_last: 2, torch.channels_last_3d: 3, torch.preserve_format: 4}


def arg(a):
    """An FX argument in the form that dump.c prints; of graphs and operators only that it is one."""
    if isinstance(a, torch.fx.Node):
        return "graph" if a.op == "get_attr" else {"value": a.name}
    if isinstance(a, (list, tuple)):
        return [arg(x) for x in a]
    if isinstance(a, bool) or a is None or isinstance(a, (int, str)):
        return a
    if isinstance(a, float):
        return {"float": a}
    if isinstance(a, complex):
        return {"complex": [a.real, a.imag]}
    if isinstance(a, torch.dtype):
        return {"dtype": str(a).removeprefix("torch.")}
    if isinstance(a, torch.device):
        return {"device": str(a)}
    if isinstance(a, torch.memory_format):
        return {"memory_format": MEMORY_FORMATS[a]}
    if isinstance(a, torch.layout):
        return {"layout": 7}
    raise TypeError(type(a))


def target(op):
    if isinstance(op, torch._ops.OpOverload):
        return str(op)
    if isinstance(op, torch._ops.HigherOrderOperator):
        return "higher_order." + op.name()
    return f"{op.__module__}.{op.__name__}"


def named_args(node):
    if isinstance(node.target, torch._ops.OpOverload):
        names = [a.name for a in node.target._schema.arguments]
        out = {n: arg(a) for n, a in zip(names, node.args)}
        return {**out, **{n: arg(a) for n, a in node.kwargs.items()}}
    return [arg(a) for a in node.args]


def same(ours, theirs):
    """Floats compare by value with NaN equal; the body of a graph argument is not compared here."""
    if theirs == "graph":
        return "graph" in ours
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


def check_graph(ours, graph):
    nodes = [n for n in graph.nodes if n.op == "call_function" and n.target is not operator.getitem]
    assert [n["target"] for n in ours["nodes"]] == [target(n.target) for n in nodes]
    for got, node in zip(ours["nodes"], nodes):
        want = named_args(node)
        if isinstance(want, dict):
            assert dict(got["args"]) == want, node
        else:
            assert same([a for _, a in got["args"]], want), node
        if got["name"]:
            assert got["name"] == node.name
        if got["stack_trace"]:
            assert got["stack_trace"] == node.meta["stack_trace"]
        check_outputs(got, node)
    for node in graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and node.op != "get_attr":
            got = ours["values"][node.name]
            assert got["dtype"] == str(value.dtype).removeprefix("torch.")
            assert [squeeze(d) for d in got["dim"]] == [squeeze(dim(d)) for d in value.shape], node
            assert [squeeze(d) for d in got["stride"]] == [squeeze(dim(d)) for d in value.stride()], node
        elif isinstance(value, torch.SymInt):
            assert squeeze(ours["values"][node.name]["sym"]) == squeeze(dim(value))


def check_outputs(got, node):
    if isinstance(node.meta.get("val"), (list, tuple)):
        used = {u.args[1]: u.name for u in node.users if u.target is operator.getitem}
        for i, name in used.items():
            assert got["out"][i] == name
        assert len(got["out"]) == len(node.meta["val"])
    elif node.meta.get("val") is not None:
        assert got["out"] == [node.name]


INPUT_KINDS = {
    InputKind.USER_INPUT: 0, InputKind.PARAMETER: 1, InputKind.BUFFER: 2, InputKind.CONSTANT_TENSOR: 3,
    InputKind.CUSTOM_OBJ: 5, InputKind.TOKEN: 6,
}
OUTPUT_KINDS = {
    OutputKind.USER_OUTPUT: 0, OutputKind.BUFFER_MUTATION: 2, OutputKind.PARAMETER_MUTATION: 3, OutputKind.USER_INPUT_MUTATION: 4,
}


def spec_arg(a):
    return arg(a.value) if isinstance(a, torch.export.graph_signature.ConstantArgument) else {"value": a.name}


def check_signature(ours, ep):
    specs = ep.graph_signature.input_specs
    assert len(ours["inputs"]) == len(specs)
    for got, want in zip(ours["inputs"], specs):
        constant = isinstance(want.arg, torch.export.graph_signature.ConstantArgument)
        assert got["kind"] == (4 if constant else INPUT_KINDS[want.kind])
        assert (got["target"], got["name"], got["arg"]) == (want.target, want.arg.name, spec_arg(want.arg))
        if want.kind == InputKind.BUFFER:
            assert got["persistent"] == want.persistent
    outs = [(OUTPUT_KINDS[s.kind], s.target, spec_arg(s.arg)) for s in ep.graph_signature.output_specs]
    assert [(o["kind"], o["target"], o["arg"]) for o in ours["outputs"]] == outs


def check_tensors(ours, ep):
    want = {**ep.state_dict, **{n: t for n, t in ep.constants.items() if isinstance(t, torch.Tensor)}}
    got = {t["name"]: t for t in ours["tensors"]}
    assert got.keys() == want.keys()
    storages = {}
    for name, t in want.items():
        check_tensor(got[name], t)
        if t.numel():
            storages.setdefault(t.untyped_storage().data_ptr(), set()).add(got[name]["storage"])
    assert all(len(s) == 1 for s in storages.values()), "tensors that share a storage must share it here"
    assert len(set().union(*storages.values())) == len(storages) if storages else True


def check_tensor(got, t):
    assert got["dtype"] == str(t.dtype).removeprefix("torch.")
    assert (got["dim"], got["stride"], got["offset"]) == (list(t.shape), list(t.stride()), t.storage_offset())
    assert (got["data"] or "") == raw(t), got["name"]


def check_samples(ours, ep):
    leaves = pytree.tree_leaves(ep.example_inputs, is_leaf=lambda x: x is None)
    want = [x for x, s in zip(leaves, user_specs(ep)) if not isinstance(s.arg, torch.export.graph_signature.ConstantArgument)]
    assert len(ours["samples"]) == len(want)
    for got, x in zip(ours["samples"], want):
        check_tensor(got, x if isinstance(x, torch.Tensor) else torch.tensor(x))


def user_specs(ep):
    return [s for s in ep.graph_signature.input_specs if s.kind == InputKind.USER_INPUT]


def check(ours, ep, names=True):
    check_graph(ours["graph"], ep.graph)
    check_signature(ours, ep)
    check_tensors(ours, ep)
    check_samples(ours, ep)
    root = ep.module_call_graph[0].signature
    assert pytree.treespec_loads(ours["in_spec"]) == root.in_spec
    assert pytree.treespec_loads(ours["out_spec"]) == root.out_spec
    if names:
        assert ours["user_names"] == (root.forward_arg_names or [])
    ranges = {str(s): [int(v.lower), None if v.upper > 1 << 62 else int(v.upper)] for s, v in ep.range_constraints.items()}
    assert ours["range"] == ranges


# ---- good files ------------------------------------------------------------------------------------------------

GOOD = [
    "tiny", "core", "tied", "strided", "types", "constants", "arguments", "kinds", "bf16", "dynamic", "floats", "cond",
    "mutates", "mutates_core", "view_inputs", "float8_input",
]


@pytest.mark.parametrize("name", GOOD)
def test_like_torch(archives, name):
    path = archives / "good" / f"{name}.pt2"
    ours = dump(path)
    ep = torch_load(path)
    check(ours, ep)
    assert ours["torch"] == torch.__version__
    assert tuple(ours["schema"]) == torch._export.serde.schema.SCHEMA_VERSION


def test_all_good_are_tested(archives):
    assert sorted(p.stem for p in (archives / "good").iterdir()) == sorted(GOOD)


def test_hints(archives):
    ep = torch_load(archives / "good/dynamic.pt2")
    ours = dump(archives / "good/dynamic.pt2")
    x = next(n for n in ep.graph.nodes if n.name == "x").meta["val"]
    assert [str(x.shape[0].node.expr), 10] in ours["sym"]


def random_expression(random, depth):
    from torch.utils._sympy import functions as f
    import sympy
    names = [sympy.Symbol(n, positive=True, integer=True) for n in ("s0", "s77", "u1")]
    if depth == 0 or random.random() < 0.2:
        return random.choice(names) if random.random() < 0.7 else sympy.Integer(random.randint(-5, 9))
    a, b = random_expression(random, depth - 1), random_expression(random, depth - 1)
    make = [lambda: a + b, lambda: a * b, lambda: a - b, lambda: a**2, lambda: f.FloorDiv(a, 3), lambda: f.Mod(a, 5),
            lambda: f.Max(a, b), lambda: f.Min(a, b), lambda: f.PythonMod(a, 4), lambda: f.CeilToInt(a), lambda: f.IntTrueDiv(a, b)]
    return random.choice(make)()


def test_expressions(archives, tmp_path):
    """Symbolic expressions come out as sympy prints them."""
    import random

    import sympy
    from sympy.printing.repr import srepr
    expressions = {}
    draw = random.Random(0)
    while len(expressions) < 300:
        try:
            e = random_expression(draw, 4)
        except (TypeError, ValueError, AttributeError, ZeroDivisionError, AssertionError):      # a comparison used as a number, a division by 0
            continue
        if e.free_symbols:
            e = next(x for x in (draw.choice([e, e, e, sympy.Eq(e, 3), e < 7, e >= 2]), e) if x.free_symbols)
            expressions[f"e{len(expressions)}"] = e
    files = make_archives.edit_json(make_archives.entries(archives / "good/tiny.pt2"), "model.json",
        lambda d: d["graph_module"]["graph"].__setitem__("sym_int_values", {
            n: {"as_expr": {"expr_str": srepr(e), "hint": None}} for n, e in expressions.items()}))
    make_archives.pack(tmp_path / "sym.pt2", files)
    values = dump(tmp_path / "sym.pt2")["graph"]["values"]
    wrong = [(srepr(e), values[n]["sym"], str(e)) for n, e in expressions.items() if not same_expression(values[n]["sym"], str(e))]
    assert not wrong, wrong[:5]


def same_expression(ours, theirs):
    """The same text; sympy orders what is in Max and Min by its hash, so with these the same numbers."""
    if "Max" not in theirs and "Min" not in theirs:
        return squeeze(ours) == squeeze(theirs)
    names = dict(Max=max, Min=min, Mod=operator.mod, PythonMod=operator.mod, CeilToInt=int, Eq=operator.eq, IntTrueDiv=lambda a, b: a / (b or 1))
    return all(eval(ours, {**names, **point}) == eval(theirs, {**names, **point})
        for point in (dict(s0=3, s77=8, u1=5), dict(s0=11, s77=2, u1=7)))


def test_bodies(archives):
    """The graphs of cond: their nodes by torch's own GraphModules."""
    path = archives / "good/cond.pt2"
    ours, ep = dump(path), torch_load(path)
    node = next(n for n in ours["graph"]["nodes"] if n["target"] == "higher_order.cond")
    bodies = [a["graph"] for _, a in node["args"] if isinstance(a, dict) and "graph" in a]
    assert [b["name"] for b in bodies] == ["true_graph_0", "false_graph_0"]
    for body in bodies:
        check_graph(body, getattr(ep.graph_module, body["name"]).graph)


def test_user_line(archives):
    lines = [n["user_line"] for n in dump(archives / "good/tiny.pt2")["graph"]["nodes"]]
    source = Path(make_archives.__file__).read_text().splitlines()
    for line in lines:
        file, number, function = line.replace(", in ", ":").rsplit(":", 2)
        assert file.endswith("make_archives.py") and function == "forward"
        assert "self." in source[int(number) - 1] or "torch." in source[int(number) - 1]


@pytest.mark.parametrize("name", ["deflated", "rootless", "comment", "zip64"])
def test_repacked(archives, name):
    """Files packed anew by a zip tool: all that is in them is the same."""
    assert without_addresses(dump(archives / f"packed/{name}.pt2")) == without_addresses(dump(archives / "good/tiny.pt2"))


def without_addresses(ours):
    for t in ours["tensors"] + ours["samples"]:
        del t["storage"]
    return ours


def test_several_models(archives):
    path = archives / "packed/several.pt2"
    code, _, err = run("pt2-dump", path)
    assert code == 1 and "several models, name one of them: 'a', 'b c'" in err
    code, _, err = run("pt2-dump", path, "c")
    assert code == 1 and "no model 'c', it has 'a', 'b c'" in err
    values = [dump(path, name)["tensors"][0]["data"] for name in ("a", "b c")]
    assert values == [raw(torch.tensor([1.0])), raw(torch.tensor([2.0]))]


def test_without_data(tmp_path):
    """Exported under fake tensors: weights have a shape and no bytes, samples cannot be rebuilt."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    with FakeTensorMode():
        torch.export.save(torch.export.export(torch.nn.Linear(3, 2), (torch.ones(1, 3),)), str(tmp_path / "fake.pt2"))
    code, out, err = run("pt2-dump", tmp_path / "fake.pt2")
    assert code == 0, err
    assert [(t["name"], t["dim"], t["storage"], t["data"]) for t in json.loads(out)["tensors"]] == [
        ("weight", [2, 3], 0, None), ("bias", [2], 0, None)]
    assert "_reconstruct_fake_tensor" in run("pt2-dump", "--samples", tmp_path / "fake.pt2")[2]


OLD = ["tiny", "tied", "strided", "constants", "arguments", "kinds", "dynamic"]


@pytest.mark.parametrize("version", ["v26", "v28"])
@pytest.mark.parametrize("name", OLD)
def test_old_layouts(archives, name, version):
    path = archives / f"old/{name}-{version}.pt2"
    check(dump(path), torch_load(path))


@pytest.mark.parametrize("name", OLD)
def test_schema_7(archives, name):
    """torch no longer loads these; they say the same as the newer file of the same program."""
    ours, new = dump(archives / f"old/{name}-v25.pt2"), dump(archives / f"old/{name}-v26.pt2")
    assert ours["schema"] == [7, 3] and ours["torch"] == "2.5.1"
    for a, b in zip(ours["graph"]["nodes"], new["graph"]["nodes"]):
        assert a["name"] in (b["name"], None) or a["name"].startswith("getitem")  # that of its first result
        a["name"] = b["name"]
    for key in ("graph", "inputs", "outputs", "range", "sym", "in_spec", "out_spec"):
        assert squeeze(json.dumps(ours[key])) == squeeze(json.dumps(new[key])), key
    assert [t["data"] for t in ours["tensors"] + ours["samples"]] == [t["data"] for t in new["tensors"] + new["samples"]]


# ---- bad files -------------------------------------------------------------------------------------------------

WEIGHTS = "model_weights_config.json: tensor 'conv.weight': "
BROKEN = {
    "schema_9": "export schema version 9.20 (written by torch '2.", "schema_5": "supported are 7 and 8",
    "schema_missing": "models/model.json: no schema_version", "no_graph_module": "no graph_module", "no_nodes": "no list of nodes",
    "unknown_argument": "model.json: node 0 (aten.conv2d.default): argument 0 'input': an argument of the unknown kind \"as_wonder\"",
    "unknown_value": "node 0 (aten.conv2d.default): argument 0 'input': no value is named \"ghost\"",
    "used_before": "is used before it is defined", "defined_twice": "'conv2d' is defined twice",
    "big_int": "'1180591620717411303424' is no integer of 64 bits", "value_dtype": "tensor 'x': dtype 77",
    "value_layout": "tensor 'x': layout 2, only strided", "value_strides": "tensor 'x': 4 sizes and 3 strides",
    "value_negative": "tensor 'x': a size, stride or offset that is no integer of at least 0",
    "value_expr": "cannot read the symbolic expression", "few_inputs": "the signature has 9 inputs, the graph 10",
    "other_input": "signature: input 0: the signature has 'x' where the graph has 'p_conv_weight'",
    "unknown_input": "signature: input 0: unknown kind \"surprise\"", "unknown_target": "signature: output 0: no input is 'ghost'",
    "weight_missing": "input 0 'p_conv_weight': no tensor 'conv.weight' is stored",
    "weight_file": WEIGHTS + "the archive has no 'tiny/data/weights/weight_99'",
    "weight_dtype": WEIGHTS + "f64[4,3,3,3] with strides [27,9,3,1] at offset 0 does not lie inside its storage of 432 bytes",
    "weight_unknown_dtype": WEIGHTS + "dtype 99", "weight_shape": WEIGHTS + "f32[4,3,3,1099511627776]",
    "weight_overflow": WEIGHTS + "f32[4611686018427387904,", "weight_stride": WEIGHTS + "f32[4,3,3,3] with strides [2305843009213693952,",
    "weight_offset": "at offset 1 does not lie inside", "weight_pickle": WEIGHTS, "weight_rank": WEIGHTS + "rank 65, at most 64",
    "json_cut": "model.json: offset", "json_deep": "nested deeper than 512", "json_latin1": "bytes that are not UTF-8",
    "json_literal": "'True' is no JSON value", "no_model": "no models/<name>.json in it",
    "no_config": "the archive has no 'tiny/data/weights/model_weights_config.json'", "no_weight": "the archive has no 'tiny/data/weights/weight_0'",
    "no_format": "not of torch.export.save", "big_endian": "holds 'big', wanted 'little'", "format": "holds 'pt9', wanted 'pt2'",
    "encrypted": "is encrypted", "method": "is compressed by method 12", "local_name": "the local header has another name",
    "other_disk": "lies on disk 3", "bad_crc": "is damaged: its CRC-32 is", "past_end": "run into the central directory",
    "size_mismatch": "bytes packed and 5 unpacked", "header_offset": "no local header at offset 3",
    "bomb": "is damaged", "bomb_ratio": "more than deflate can give", "inflates_longer": "does not inflate to its 100 bytes",
    "not_deflate": "does not inflate", "many_entries": "central directory of 65534 entries", "few_bytes": "in 10 bytes",
    "directory_past_end": "at offset 2147483647 does not fit", "several_disks": "a zip of several disks",
    "duplicate": "two entries are named 'tiny/models/model.json'", "flipped": "is damaged", "text": "not a zip archive",
    "samples_code": "it holds a __builtin__.print; only tensors in lists, tuples and dicts are read",
    "samples_wrong_count": "sample_inputs/model.pt: ", "samples_wrong_type": "input 'x' is f32 of rank 4, its sample i32 of rank 4",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(archives, name):
    path = archives / f"broken/{name}.pt2"
    code, out, err = run("pt2-dump", "--samples", path)
    assert code == 1 and not out
    assert BROKEN[name] in err
    if not name.startswith("samples"):
        assert str(path) in err


def test_samples_do_not_stop_opening(archives):
    for path in (archives / "broken").glob("samples_*.pt2"):
        assert run("pt2-dump", path)[0] == 0


def test_cut_short(archives):
    cut = sorted((archives / "broken").glob("cut_*.pt2"))
    assert len(cut) == 7
    for path in cut:
        code, _, err = run("pt2-dump", path)
        assert code == 1 and "cut short" in err
    rest = {p.stem for p in (archives / "broken").iterdir()} - {p.stem for p in cut}
    assert rest == set(BROKEN)


def test_no_file(tmp_path):
    for path in (tmp_path / "none.pt2", tmp_path):
        code, _, err = run("pt2-dump", path)
        assert code == 1 and str(path) in err


def test_truncation_everywhere(archives, tmp_path):
    """Every 97th length of a file with a legacy layout: never a crash, always a message."""
    whole = (archives / "old/tied-v26.pt2").read_bytes()
    path = tmp_path / "cut.pt2"
    for n in range(0, len(whole), 97):
        path.write_bytes(whole[:n])
        code, _, err = run("pt2-dump", "--samples", path)
        assert code == 1 and err


@pytest.mark.parametrize("path", ["good/tiny.pt2", "good/dynamic.pt2", "good/cond.pt2", "packed/deflated.pt2", "old/strided-v26.pt2"])
def test_no_memory(archives, path):
    """Each allocation of arena memory fails once; every time the call says so and leaves nothing behind."""
    code, out, err = run("pt2-nomem", archives / path)
    assert code == 0 and out.startswith("ok after"), out + err


# ---- cost ------------------------------------------------------------------------------------------------------


def test_weights_are_not_copied(archives, tmp_path):
    """A file of 64 MiB of zeros as a weight opens in little memory: pt2-dump --brief says how much the arena took."""
    path = tmp_path / "big.pt2"
    torch.export.save(torch.export.export(torch.nn.Linear(4096, 4096), (torch.ones(1, 4096),)), str(path))
    assert path.stat().st_size > 64 << 20
    with zipfile.ZipFile(path) as z:
        json_bytes = sum(i.file_size for i in z.infolist() if i.filename.endswith("json"))
    code, out, _ = run("pt2-dump", "--brief", path)
    assert code == 0 and int(out.split(", ")[2].split()[0]) < 200_000 + 8 * json_bytes


# ---- JSON ------------------------------------------------------------------------------------------------------

JSON_GOOD = [
    b"null", b"true", b" false ", b"0", b"-0", b"12", b"-1", b"9223372036854775807", b"-9223372036854775807", b"9223372036854775808",
    b"123456789012345678901234567890", b"0.1", b"1e5", b"1E+5", b"-2.5e-3", b"1e400", b"1e-400", b"5e-324", b"NaN", b"Infinity", b"-Infinity",
    b"0.1000000000000000055511151231257827021181583404541015625", b"1" + b"0" * 300, b'""', b'"abc"', b'"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    b'"\\u0041\\u00e9\\u20ac\\ud83d\\ude00"', '"\u00e9\u20ac\U0001f600\x7f"'.encode(), b"[]", b"{}", b"[ ]", b"{ }", b"[1]", b"[1,2,3]",
    b'{"a":1}', b'{"a":{"b":[]},"c":[{}]}', b"[[],[[]],{}]", b'{"":""}', b'[{"a":[1,{"b":2}],"c":3},4]', b'\t\r\n {"a"\n:\n1\n,\n"b":[ 1 , 2 ] } ',
    b"[" * 200 + b"]" * 200, b'{"a":' * 200 + b"1" + b"}" * 200, b'"' + b"x" * 1000 + b'"', b'{"a":1,"a":2}', b'["a","b",{"c":"d"},"e"]',
    b'[1,"a",null,true,{"k":"v"},[],-1.5]', b'["\\u007f\\u0080\\u07ff\\u0800\\uffff"]',
]
JSON_BAD = [
    b"", b" ", b"[", b"]", b"{", b"}", b"[1", b'{"a"', b'{"a":', b'{"a":1', b"[1,]", b'{"a":1,}', b"[,1]", b"{,}", b"[1 2]", b'{"a" 1}', b'{"a":1 "b":2}',
    b'{"a":1:2}', b'["a":1]', b"{1:2}", b"{null:1}", b'{"a","b"}', b"[1}", b'{"a":1]', b"[[1]", b"[1]]", b"1 2", b"[] []", b"nul", b"nulll", b"True", b"None", b"nan",
    b"+1", b"-", b"01", b"-01", b"1.", b".5", b"1e", b"1e+", b"0x10", b"1_000", b"--1", b"1-", b"-NaN", b"+Infinity", b'"', b'"abc', b'"a\nb"', b'"a\tb"',
    b'"\x00"', b'"\\x41"', b'"\\u12"', b'"\\u12g4"', b'"\\', b'"\\"', b"'a'", b"[1] x", b"\xef\xbb\xbf[]", b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
    b'"\xe2\x82"', b"[\x0b1]", b"[\x0c1]", b"[1\xa0]", b"/**/1", b"[1] // x", b"\x00", b"[1]\x00", b"[" * 513 + b"]" * 513, b'"a":1', b"a", b"[a]", b"[\\u0031]",
]


def canonical(x):
    if x is None or isinstance(x, bool):
        return {None: "null", True: "true", False: "false"}[x]
    if isinstance(x, str):
        return "s" + x.encode().hex()
    if isinstance(x, int) and -(1 << 63) < x < 1 << 63:
        return f"i{x}"
    if isinstance(x, (int, float)):
        return "f" + "%.17g" % x
    if isinstance(x, list) and not isinstance(x, Pairs):
        return "[" + ",".join(map(canonical, x)) + "]"
    return "{" + ",".join(canonical(k) + ":" + canonical(v) for k, v in x) + "}"


class Pairs(list):
    """The members of an object as they stand there, repeated keys too."""


@pytest.mark.parametrize("text", JSON_GOOD, ids=range(len(JSON_GOOD)))
def test_json_good(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text)
    code, out, err = run("json-echo", path)
    assert code == 0, err
    assert out == canonical(json.loads(text, object_pairs_hook=Pairs))


@pytest.mark.parametrize("text", JSON_BAD, ids=range(len(JSON_BAD)))
def test_json_bad(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text)
    code, out, err = run("json-echo", path)
    assert code == 1 and not out and "document: offset " in err


def test_json_lone_surrogate(tmp_path):
    """UTF-8 has no form for half a surrogate pair: it reads as U+FFFD. A NUL has none in a C string: no string."""
    path = tmp_path / "x.json"
    path.write_bytes(b'["\\ud800","\\udc00a","\\ud800\\u0041","a\\u0000b"]')
    assert run("json-echo", path)[1] == "[sefbfbd,sefbfbd61,sefbfbd41,s61?]".replace("s61?", "s?")


def test_json_depth(tmp_path):
    path = tmp_path / "x.json"
    for open_, close in (b"[", b"]"), (b'{"a":[', b"]}"):
        n = 512 // len(open_.replace(b'"a":', b""))
        path.write_bytes(open_ * n + close * n)
        assert run("json-echo", path)[0] == 0
        path.write_bytes(open_ * (n + 1) + close * (n + 1))
        assert "nested deeper than 512" in run("json-echo", path)[2]


def test_json_locale(tmp_path):
    """Numbers do not depend on the decimal point of the process's locale, which json-echo prints with."""
    if "de_DE.utf8" not in subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.split():
        pytest.skip("no locale with a decimal comma is installed")
    path = tmp_path / "x.json"
    path.write_bytes(b"[0.5,1.25e3]")
    done = subprocess.run([BUILD / "src/pt2/test/json-echo", path], capture_output=True, text=True, env={**os.environ, "LC_ALL": "de_DE.utf8"})
    assert done.stdout == "[f0,5,f1250]"
