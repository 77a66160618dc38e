"""torch-stablehlo opt and diff. What comes out is parsed by jaxlib, and equal in meaning: what a program computes is the same before and
after, on XLA's CPU; of cse MLIR's own pass says what is right.
"""
import re
import subprocess

import numpy as np
import pytest
import torch
from test_cli import BAD_INPUT, DIFFERS, SYSTEM, UNSUPPORTED, USAGE, TOOL, Small, bad, good, tool

ir = pytest.importorskip("jaxlib.mlir.ir")
from jaxlib.mlir import passmanager  # noqa: E402
from jaxlib.mlir.dialects import stablehlo  # noqa: E402
from mlir import context as mlir_context  # noqa: E402

PROGRAM = """
module @m attributes {mhlo.num_partitions = 1 : i32} {
  func.func private @square(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = stablehlo.multiply %x, %x : tensor<4xf32>
    %1 = stablehlo.multiply %x, %x : tensor<4xf32>
    %2 = stablehlo.add %0, %1 : tensor<4xf32>
    return %2 : tensor<4xf32>
  }
  func.func private @nobody(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
  func.func @main(%x: tensor<4xf32>, %i: tensor<i32>) -> (tensor<4xf32>, tensor<i32>) {
    %c = stablehlo.constant dense<2.0> : tensor<4xf32>
    %d = stablehlo.constant dense<3.0> : tensor<4xf32>
    %e = stablehlo.add %c, %d : tensor<4xf32>
    %0 = call @square(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %1 = stablehlo.composite "my.square" %0 {decomposition = @square} : (tensor<4xf32>) -> tensor<4xf32>
    %dead = stablehlo.tanh %1 : tensor<4xf32>
    %2 = stablehlo.multiply %e, %1 : tensor<4xf32>
    %n = stablehlo.constant dense<3> : tensor<i32>
    %one = stablehlo.constant dense<1> : tensor<i32>
    %3:2 = stablehlo.while(%a = %i, %b = %2) : tensor<i32>, tensor<4xf32>
    cond {
      %4 = stablehlo.compare LT, %a, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %4 : tensor<i1>
    } do {
      %4 = stablehlo.add %a, %one : tensor<i32>
      %5 = func.call @square(%b) : (tensor<4xf32>) -> tensor<4xf32>
      %6 = stablehlo.multiply %one, %one : tensor<i32>
      stablehlo.return %4, %5 : tensor<i32>, tensor<4xf32>
    }
    return %3#1, %3#0 : tensor<4xf32>, tensor<i32>
  }
}
"""

PASSES = ["--inline", "--inline-composites", "--fold", "--cse", "--dce"]
X = np.array([0.5, -1.25, 2.0, 0.0], np.float32)


@pytest.fixture(scope="module")
def context():
    return mlir_context()


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.mlir"
    path.write_text(PROGRAM)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "i.npy", np.int32(1))
    return path


def mlir(context, text, *passes):
    with context:
        module = ir.Module.parse(text)
        assert module.operation.verify()
        for p in passes:
            passmanager.PassManager.parse(f"builtin.module({p})").run(module.operation)
        return str(module)


def results(path, folder):
    good("run", path, "-i", folder / "x.npy", "-i", folder / "i.npy", "-o", folder / "y.npy", "-o", folder / "n.npy")
    return np.load(folder / "y.npy"), np.load(folder / "n.npy")


def ops(text, name):
    return len(re.findall(rf"\b{name}\b", text))


# -- opt -----------------------------------------------------------------------------------------------------------------


def test_without_passes(program, context):
    """Read, verified, and printed as MLIR prints it."""
    assert good("opt", program) == mlir(context, PROGRAM)


@pytest.mark.parametrize("passes", [[p] for p in PASSES] + [PASSES])
def test_numbers_stay(program, tmp_path, context, passes):
    out = tmp_path / "out.mlir"
    assert good("opt", program, *passes, "-o", out) == ""
    mlir(context, out.read_text())
    want, got = results(program, tmp_path), results(out, tmp_path)
    square = lambda x: 2 * x * x  # noqa: E731
    np.testing.assert_array_equal(want[0], square(square(5 * square(square(X)))))
    assert all(np.array_equal(w, g) for w, g in zip(want, got))


def test_inline(program):
    """Composites stay, and what they are made of."""
    out = good("opt", program, "--inline")
    assert ops(out, "call") == 0 and ops(out, "composite") == 1 and "@square(" in out and "@nobody" not in out
    assert [ops(out, o) for o in ("multiply", "add", "tanh")] == [8, 5, 1]


def test_inline_composites(program):
    out = good("opt", program, "--inline-composites")
    assert ops(out, "composite") == 0 and ops(out, "call") == 2 and "@square(" in out


def test_fold(program):
    out = good("opt", program, "--fold")
    assert "dense<5.000000e+00>" in out and ops(out, "call") == 2 and ops(out, "tanh") == 1


def test_cse(program, context):
    """Of a function's body; MLIR's pass goes into regions as well, in which nothing of this program is twice."""
    out = good("opt", program, "--cse")
    assert good("opt", program, "--cse", "--dce") == mlir(context, out, "cse", "symbol-dce")
    assert ops(out.split("@nobody")[0], "multiply") == 1


def test_dce(program):
    """Not of what has an effect, in a region neither."""
    assert ops(good("opt", program, "--dce"), "tanh") == 0 == ops(good("opt", program, "--dce"), "@nobody")
    text = """
    func.func @main(%p: tensor<i1>, %t: !stablehlo.token) -> tensor<i1> {
      %0 = "stablehlo.if"(%p) ({
        %1 = "stablehlo.outfeed"(%p, %t) : (tensor<i1>, !stablehlo.token) -> !stablehlo.token
        stablehlo.return %p : tensor<i1>
      }, {
        stablehlo.return %p : tensor<i1>
      }) : (tensor<i1>) -> tensor<i1>
      %1 = "stablehlo.if"(%p) ({
        stablehlo.return %p : tensor<i1>
      }, {
        stablehlo.return %p : tensor<i1>
      }) : (tensor<i1>) -> tensor<i1>
      return %p : tensor<i1>
    }"""
    out = subprocess.run([TOOL, "opt", "-", "--dce"], input=text, capture_output=True, text=True)
    assert out.returncode == 0 and out.stdout.count("stablehlo.if") == 1 and "outfeed" in out.stdout


def test_calls_without_a_body_stay():
    text = """
    func.func private @outside(tensor<f32>) -> tensor<f32>
    func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %0 = call @outside(%x) : (tensor<f32>) -> tensor<f32>
      return %0 : tensor<f32>
    }"""
    out = subprocess.run([TOOL, "opt", "-", "--inline"], input=text, capture_output=True, text=True).stdout
    assert "call @outside" in out and "func private @outside" in out


def test_bytecode_of_a_version(program, tmp_path, context):
    good("opt", program, *PASSES, "--target", "1.0.0", "-o", tmp_path / "out.mlir.bc")
    data = (tmp_path / "out.mlir.bc").read_bytes()
    assert b"StableHLO_v1.0.0" in data
    with context:
        theirs = str(stablehlo.deserialize_portable_artifact(context, data))
    assert theirs == good("opt", tmp_path / "out.mlir.bc") == good("opt", program, *PASSES)


LOCATED = 'func.func @main(%x: tensor<f32>) -> tensor<f32> {\n %0 = stablehlo.abs %x : tensor<f32> loc("here"("f.py":1:2))\n return %0 : tensor<f32>\n}\n'


def located(context, text, path):
    """Bytecode with the text's locations."""
    with context:
        path.write_bytes(stablehlo.serialize_portable_artifact(ir.Module.parse(text), "1.9.0"))
    return path


def test_locations(context, tmp_path):
    file = located(context, LOCATED, tmp_path / "x.mlir.bc")
    assert '"here"' in good("opt", file, "--cse", "--inline") and "loc" not in good("opt", file, "--strip-locations")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("opt")
    torch.export.save(torch.export.export(Small(), (torch.ones(2, 4), torch.tensor(1))), folder / "small.pt2")
    good("convert", folder / "small.pt2", "-o", folder / "dir")
    return folder / "dir"


def test_of_a_directory(directory, context):
    out = good("opt", directory, *PASSES)
    mlir(context, out)
    assert out == good("opt", directory, "--method", "forward")


@pytest.mark.parametrize(
    "code, args, message",
    [
        (USAGE, ["opt", "x.mlir", "-o", "out"], "opt: out: its ending is neither that of text nor of bytecode; say --format"),
        (USAGE, ["opt", "x.mlir", "--format", "directory"], "opt: --format is 'directory', wanted text or bytecode"),
        (USAGE, ["opt", "x.mlir", "--target", "1.0.0"], "opt: --target is for bytecode, text has no version"),
        (SYSTEM, ["opt", "/nonexistent.mlir"], "/nonexistent.mlir: No such file or directory"),
        (USAGE, ["diff", "x.mlir"], "diff: a second file is wanted: DIR|X.mlir[.bc]|- DIR|X.mlir[.bc]|-; see 'torch-stablehlo diff --help'"),
        (USAGE, ["diff", "-", "-"], "diff: both cannot be standard input"),
    ],
)
def test_wrong_use(code, args, message):
    assert message in bad(code, *args)


def test_what_is_refused(tmp_path):
    (tmp_path / "x.mlir").write_text("func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n %0 = stablehlo.transpose %x, dims = [1] : (tensor<2xf32>) -> tensor<2xf32>\n"
                                     " return %0 : tensor<2xf32>\n}\n")
    assert "main: op 0 (stablehlo.transpose): transpose_c2: " in bad(BAD_INPUT, "opt", tmp_path / "x.mlir")
    (tmp_path / "x.txt").write_text("no")
    assert "is no StableHLO" in bad(UNSUPPORTED, "opt", tmp_path / "x.txt")
    again = "func.func private @f() {\n call @f() : () -> ()\n return\n}\nfunc.func @main() {\n call @f() : () -> ()\n return\n}\n"
    (tmp_path / "x.mlir").write_text(again)
    assert "calls itself" in bad(UNSUPPORTED, "opt", tmp_path / "x.mlir", "--inline")


# -- diff ----------------------------------------------------------------------------------------------------------------


def differences(tmp_path, old, new, *options, text=PROGRAM):
    """What diff tells of a program and the same with `old` replaced."""
    assert old in text
    (tmp_path / "a.mlir").write_text(text)
    (tmp_path / "b.mlir").write_text(text.replace(old, new, 1))
    code, out, err = tool("diff", tmp_path / "a.mlir", tmp_path / "b.mlir", *options)
    assert err == "" and code == (DIFFERS if out else 0)
    return out


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("%dead", "%alive", ""),
        ("module @m", "module @n", ""),
        ("dense<2.0> : tensor<4xf32>", "dense<[2.0, 2.0, 2.0, 2.0]> : tensor<4xf32>", ""),
        ('"my.square" %0 {', '"my.square" %0 {composite_attributes = {}, version = 0 : i32, ', ""),
        ("dense<2.0> : tensor<4xf32>", "dense<[2.0, 2.0, 2.5, 2.0]> : tensor<4xf32>",
         "@main: op 0 (stablehlo.constant): value: 1 of 4 elements differ; element 2 is 2.000000e+00 in the first, 2.500000e+00 in the second\n"),
        ("dense<2.0> : tensor<4xf32>", "dense<0x7FC00001> : tensor<4xf32>",
         "@main: op 0 (stablehlo.constant): value: 4 of 4 elements differ; element 0 is 2.000000e+00 in the first, 0x7FC00001 in the second\n"),
        ("stablehlo.add %c, %d", "stablehlo.add %d, %c",
         "@main: op 2 (stablehlo.add): operand 0 is result 0 of a stablehlo.constant in the first, result 0 of a stablehlo.constant in the second, which is another value\n"
         "@main: op 2 (stablehlo.add): operand 1 is result 0 of a stablehlo.constant in the first, result 0 of a stablehlo.constant in the second, which is another value\n"),
        ("stablehlo.tanh", "stablehlo.abs", "@main: op 5 is stablehlo.tanh in the first, stablehlo.abs in the second\n"),
        ("compare LT", "compare LE", "@main: op 9 (stablehlo.while): region 0: op 0 (stablehlo.compare): comparison_direction is "
         "#stablehlo<comparison_direction LT> in the first, #stablehlo<comparison_direction LE> in the second\n"),
        ("@nobody", "@somebody", "@nobody: only in the first\n@somebody: only in the second\n"),
        ("func.func private @nobody", "func.func @nobody", "@nobody: is private in the first, public in the second\n"),
        ("num_partitions = 1", "num_partitions = 2", "module: mhlo.num_partitions is 1 : i32 in the first, 2 : i32 in the second\n"),
        ("%i: tensor<i32>)", "%i: tensor<i32> {a.b})", "@main: argument 1: a.b is not there in the first, unit in the second\n"),
    ],
)
def test_diff(tmp_path, old, new, told):
    assert differences(tmp_path, old, new) == told


def test_nan_is_itself(tmp_path):
    text = PROGRAM.replace("dense<2.0>", "dense<0x7FC00001>")
    assert differences(tmp_path, "%dead", "%x0", text=text) == ""


def test_diff_of_locations(context, tmp_path):
    a = located(context, LOCATED, tmp_path / "a.mlir.bc")
    b = located(context, LOCATED.replace("f.py", "g.py"), tmp_path / "b.mlir.bc")
    assert good("diff", a, b) == good("diff", a, a, "--locations") == ""
    assert '@main: op 0 (stablehlo.abs): the location is "here"(f.py:1:2) in the first, "here"(g.py:1:2) in the second\n' in \
        tool("diff", a, b, "--locations")[1]


def test_diff_is_bounded(tmp_path):
    body = "".join(f" %{i} = stablehlo.constant dense<0.0> : tensor<f32>\n" for i in range(30))
    text = f"func.func @main() {{\n{body} return\n}}\n"
    (tmp_path / "a.mlir").write_text(text)
    (tmp_path / "b.mlir").write_text(text.replace("0.0", "1.0"))
    lines = tool("diff", tmp_path / "a.mlir", tmp_path / "b.mlir")[1].splitlines()
    assert len(lines) == 11 and lines[-1] == "and 20 more"
    assert len(tool("diff", tmp_path / "a.mlir", tmp_path / "b.mlir", "--most", 40)[1].splitlines()) == 30


def test_diff_of_text_and_bytecode(program, tmp_path):
    good("convert", program, "-o", tmp_path / "a.mlir.bc")
    assert good("diff", program, tmp_path / "a.mlir.bc") == ""


def test_diff_of_directories(directory, tmp_path):
    other = tmp_path / "other"
    good("convert", directory, "-o", other)
    assert good("diff", directory, other) == ""
    file = next(p for p in (other / "data").iterdir() if p.name.startswith("fc.bias"))
    data = np.load(file)
    data[1] += 1
    np.save(file.open("wb"), data)
    assert tool("diff", directory, other)[:2] == (DIFFERS, "weight 'fc.bias' differs from element 1 on\n")
    assert good("diff", directory, other, "--method", "forward") == ""


# -- clauses of the verifier ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "clause, types, op",
    [
        ("tanh_result_accuracy", "tensor<f32>", '"stablehlo.tanh"(%a) {result_accuracy = #stablehlo.result_accuracy<atol = 1.0, rtol = 0.0, ulps = 0, '
         "mode = #stablehlo.result_accuracy_mode<HIGHEST>>} : (tensor<f32>) -> tensor<f32>"),
        ("dot_general_algorithm", "tensor<2x2xf32>", '"stablehlo.dot_general"(%a, %a) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], '
         "rhs_contracting_dimensions = [0]>, algorithm = #stablehlo.dot_algorithm<lhs_precision_type = f32, rhs_precision_type = f32, accumulation_type = f64, "
         "lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false>} : "
         "(tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>"),
        ("infeed_layout", "!stablehlo.token", '"stablehlo.infeed"(%a) {layout = [[0], [1]]} : (!stablehlo.token) -> (tensor<3xi32>, !stablehlo.token)'),
        ("reshape_o1", "tensor<?x?xf32, #stablehlo.bounds<2, 2>>", "stablehlo.reshape %a : (tensor<?x?xf32, #stablehlo.bounds<2, 2>>) -> tensor<?x?xf32, #stablehlo.bounds<2, 2>>"),
        ("dynamic_reshape_c2", "tensor<2x5xf32>", "stablehlo.dynamic_reshape %a, %s : (tensor<2x5xf32>, tensor<3xi32>) -> tensor<?x?x?xf32>"),
        ("dynamic_broadcast_in_dim_c5", "tensor<5xf32>", "stablehlo.dynamic_broadcast_in_dim %a, %s, dims = [0] : (tensor<5xf32>, tensor<3xi32>) -> tensor<?x?x?xf32>"),
        ("abs_c1", "tensor<?xf32, #stablehlo.bounds<4>>", '"stablehlo.abs"(%a) : (tensor<?xf32, #stablehlo.bounds<4>>) -> tensor<5xf32>'),
        ("no type of StableHLO", "tensor<2x!quant.uniform<i8:f32, 1.0:300>>", "stablehlo.add %a, %a : tensor<2x!quant.uniform<i8:f32, 1.0:300>>"),
        ("no type of StableHLO", "tensor<2x!quant.uniform<i4:f16, 1.0e+5>>", "stablehlo.add %a, %a : tensor<2x!quant.uniform<i4:f16, 1.0e+5>>"),
    ],
)
def test_clauses(tmp_path, clause, types, op):
    results = 2 if "infeed" in op else 1
    (tmp_path / "x.mlir").write_text(f"func.func @main(%a: {types}) {{\n %s = stablehlo.constant dense<[2, 3, 4]> : tensor<3xi32>\n %0:{results} = {op}\n return\n}}\n")
    assert clause in bad(BAD_INPUT, "opt", tmp_path / "x.mlir")
