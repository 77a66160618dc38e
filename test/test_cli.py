"""src/cli: the tool torch-stablehlo, driven as a user does. What is right comes from eager torch (values), jaxlib (text and bytecode), and
torch's own ExportedProgram (what inspect tells).
"""
import json
import os
import pty
import re
import resource
import shutil
import subprocess
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
TOOL = BUILD / "src/cli/torch-stablehlo"
SANITIZED = b"__asan_init" in TOOL.read_bytes() if TOOL.exists() else False

OK, BAD_INPUT, USAGE, UNSUPPORTED, SYSTEM, PLUGIN, DIFFERS = range(7)


def tool(*args, program=TOOL, **kw):
    """(exit code, stdout, stderr); a sanitizer's report is never a mere failure."""
    kw = {"capture_output": True, "timeout": 120, **kw}
    done = subprocess.run([program, *map(os.fspath, map(lambda a: a if isinstance(a, (Path, bytes)) else str(a), args))], **kw)
    out, err = ((b or b"").decode(errors="replace") for b in (done.stdout, done.stderr))
    assert done.returncode in range(7) and "Sanitizer" not in err and "runtime error" not in err, (done.returncode, err)
    return done.returncode, out, err


def good(*args, **kw):
    code, out, err = tool(*args, **kw)
    assert code == OK and err == "", (code, err)
    return out


def bad(want, *args, program=TOOL, **kw):
    """The message of a failure with this exit code: it has the tool's name in front, and stdout stays empty."""
    code, out, err = tool(*args, program=program, **kw)
    assert code == want, (code, out, err)
    assert err.startswith(f"{program.name}: ") and not out, (out, err)
    return err[len(f"{program.name}: "):].rstrip("\n")


# -- programs ------------------------------------------------------------------------------------------------


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc = torch.nn.Linear(4, 3)
        self.register_buffer("scale", torch.tensor([1.0, -2.0, 3.0]))

    def forward(self, x, n):
        return torch.relu(self.fc(x)) * self.scale, n + 1


class Other(torch.nn.Module):
    """Several element types, and numbers that are none."""

    def forward(self, x):
        return torch.log(x), x.to(torch.bfloat16), x > 0, torch.complex(x, -x), torch.tensor([2**62 + 1, -5])


class Big(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(4096, 4096))

    def forward(self, x):
        return x @ self.w


@torch.library.custom_op("test_cli::twist", mutates_args=())
def twist(x: torch.Tensor) -> torch.Tensor:
    return x + 1


@torch.library.custom_op("test_cli::turn", mutates_args=())
def turn(x: torch.Tensor) -> torch.Tensor:
    return x + 2


twist.register_fake(torch.empty_like)
turn.register_fake(torch.empty_like)


class Unknown(torch.nn.Module):
    def forward(self, x):
        x = twist(x)
        return twist(turn(x))


def export(module, *args, **kw):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(module.eval(), args, **kw)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Files for all tests: programs (NAME.pt2), inputs and outputs (NAME.npy), a saved directory."""
    d = tmp_path_factory.mktemp("cli")
    x, n = torch.randn(2, 4, generator=torch.Generator().manual_seed(1)), torch.tensor([1, 2**60])
    small = Small()
    torch.export.save(export(small, x, n), d / "small.pt2")
    with torch.no_grad():
        y, m = small(x, n)
    for name, t in {"x": x, "n": n, "y": y, "m": m}.items():
        np.save(d / f"{name}.npy", t.numpy())
    z = torch.tensor([1.0, 0.0, -1.0])
    torch.export.save(export(Other(), z), d / "other.pt2")
    np.save(d / "z.npy", z.numpy())
    torch.export.save(export(Unknown(), z), d / "unknown.pt2")
    torch.export.save(export(Big(), torch.zeros(1, 4096)), d / "big.pt2")
    with zipfile.ZipFile(d / "small.pt2") as old, zipfile.ZipFile(d / "no_samples.pt2", "w") as new:
        for i in old.infolist():
            if "sample_inputs" not in i.filename:
                new.writestr(i.filename, old.read(i))
    good("convert", d / "small.pt2", "-o", d / "small_dir")
    return d


def mlir(text=None, artifact=None):
    """The module as jaxlib's MLIR prints it, from text or from a portable artifact."""
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import stablehlo
    from mlir import context as mlir_context

    with mlir_context() as context:
        module = stablehlo.deserialize_portable_artifact(context, artifact) if artifact else ir.Module.parse(text)
        module.operation.verify()
        return str(module)


# -- the command line itself ---------------------------------------------------------------------------------


COMMANDS = {
    "convert": ["output", "format", "target", "method", "inline-weights", "inline", "dim", "seed", "seed-input", "sharding", "shardy", "group", "int4-packing", "quantized-types", "custom-op", "composite", "inline-composites", "no-text", "no-weights", "weights",
                "locations", "strip-locations", "serving-key",
                "function-alias", "input-names", "output-names", "platforms", "warmup"],
    "run": ["input", "output", "engine", "plugin", "method", "repeat", "cache", "untuned", "seed", "seed-input", "dim", "sharding", "shardy", "group", "int4-packing"],
    "compile": ["cache", "input", "plugin", "method", "untuned", "seed", "seed-input", "dim", "sharding", "shardy", "group", "int4-packing"],
    "verify": ["input", "expect", "rtol", "atol", "cache", "untuned", "engine", "plugin", "method", "seed", "seed-input", "dim", "sharding", "shardy", "group", "int4-packing"],
    "inspect": ["ops", "json"],
    "opt": ["output", "format", "target", "method", "inline", "inline-composites", "fold", "cse", "dce", "strip-locations"],
    "diff": ["method", "locations", "most"],
}


def test_help_and_version():
    out = good("--help")
    assert all(c in out for c in COMMANDS) and "Exit codes" in out
    assert good("-h") == good("help") == out
    assert re.fullmatch(r"torch-stablehlo \d+\.\d+\.\d+ \(StableHLO up to 1\.\d+\.\d+\)\n", good("--version"))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    out = good(command, "--help")
    assert good(command, "-h") == out and good(command, "x.pt2", "--help") == out
    assert set(re.findall(r"--([a-z0-9-]+)", out.split("\n\n")[2])) == {*COMMANDS[command], "help"}
    assert "Exit codes" in out and max(map(len, out.splitlines())) <= 80


def test_docs_tell_every_option():
    text = (ROOT / "docs/cli.md").read_text()
    for command, options in COMMANDS.items():
        section = text.split(f"## {command}\n")[1].split("\n## ")[0]
        assert all(f"`--{o}" in section for o in options), command


@pytest.mark.parametrize(
    "args, message",
    [
        ([], "no command is given; see 'torch-stablehlo --help'"),
        (["frob"], "no such command: frob; see 'torch-stablehlo --help'"),
        (["convert"], "convert: no file is given: wanted X.pt2|DIR|X.mlir[.bc] -o PATH; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2"], "convert: no output is given; name it with -o"),
        (["convert", "a.pt2", "b.pt2"], "convert: one file is wanted, and here is another: b.pt2; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2", "-o"], "convert: needs a value: -o; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2", "-o", "--no-text"], "convert: needs a value: -o; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2", "--frob=1"], "convert: no such option: --frob=1; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2", "-x"], "convert: no such option: -x; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2", "--no-text=1"], "convert: takes no value: --no-text; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2", "-o", "b", "-oc"], "convert: given twice: -o; see 'torch-stablehlo convert --help'"),
        (["convert", "a.pt2", "-o", "b", "--format", "pdf"], "convert: --format is 'pdf', wanted text, bytecode, directory or saved-model"),
        (["convert", "a.pt2", "-o", "b.mlir", "--target=1.9.0"], "convert: --target is for bytecode and directories, text has no version"),
        (["convert", "a.pt2", "-o", "b.mlir", "--no-text"], "convert: --no-text is for directories"),
        (["convert", "a.pt2", "-o", "b.bc", "--no-weights"], "convert: --no-weights is for directories"),
        (["convert", "a.pt2", "-o-", "--format=directory"], "convert: a directory cannot go to standard output"),
        (["run", "a.pt2", "--repeat", "0"], "run: --repeat is '0', wanted a number from 1 on"),
        (["run", "a.pt2", "--repeat", "99999999999999999999"], "run: --repeat is '99999999999999999999', wanted a number from 1 on"),
        (["run", "a.pt2", "--rtol", "1"], "run: no such option: --rtol; see 'torch-stablehlo run --help'"),
        (["verify", "a.pt2", "--rtol", "-1"], "verify: --rtol is '-1', wanted a number from 0 on"),
        (["verify", "a.pt2", "--atol", "1x"], "verify: --atol is '1x', wanted a number from 0 on"),
    ],
)
def test_wrong_usage(args, message):
    assert bad(USAGE, *args) == message


def test_locations_are_refused_where_they_cannot_be(made, tmp_path):
    to = ["-o", tmp_path / "m"]
    assert "--locations is 'all', wanted nodes, full or metadata" in bad(USAGE, "convert", made / "small.pt2", *to, "--locations=all")
    assert "contradict each other" in bad(USAGE, "convert", made / "small.pt2", *to, "--locations", "--strip-locations")
    assert "--locations is for .pt2 files" in bad(UNSUPPORTED, "convert", made / "small_dir", *to, "--locations")
    assert list(tmp_path.iterdir()) == []


# -- convert -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending, kind", [
    (".mlir", "text"), (".mlir.bc", "bytecode"), (".mlirbc", "bytecode"), (".bc", "bytecode"), (".bytecode", "bytecode"), ("", "directory"),
    (".v2", "directory"),
])
def test_the_ending_gives_the_format(made, tmp_path, ending, kind):
    out = tmp_path / f"m{ending}"
    assert good("convert", made / "small.pt2", "-o", out) == ""
    found = "directory" if out.is_dir() else "bytecode" if out.read_bytes()[:4] == b"ML\xefR" else "text"
    assert found == kind
    assert [p.name for p in tmp_path.iterdir()] == [out.name], "something is left behind"
    out2 = tmp_path / "any.thing"
    good("convert", made / "small.pt2", "-o", out2, "--format", kind)
    assert filecmp_tree(out, out2)


def filecmp_tree(a, b):
    def tree(d):
        return {p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()} if d.is_dir() else d.read_bytes()

    return tree(a) == tree(b)


def test_text_and_bytecode_are_one_module(made, tmp_path):
    text = good("convert", made / "small.pt2", "-o", "-")
    good("convert", made / "small.pt2", "-o", tmp_path / "m.mlir")
    assert (tmp_path / "m.mlir").read_text() == text
    good("convert", made / "small.pt2", "-o", tmp_path / "m.bc")
    artifact = subprocess.run([TOOL, "convert", made / "small.pt2", "-o-", "--format=bytecode"], capture_output=True, timeout=60).stdout
    assert artifact == (tmp_path / "m.bc").read_bytes()
    assert mlir(text) == text
    assert mlir(artifact=artifact) == text


def test_target(made, tmp_path):
    def version(*options):
        out = tmp_path / "m.bc"
        good("convert", made / "small.pt2", "-o", out, *options)
        mlir(artifact=out.read_bytes())
        return re.search(rb"StableHLO_v([0-9.]+)", out.read_bytes())[1].decode()

    assert version("--target", "1.9.0") == "1.9.0"
    assert version("--target=1.1.0") == "1.1.0"
    needed = version()
    assert tuple(map(int, needed.split("."))) <= (1, 9, 0)
    good("convert", made / "small.pt2", "--target=1.9.0", "-o", tmp_path / "d")
    assert json.loads((tmp_path / "d/functions/forward.meta").read_text())["stablehlo_version"] == "1.9.0"
    for wrong in ("1.9", "v1.9.0", "", "1.9.0.0"):
        message = bad(BAD_INPUT, "convert", made / "small.pt2", "-o", tmp_path / "w", f"--target={wrong}")
        assert message == f"'{wrong}' is no StableHLO version, wanted one like 1.9.0"
    assert "99.0.0" in bad(UNSUPPORTED, "convert", made / "small.pt2", "-o", tmp_path / "w", "--target=99.0.0")
    assert not (tmp_path / "w").exists()


def test_inline_weights(made, tmp_path):
    def arguments(*options):
        return good("convert", made / "small.pt2", "-o", "-", *options).split("{", 2)[1].split("->")[0].count("%arg")

    assert arguments() == 2 + 3 and arguments("--inline-weights") == 2
    good("convert", "--inline-weights", made / "small.pt2", "-o", tmp_path / "d")
    shutil.rmtree(tmp_path / "d/data")
    (tmp_path / "d/data").mkdir()
    good("run", tmp_path / "d", "-i", made / "x.npy", "-i", made / "n.npy", "-o", tmp_path / "y.npy", "-o", tmp_path / "m.npy")
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.load(made / "y.npy"), rtol=1e-4, atol=1e-5)


def test_directory_options(made, tmp_path):
    def names(*options):
        out = tmp_path / "_".join(options)
        good("convert", made / "small.pt2", "-o", out, *options)
        return {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} - {"functions/forward.torch_stablehlo.json"}

    meta, code, text = "functions/forward.meta", "functions/forward.bytecode", "functions/forward.mlir"
    data = {f"data/{n}" for n in ("fc.weight", "fc.bias", "scale")}
    assert names("--method=forward") == {meta, code, text} | data
    assert names("--no-text") == {meta, code} | data
    assert names("--no-weights") == {meta, code, text}
    assert names("--no-weights", "--no-text") == {meta, code}
    good("convert", made / "small.pt2", "--method", "serve", "-o", tmp_path / "m")
    assert (tmp_path / "m/functions/serve.mlir").exists()


def test_spellings(made, tmp_path):
    want = good("convert", made / "small.pt2", "-o", "-")
    assert good("convert", "-o", "-", made / "small.pt2") == want
    assert good("convert", "-o-", "--", made / "small.pt2") == want
    assert good("convert", "--format=text", "--output", "-", made / "small.pt2") == want
    shutil.copy(made / "small.pt2", tmp_path / "--strange.pt2")
    assert good("convert", "-o-", "--", "--strange.pt2", cwd=tmp_path) == want
    good("convert", "--output=--strange.mlir", made / "small.pt2", cwd=tmp_path)
    assert (tmp_path / "--strange.mlir").read_text() == want


def test_from_a_directory(made, tmp_path):
    want = good("convert", made / "small.pt2", "-o", "-")
    assert good("convert", made / "small_dir", "-o", "-") == want
    good("convert", made / "small_dir", "-o", tmp_path / "again")
    assert filecmp_tree(made / "small_dir", tmp_path / "again")
    assert "--inline-weights is for .pt2 files" in bad(UNSUPPORTED, "convert", made / "small_dir", "-o-", "--inline-weights")


def test_from_a_directory_at_another_version(made, tmp_path):
    for target in ("0.9.0", "1.20.0"):
        good("convert", made / "small.pt2", "-o", tmp_path / "want.bc", "--target", target)
        good("convert", made / "small_dir", "-o", tmp_path / "got.bc", "--target", target)
        assert (tmp_path / "got.bc").read_bytes() == (tmp_path / "want.bc").read_bytes()
        good("convert", made / "small.pt2", "-o", tmp_path / f"want{target}", "--target", target)
        good("convert", made / "small_dir", "-o", tmp_path / f"got{target}", "--target", target)
        assert filecmp_tree(tmp_path / f"want{target}", tmp_path / f"got{target}")


def test_text_of_a_directory_without_text(made, tmp_path):
    want = good("convert", made / "small.pt2", "-o", "-")
    good("convert", made / "small.pt2", "-o", tmp_path / "d", "--no-text")
    assert good("convert", tmp_path / "d", "-o", "-") == want
    code = tmp_path / "d/functions/forward.bytecode"
    code.write_bytes(code.read_bytes()[:200])
    assert "method 'forward': bytecode: " in bad(BAD_INPUT, "convert", tmp_path / "d", "-o", "-")


def test_a_directory_of_text_alone(made, tmp_path):
    shutil.copytree(made / "small_dir", tmp_path / "d")
    code = tmp_path / "d/functions/forward.bytecode"
    was = code.read_bytes()
    code.unlink()
    good("convert", tmp_path / "d", "-o", tmp_path / "again.bc")
    assert (tmp_path / "again.bc").read_bytes() == was
    inputs = "-i", made / "x.npy", "-i", made / "n.npy"
    assert good("run", tmp_path / "d", *inputs) == good("run", made / "small_dir", *inputs)
    text = tmp_path / "d/functions/forward.mlir"
    text.write_text(text.read_text().replace("stablehlo.multiply", "stablehlo.multiple"))
    assert re.fullmatch(r"functions/forward.mlir:\d+:\d+: op 'stablehlo.multiple' is not known", bad(UNSUPPORTED, "run", tmp_path / "d", *inputs))


# -- files of StableHLO --------------------------------------------------------------------------------------

DOUBLE = """// A program that somebody wrote.
func.func @main(%x: tensor<3xf32>, %y: tensor<?xi32> {a.b = "c"}) -> (tensor<3xf32>, tensor<?xi32>) {
  %0 = "stablehlo.add"(%x, %x) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  func.return %0, %y : tensor<3xf32>, tensor<?xi32>
}
"""
DOUBLE_FORMATTED = """module {
  func.func @main(%arg0: tensor<3xf32>, %arg1: tensor<?xi32> {a.b = "c"}) -> (tensor<3xf32>, tensor<?xi32>) {
    %0 = stablehlo.add %arg0, %arg0 : tensor<3xf32>
    return %0, %arg1 : tensor<3xf32>, tensor<?xi32>
  }
}
"""


def test_text_to_bytecode_and_back(made, tmp_path):
    good("convert", made / "small.pt2", "-o", tmp_path / "a.mlir")
    for target in ("0.9.0", "1.20.0"):
        good("convert", made / "small.pt2", "-o", tmp_path / "want.bc", "--target", target)
        good("convert", tmp_path / "a.mlir", "-o", tmp_path / "got.mlir.bc", "--target", target)
        assert (tmp_path / "got.mlir.bc").read_bytes() == (tmp_path / "want.bc").read_bytes()
        assert good("convert", tmp_path / "got.mlir.bc", "-o", "-") == (tmp_path / "a.mlir").read_text()
    inputs = [x for name in ("x", "n") for x in ("-i", made / f"{name}.npy")]
    weights = np.random.default_rng(0).random((3, 4), np.float32), np.zeros(3, np.float32), np.ones(3, np.float32)
    for i, w in enumerate(weights):
        np.save(tmp_path / f"{i}.npy", w)
    order = [tuple(v["shape"]) for v in json.loads(good("inspect", "--json", tmp_path / "a.mlir"))["functions"][0]["inputs"]]
    assert len(order) == 5 and order[-2:] == [(2, 4), (2,)]
    given = [x for shape in order[:-2] for x in ("-i", tmp_path / ("0.npy" if shape == (3, 4) else "2.npy"))]
    outs = [good("run", tmp_path / file, *given, *inputs) for file in ("a.mlir", "got.mlir.bc")]
    assert outs[0] == outs[1] and outs[0].count("\n") == 2


def test_a_file_that_somebody_wrote(tmp_path):
    file = tmp_path / "double.mlir"
    file.write_text(DOUBLE)
    assert good("convert", file, "-o", "-") == mlir(DOUBLE) == DOUBLE_FORMATTED
    np.save(tmp_path / "x.npy", np.array([1, 2, 3], np.float32))
    np.save(tmp_path / "y.npy", np.array([4, 5], np.int32))
    inputs = "-i", tmp_path / "x.npy", "-i", tmp_path / "y.npy"
    good("convert", file, "-o", tmp_path / "d")
    assert (tmp_path / "d/functions/forward.mlir").read_text() == DOUBLE_FORMATTED
    for path in (file, tmp_path / "d"):
        assert good("run", path, *inputs) == "output 0    f32[3]  [2, 4, 6]\noutput 1    i32[2]  [4, 5]\n"
        assert good("verify", path, *inputs).startswith("load     ok: StableHLO 1.0.0")
    assert "kind            StableHLO text" in good("inspect", file)
    told = json.loads(good("inspect", "--json", file))
    assert told["kind"] == "text" and told["nbytes"] == len(DOUBLE) and told["functions"][0]["inputs"][1]["shape"] == [None]
    assert "--inline-weights is for .pt2 files, this is StableHLO text" in bad(UNSUPPORTED, "convert", file, "-o-", "--inline-weights")


def test_a_file_that_is_wrong(tmp_path):
    file = tmp_path / "wrong.mlir"
    for text, said in (("", None), (DOUBLE.replace("%x, %x)", "%x, %z)"), "3:28: '%z' is not defined before"),
                       (DOUBLE.replace("-> tensor<3xf32>\n", "-> tensor<4xf32>\n").replace("return %0, %y : tensor<3", "return %0, %y : tensor<4"), " main: ")):
        file.write_text(text)
        if said:
            message = bad(BAD_INPUT, "convert", file, "-o-")
            assert message.startswith(f"{file}:") and said in message and "\n" not in message
        else:
            assert good("convert", file, "-o-") == "module {\n}\n"
    good_bytes = tmp_path / "a.bc"
    file.write_text(DOUBLE_FORMATTED.replace(' {a.b = "c"}', ""))
    good("convert", file, "-o", good_bytes)
    good_bytes.write_bytes(good_bytes.read_bytes()[:100])
    assert f"{good_bytes}: bytecode: " in bad(BAD_INPUT, "convert", good_bytes, "-o-")
    file.write_text(DOUBLE.replace('"c"', "#mhlo.c"))
    assert "has no form in a portable artifact" in bad(UNSUPPORTED, "convert", file, "-o", tmp_path / "no.bc")


def test_unknown_ops_are_all_listed(made, tmp_path):
    lines = bad(UNSUPPORTED, "convert", made / "unknown.pt2", "-o", tmp_path / "m").splitlines()
    assert lines[0] == "2 ops of this program cannot be converted:"
    here = Path(__file__).name
    assert re.match(rf"  test_cli\.twist\.default  x2  .*{here}", lines[1]) and re.match(rf"  test_cli\.turn\.default  x1  .*{here}", lines[2])
    assert list(tmp_path.iterdir()) == []
    assert bad(UNSUPPORTED, "run", made / "unknown.pt2").splitlines() == lines
    assert bad(UNSUPPORTED, "verify", made / "unknown.pt2").splitlines() == lines
    assert lines[1] in good("inspect", made / "unknown.pt2")


# -- files that are not as they should be --------------------------------------------------------------------


@pytest.mark.parametrize("command", [["convert", "-o", "out"], ["run"], ["verify"], ["inspect"]])
def test_broken_files(made, tmp_path, command):
    small = (made / "small.pt2").read_bytes()
    (tmp_path / "empty.pt2").write_bytes(b"")
    (tmp_path / "text.pt2").write_bytes(b"hello\n" * 100)
    (tmp_path / "cut.pt2").write_bytes(small[: len(small) // 2])
    (tmp_path / "flipped.pt2").write_bytes(small.replace(b"aten.linear.default", b'aten.linear"default'))
    (tmp_path / "nothing").mkdir()
    before = {p.name for p in tmp_path.iterdir()}
    for name in ("empty.pt2", "text.pt2", "cut.pt2", "flipped.pt2"):
        assert name in bad(BAD_INPUT, *command, name, cwd=tmp_path)
    assert bad(SYSTEM, *command, "missing.pt2", cwd=tmp_path) == "missing.pt2: cannot open: No such file or directory"
    code, _, err = tool(*command, "nothing", cwd=tmp_path)
    assert code in (BAD_INPUT, SYSTEM) and "nothing" in err
    assert {p.name for p in tmp_path.iterdir()} == before


def test_target_directory(made, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").write_text("a")
    (tmp_path / "none").mkdir()
    assert "exists and is not an empty directory" in bad(SYSTEM, "convert", made / "small.pt2", "-o", tmp_path / "full")
    good("convert", made / "small.pt2", "-o", tmp_path / "none")
    (tmp_path / "file").write_text("a")
    assert "exists" in bad(SYSTEM, "convert", made / "small.pt2", "-o", tmp_path / "file")
    for out in ("a/b", "a/b.mlir", "a/b.bc", "file/b.mlir"):
        assert "cannot create" in bad(SYSTEM, "convert", made / "small.pt2", "-o", tmp_path / out)
    assert (tmp_path / "file").read_text() == "a"
    good("convert", made / "small.pt2", "-o", tmp_path / "file", "--format=text")
    assert (tmp_path / "file").read_text().startswith("module")


def test_standard_output_that_is_full(made):
    for args in (["inspect", made / "small.pt2"], ["convert", made / "small.pt2", "-o-"], ["--help"], ["verify", made / "small.pt2"]):
        with open("/dev/full", "w") as full:
            code, _, err = tool(*args, stdout=full, capture_output=False, stderr=subprocess.PIPE)
        assert code == SYSTEM and err == "torch-stablehlo: standard output: cannot write: No space left on device\n"


@pytest.fixture
def tiny_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_disk_that_is_full(made, tiny_disk):
    for out in ("d", "m.bc", "m.mlir"):
        args = ["convert", made / ("big.pt2" if out == "d" else "small.pt2"), "-o", tiny_disk / out]
        if out != "d":
            (tiny_disk / "ballast").write_bytes(b"x" * (64 << 10))
        assert "No space left on device" in bad(SYSTEM, *args)
        (tiny_disk / "ballast").unlink(missing_ok=True)
        assert list(tiny_disk.iterdir()) == [], "something is left behind"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_directory_without_permission(made, tmp_path):
    tmp_path.chmod(0o555)
    assert "Permission denied" in bad(SYSTEM, "convert", made / "small.pt2", "-o", tmp_path / "d")


@pytest.mark.skipif(SANITIZED, reason="the limit on memory does not go with AddressSanitizer")
def test_weights_are_not_copied(made, tmp_path):
    """64 MiB of weights to a directory within 16 MiB of memory beyond the mapped file."""
    limit = 16 << 20
    good("convert", made / "big.pt2", "-o", tmp_path / "d", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert (tmp_path / "d/data/w").stat().st_size == (64 << 20) + 128


@pytest.mark.skipif(SANITIZED, reason="the limit on memory does not go with AddressSanitizer")
@pytest.mark.parametrize("command", [["convert", "-o-", "--format=bytecode"], ["inspect", "--json"]])
def test_no_memory(made, command):
    """Whatever there is of memory, once the program is loaded: it does its work or says that there is not enough."""

    def run(kb, *args):
        limit = (kb << 10, kb << 10)
        return subprocess.run([TOOL, *args], capture_output=True, timeout=60, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit))

    kb = next(kb for kb in range(64, 8192, 8) if run(kb, "--version").returncode == OK)
    tries = 0
    while (done := run(kb, *command, made / "small.pt2")).returncode != OK:
        assert done.returncode == SYSTEM and b"memory" in done.stderr and kb < 8192, (kb, done)
        kb, tries = kb + 4, tries + 1
    assert tries > 3


# -- run -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["small.pt2", "small_dir"])
@pytest.mark.parametrize("inputs", [
    ["x.npy", "n.npy"], ["x=x.npy", "n=n.npy"], ["n=n.npy", "x=x.npy"], ["n=n.npy", "x.npy"], ["n.npy", "0=x.npy"], ["./x.npy", "1=n.npy"],
])
def test_run(made, tmp_path, source, inputs):
    options = [o for i in inputs for o in ("--input", i)]
    assert good("run", source, *options, "--output", tmp_path / "y.npy", "--output", tmp_path / "m.npy", cwd=made) == ""
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.load(made / "y.npy"), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), np.load(made / "m.npy"))


def test_outputs_by_number_and_on_standard_output(made, tmp_path):
    base = ["run", made / "small.pt2", f"-i{made / 'x.npy'}", f"--input={made / 'n.npy'}"]
    assert good(*base, "-o", f"1={tmp_path / 'm.npy'}") == ""
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), np.load(made / "m.npy"))
    y, m = np.load(made / "y.npy"), np.load(made / "m.npy")
    lines = good(*base).splitlines()
    assert lines[1].split("  ", 1)[1].split() == ["i64[2]", f"[{m[0]},", f"{m[1]}]"]
    head = re.fullmatch(r"output 0    f32\[2,3\]  \[(.*)\]", lines[0])[1]
    np.testing.assert_allclose([float(v) for v in head.split(",")], y.ravel(), rtol=1e-4, atol=1e-5)


def test_other_types(made, tmp_path):
    out = good("run", made / "other.pt2", "-i", made / "z.npy").splitlines()
    assert out == [
        "output 0    f32[3]  [0, -inf, nan]", "output 1    bf16[3]  [1, 0, -1]", "output 2    i1[3]  [1, 0, 0]",
        "output 3    complex<f32>[3]  [1-1j, 0-0j, -1+1j]", f"output 4    i64[2]  [{2**62 + 1}, -5]",
    ]
    files = [tmp_path / f"{i}.npy" for i in range(5)]
    good("run", made / "other.pt2", "-i", made / "z.npy", *[o for f in files for o in ("-o", f)])
    z = torch.from_numpy(np.load(made / "z.npy"))
    for f, want in zip(files, Other()(z)):
        got = np.load(f)
        if want.dtype == torch.bfloat16:
            assert got.view(np.int16).tolist() == want.view(torch.int16).tolist()
        else:
            np.testing.assert_array_equal(got, want.numpy())


def test_repeat(made, tmp_path):
    out = good("run", made / "small.pt2", "-i", made / "x.npy", "-i", made / "n.npy", "--repeat", 5, "-o", tmp_path / "y.npy", "-o", tmp_path / "m.npy")
    first, median, fastest, slowest = map(float, re.fullmatch(
        r"first run ([\d.]+) ms, then 5: median ([\d.]+) ms, fastest ([\d.]+) ms, slowest ([\d.]+) ms\n", out).groups())
    assert 0 < fastest <= median <= slowest and first > 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.load(made / "y.npy"), rtol=1e-4, atol=1e-5)


def test_wrong_inputs(made, tmp_path):
    wants = "the program takes x f32[2,4], n i64[2]"
    y = ["-o", tmp_path / "y.npy", "-o", tmp_path / "m.npy"]

    def run(code, *inputs, options=y):
        return bad(code, "run", made / "small.pt2", *[o for i in inputs for o in ("-i", i)], *options, cwd=made)

    def save(name, a):
        np.save(tmp_path / f"{name}.npy", a)
        return tmp_path / f"{name}.npy"

    assert run(BAD_INPUT) == "0 of 2 inputs are given; there is no --input for x f32[2,4], n i64[2]"
    assert run(BAD_INPUT, "x.npy") == "1 of 2 inputs are given; there is no --input for n i64[2]"
    assert run(BAD_INPUT, "x.npy", "n.npy", "y.npy") == f"--input y.npy: there is no input left for 'y.npy'; {wants}"
    assert run(BAD_INPUT, "z=x.npy") == f"--input z=x.npy: there is no input 'z'; {wants}"
    assert run(BAD_INPUT, "2=x.npy") == f"--input 2=x.npy: there is no input '2'; {wants}"
    assert run(BAD_INPUT, "x=x.npy", "x=y.npy") == "y.npy: this input has a file already: x.npy"
    assert run(BAD_INPUT, "n.npy", "x.npy") == "n.npy: is i64[2], input 0 x wants f32[2,4]"
    a = save("a", np.zeros((4, 2), np.float32))
    assert run(BAD_INPUT, a, "n.npy") == f"{a}: is f32[4,2], input 0 x wants f32[2,4]"
    a = save("a", np.zeros((2, 4)))
    assert run(BAD_INPUT, a, "n.npy") == f"{a}: is f64[2,4], input 0 x wants f32[2,4]"
    a = save("a", np.asfortranarray(np.random.rand(2, 4).astype("f4")))
    assert run(UNSUPPORTED, a, "n.npy") == f"{a}: is stored column-major (fortran_order), wanted row-major"
    a = save("a", np.zeros((2, 4), ">f4"))
    assert "big-endian" in run(UNSUPPORTED, a, "n.npy")
    a.write_bytes((made / "x.npy").read_bytes()[:-1])
    assert "bytes of data" in run(BAD_INPUT, a, "n.npy")
    assert "is not a NumPy .npy file" in run(BAD_INPUT, "small.pt2", "n.npy")
    assert run(SYSTEM, "gone.npy", "n.npy") == "gone.npy: cannot open: No such file or directory"
    message = run(BAD_INPUT, "x.npy", "n.npy", options=["-o", "y2.npy"])
    assert message == "1 --output are given for 2 outputs; give all of them, or number those you want, as in --output 0=y.npy"
    assert run(BAD_INPUT, "x.npy", "n.npy", options=["-o", "2=y2.npy"]) == "--output 2=y2.npy: there is no output '2', there are 2, from 0 on"
    assert run(USAGE, "x.npy", "n.npy", options=["-o", "a.npy", "-o", "a.npy"]) == "run: two outputs go to one file: a.npy"
    assert "cannot create" in run(SYSTEM, "x.npy", "n.npy", options=["-o", "0=no/y.npy"])
    assert not (tmp_path / "y.npy").exists() and not (made / "y2.npy").exists()
    one_axis = save("b", np.asfortranarray(np.load(made / "n.npy")))
    good("run", made / "small.pt2", "-i", made / "x.npy", "-i", one_axis)


def test_directory_without_weights(made, tmp_path):
    good("convert", made / "small.pt2", "-o", tmp_path / "d", "--no-weights")
    assert "is not there: the directory was saved without weights" in bad(
        BAD_INPUT, "run", tmp_path / "d", "-i", made / "x.npy", "-i", made / "n.npy")


def test_directory_without_names(made, tmp_path):
    """As torch_xla writes it."""
    shutil.copytree(made / "small_dir", tmp_path / "d")
    (tmp_path / "d/functions/forward.torch_stablehlo.json").unlink()
    message = bad(BAD_INPUT, "run", tmp_path / "d", "-i", made / "x.npy")
    assert message == "1 of 2 inputs are given; there is no --input for 1 i64[2]"
    assert good("run", tmp_path / "d", "-i", f"1={made / 'n.npy'}", "-i", made / "x.npy").count("\n") == 2
    assert json.loads(good("inspect", "--json", tmp_path / "d"))["functions"][0]["inputs"][1]["name"] is None


def test_inputs_that_are_baked_in(tmp_path):
    class Baked(torch.nn.Module):
        def forward(self, k, x, nothing):
            return x * k, None

    x = torch.tensor([1.5, 2.5])
    torch.export.save(export(Baked(), 3, x, None), tmp_path / "b.pt2")
    np.save(tmp_path / "x.npy", x.numpy())
    good("convert", tmp_path / "b.pt2", "-o", tmp_path / "d")
    for source in ("b.pt2", "d"):
        for spelled in ("x.npy", "x=x.npy", "1=x.npy"):
            assert good("run", source, "-i", spelled, cwd=tmp_path) == "output 0    f32[2]  [4.5, 7.5]\n"
    assert "run      ok: on the file's sample inputs" in good("verify", tmp_path / "b.pt2")
    good("inspect", tmp_path / "b.pt2"), good("inspect", tmp_path / "d")


def test_program_without_inputs(tmp_path):
    class Constant(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("b", torch.arange(3))

        def forward(self):
            return self.b + 1

    torch.export.save(export(Constant()), tmp_path / "c.pt2")
    assert good("run", tmp_path / "c.pt2") == "output 0    i64[3]  [1, 2, 3]\n"
    assert "run      ok: on no inputs" in good("verify", tmp_path / "c.pt2")
    (tmp_path / "x.npy").write_bytes(b"")
    assert bad(BAD_INPUT, "run", tmp_path / "c.pt2", "-i", "x.npy").endswith("no input left for 'x.npy'; the program takes none")


def test_methods(made):
    assert bad(BAD_INPUT, "run", made / "small_dir", "--method", "frob") == "there is no method 'frob'; there are: forward"
    good("run", made / "small_dir", "--method", "forward", "-i", made / "x.npy", "-i", made / "n.npy")


def test_plugins(made, tmp_path):
    base = ["run", made / "small.pt2", "-i", made / "x.npy", "-i", made / "n.npy", "--plugin"]
    assert "./x.so: no such plugin file" == bad(PLUGIN, *base, "./x.so")
    assert "no PJRT plugin 'frob'" in bad(PLUGIN, *base, "frob")
    (tmp_path / "x.so").write_text("no library")
    assert "cannot be loaded" in bad(PLUGIN, *base, tmp_path / "x.so")
    fakes = BUILD / "src/pjrt/test"
    for name, message in [("other_major", "major versions must be the same"), ("too_old", "is too old"), ("none", "")]:
        assert message in bad(PLUGIN, *base, fakes / f"libfake_{name}.so")
    good(*base, "cpu")


# -- verify --------------------------------------------------------------------------------------------------


def test_verify(made):
    out = good("verify", made / "small.pt2")
    assert re.search(r"^convert  ok: StableHLO \d+\.\d+\.\d+, \d+ bytes of bytecode, verified$", out, re.M)
    assert re.search(r"^compile  ok: cpu, ", out, re.M)
    assert re.search(r"^run      ok: on the file's sample inputs, ", out, re.M)
    assert re.search(r"output 0    f32\[2,3\]  from -?[\d.]+ to -?[\d.]+, 0 NaN, 0 infinite$", out, re.M)
    assert "compare  nothing: no --expect is given, and files hold no expected outputs" in out
    out = good("verify", made / "other.pt2")
    assert "f32[3]  from 0 to 0, 1 NaN, 1 infinite" in out


def test_verify_against_what_is_expected(made, tmp_path):
    ok = ["--expect", made / "y.npy", "--expect", made / "m.npy"]
    out = good("verify", made / "small.pt2", *ok)
    assert "6 elements agree, rtol 0.0001, atol 1e-05" in out and "2 elements agree, exactly" in out and "nothing" not in out
    good("verify", made / "small_dir", *ok, "-i", made / "x.npy", "-i", made / "n.npy")
    y, m = np.load(made / "y.npy"), np.load(made / "m.npy")
    np.save(tmp_path / "y.npy", y + np.float32([[0, 0, 0], [0, 0.5, 0]]))
    code, out, err = tool("verify", made / "small.pt2", "-e", f"0={tmp_path / 'y.npy'}")
    assert code == DIFFERS and "1 of 1 outputs differ" in err
    assert re.search(r"1 of 6 elements DIFFER, .* the first is element 4: .*; largest difference 0\.5$", out, re.M)
    good("verify", made / "small.pt2", "-e", f"0={tmp_path / 'y.npy'}", "--atol=0.6")
    good("verify", made / "small.pt2", "-e", f"0={tmp_path / 'y.npy'}", "--rtol", "1e6")
    np.save(tmp_path / "m.npy", m + np.int64([0, 1]))
    code, out, _ = tool("verify", made / "small.pt2", "-e", f"1={tmp_path / 'm.npy'}", "--atol=9")
    assert code == DIFFERS and "1 of 2 elements DIFFER, exactly; the first is element 1" in out
    np.save(tmp_path / "n.npy", y * np.float32(np.nan))
    assert tool("verify", made / "small.pt2", "-e", f"0={tmp_path / 'n.npy'}")[0] == DIFFERS
    code, _, err = tool("verify", made / "small.pt2", "-e", f"0={made / 'x.npy'}")
    assert code == BAD_INPUT and "x.npy: is f32[2,4], output 0 is f32[2,3]" in err
    np.save(tmp_path / "log.npy", Other()(torch.from_numpy(np.load(made / "z.npy")))[0].numpy())
    good("verify", made / "other.pt2", "-e", f"0={tmp_path / 'log.npy'}")


def test_verify_without_samples(made):
    out = good("verify", made / "no_samples.pt2")
    assert out.endswith("run      not run: there are no sample inputs, and none are given by --input\n")
    assert "no samples to compute" not in out
    code, _, err = tool("verify", made / "no_samples.pt2", "-e", f"0={made / 'y.npy'}")
    assert code == BAD_INPUT and "has no sample inputs to compute what --expect names; give them by --input" in err
    good("verify", made / "no_samples.pt2", "-i", made / "x.npy", "-i", made / "n.npy", "-e", f"0={made / 'y.npy'}")
    code, _, err = tool("verify", made / "small.pt2", "--plugin", "frob")
    assert code == PLUGIN and "no PJRT plugin 'frob'" in err


# -- inspect -------------------------------------------------------------------------------------------------


def test_inspect_program(made):
    ep = torch.export.load(made / "small.pt2")
    info = json.loads(good("inspect", "--json", made / "small.pt2"))
    assert info["kind"] == "program" and info["path"] == str(made / "small.pt2") and info["nbytes"] == (made / "small.pt2").stat().st_size
    assert info["torch_version"] == torch.__version__ and info["samples"] == 2 and info["not_convertible"] is None
    ops = [str(n.target) for n in ep.graph.nodes if n.op == "call_function"]
    assert {o["name"]: o["count"] for o in info["ops"]} == {o: ops.count(o) for o in ops} and info["nodes"] == len(ops)
    (f,) = info["functions"]
    assert f["inputs"] == [{"name": "x", "position": 0, "dtype": "f32", "shape": [2, 4]}, {"name": "n", "position": 1, "dtype": "i64", "shape": [2]}]
    assert [(o["kind"], o["dtype"], o["shape"]) for o in f["outputs"]] == [("user", "f32", [2, 3]), ("user", "i64", [2])]
    assert f["parameters"] == {"count": 2, "elements": 15, "nbytes": 60} and f["buffers"] == {"count": 1, "elements": 3, "nbytes": 12}
    assert f["weights_by_dtype"] == {"f32": {"count": 3, "elements": 18, "nbytes": 72}}
    out = good("inspect", made / "small.pt2")
    for text in ("written by      torch " + torch.__version__, "x  f32[2,4]", "inputs: 2", "outputs: 2", "weights: 3", "aten.linear.default",
                 "StableHLO       needs version " + f["stablehlo_version"]):
        assert text in out


def test_inspect_directory(made):
    info = json.loads(good("inspect", made / "small_dir", "--json"))
    assert info["kind"] == "directory"
    (f,) = info["functions"]
    assert f["name"] == "forward" and f["parameters"]["count"] == 3 and f["weights_by_dtype"]["f32"]["nbytes"] == 72
    assert f["bytecode_nbytes"] == (made / "small_dir/functions/forward.bytecode").stat().st_size
    assert f["text_nbytes"] == (made / "small_dir/functions/forward.mlir").stat().st_size
    assert f["stablehlo_version"] == json.loads((made / "small_dir/functions/forward.meta").read_text())["stablehlo_version"]
    out = good("inspect", made / "small_dir")
    assert "function forward" in out and "saved as version " + f["stablehlo_version"] in out and "x  f32[2,4]" in out


def test_inspect_many_ops(made, tmp_path):
    class Many(torch.nn.Module):
        def forward(self, x):
            for f in (torch.sin, torch.cos, torch.tan, torch.exp, torch.abs, torch.neg, torch.sqrt, torch.floor, torch.ceil, torch.sign, torch.relu,
                      torch.sigmoid, torch.tanh, torch.erf, torch.square, torch.round):
                x = f(x)
            return torch.round(x)

    torch.export.save(export(Many(), torch.ones(2)), tmp_path / "many.pt2")
    out, every = good("inspect", tmp_path / "many.pt2"), good("inspect", "--ops", tmp_path / "many.pt2")
    assert "ops: 17 of 16 kinds\n       2  aten.round.default" in out and "and 4 kinds more, shown by --ops" in out and "kinds more" not in every
    assert every.count("aten.") == 16 and out.count("aten.") == 12


def test_inspect_dynamic_sizes(tmp_path):
    class Add(torch.nn.Module):
        def forward(self, x):
            return torch.cat([x, x])

    torch.export.save(export(Add(), torch.ones(3, 2), dynamic_shapes={"x": {0: torch.export.Dim("batch")}}), tmp_path / "dynamic.pt2")
    info = json.loads(good("inspect", "--json", tmp_path / "dynamic.pt2"))
    batch = info["functions"][0]["inputs"][0]["shape"]
    assert isinstance(batch[0], str) and batch[1] == 2
    assert info["functions"][0]["outputs"][0]["shape"][0].replace(" ", "") == f"2*{batch[0]}"


def test_strange_names(made, tmp_path):
    """Bytes that steer a terminal, or are no UTF-8, or need JSON's escapes."""
    for name in (b"\xc2\x9b31m.pt2", b'a"\\b\n.pt2', b"\x1b[31mred.pt2", b"\xff\xfe.pt2", "\u00e9\u6f22\U0001f600.pt2".encode(), b"\xed\xa0\x80.pt2"):
        path = os.fsencode(tmp_path) + b"/" + name
        shutil.copy(made / "small.pt2", path)
        out = subprocess.run([TOOL, "inspect", path, "--json"], capture_output=True, timeout=60).stdout
        got = json.loads(out.decode("utf-8"))["path"]
        assert got.endswith(name.decode(errors="replace")) or name.startswith(b"\xed")
        out = subprocess.run([TOOL, "inspect", path], capture_output=True, timeout=60).stdout
        assert b"\x1b" not in out and b"\x9b" not in out
        code, _, err = tool("inspect", path + b".gone")
        assert code == SYSTEM and "\x1b" not in err


# -- terminals -----------------------------------------------------------------------------------------------


def test_progress_is_for_terminals(made):
    master, slave = pty.openpty()
    done = subprocess.run([TOOL, "verify", made / "small.pt2"], stdout=subprocess.PIPE, stderr=slave, timeout=120)
    os.close(slave)
    shown = os.read(master, 4096).decode()
    os.close(master)
    assert done.returncode == OK and "compiling ..." in shown and shown.endswith("\r\x1b[K")


def test_bytecode_does_not_go_to_a_terminal(made):
    master, slave = pty.openpty()
    done = subprocess.run([TOOL, "convert", made / "small.pt2", "-o-", "--format=bytecode"], stdout=slave, stderr=subprocess.PIPE, timeout=60)
    os.close(slave)
    os.close(master)
    assert done.returncode == USAGE and b"not for a terminal" in done.stderr


# -- the library from C --------------------------------------------------------------------------------------


@pytest.mark.skipif(SANITIZED or not (shutil.which("meson") and shutil.which("pkg-config") and shutil.which("cc")), reason="takes meson, pkg-config, cc")
def test_example_builds_as_it_says(tmp_path):
    """The line in its first comment, against what is installed."""
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", tmp_path], check=True, capture_output=True)
    (pc,) = tmp_path.rglob("torch_stablehlo.pc")
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(tmp_path)}
    line = re.search(r"^ \*\t(cc .*)$", (ROOT / "examples/resnet18.c").read_text(), re.M)[1]
    shutil.copy(ROOT / "examples/resnet18.c", tmp_path)
    subprocess.run(["sh", "-c", line], check=True, env=env, cwd=tmp_path)
    assert (tmp_path / "resnet18").exists()
    (installed,) = tmp_path.rglob("bin/torch-stablehlo")
    assert subprocess.run([installed, "--version"], capture_output=True, check=True).stdout.startswith(b"torch-stablehlo ")


def test_example(tmp_path):
    class Classifier(torch.nn.Module):
        def forward(self, x):
            return x * 2

    x = torch.randn(2, 40, generator=torch.Generator().manual_seed(3))
    torch.export.save(export(Classifier(), x), tmp_path / "c.pt2")
    done = subprocess.run([BUILD / "examples/resnet18", tmp_path / "c.pt2", tmp_path / "d"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    got = [int(c) for c in re.findall(r"class +(\d+)", done.stdout)]
    assert got == torch.topk(x, 5).indices.flatten().tolist()
    assert (tmp_path / "d/functions/forward.bytecode").exists()
    np.save(tmp_path / "x.npy", np.ones((2, 40), "f4"))
    args = [BUILD / "examples/resnet18", tmp_path / "c.pt2", tmp_path / "d2", tmp_path / "x.npy"]
    assert subprocess.run(args, capture_output=True, timeout=120).returncode == 0
    assert len(Path(ROOT / "examples/resnet18.c").read_text().splitlines()) < 100
