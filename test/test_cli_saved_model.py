"""src/cli: SavedModels from the command line, by the tool stablehlo-to-saved-model and by torch-stablehlo convert. What is in them
is read by TensorFlow; whether it computes what it should is test_saved_model.py's matter.
"""
import os
import re
import shutil

import numpy as np
import pytest
import torch

from serving import needs_tensorflow, tensorflow  # noqa: F401  (a fixture)
from test_cli import BAD_INPUT, BUILD, ROOT, SYSTEM, UNSUPPORTED, USAGE, Small, bad, export, filecmp_tree, good, tool

SAVER = BUILD / "src/cli/stablehlo-to-saved-model"
OPTIONS = ["serving-key", "function-alias", "input-names", "output-names", "platforms", "warmup", "target"]
FILES = {"saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}


def save(*args, **kw):
    return good(*args, program=SAVER, **kw)


def refused(code, *args, **kw):
    return bad(code, *args, program=SAVER, **kw)


def files(d):
    return {str(p.relative_to(d)) for p in d.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """small.pt2, its directory `one`, and `two` and `none`: directories with two methods, of which one is the default, or none."""
    d = tmp_path_factory.mktemp("cli_saved_model")
    x, n = torch.randn(2, 4), torch.tensor([1, 2**60])
    torch.export.save(export(Small(), x, n), d / "small.pt2")
    good("convert", d / "small.pt2", "-o", d / "one")
    for name in ("other", "third"):
        good("convert", d / "small.pt2", "-o", d / name, "--method", name)
    for target, first, second in (("two", "one", "other"), ("none", "other", "third")):
        shutil.copytree(d / first, d / target)
        for f in (d / second / "functions").iterdir():
            shutil.copy(f, d / target / "functions")
    return d


# -- the command line itself ---------------------------------------------------------------------------------


def test_help_and_version():
    out = save("--help")
    assert save("-h") == out and save("a", "--help") == out and out.startswith("usage: stablehlo-to-saved-model [options] DIR OUT\n")
    assert set(re.findall(r"--([a-z-]+)", out.split("\n\n")[2])) == {*OPTIONS, "help"}
    assert "Exit codes" in out and max(map(len, out.splitlines())) <= 80
    assert re.fullmatch(r"stablehlo-to-saved-model \d+\.\d+\.\d+ \(StableHLO up to 1\.\d+\.\d+\)\n", save("--version"))


def test_docs_tell_every_option():
    section = (ROOT / "docs/cli.md").read_text().split("## stablehlo-to-saved-model\n")[1].split("\n## ")[0]
    assert all(f"`--{o}" in section for o in OPTIONS)


@pytest.mark.parametrize(
    "args, message",
    [
        ([], "no file is given: wanted DIR OUT; see 'stablehlo-to-saved-model --help'"),
        (["a"], "no output is given: wanted DIR OUT; see 'stablehlo-to-saved-model --help'"),
        (["a", "b", "c"], "two names are wanted, and here is another: c; see 'stablehlo-to-saved-model --help'"),
        (["a", "b", "-k"], "needs a value: -k; see 'stablehlo-to-saved-model --help'"),
        (["a", "b", "--frob"], "no such option: --frob; see 'stablehlo-to-saved-model --help'"),
        (["a", "b", "-o", "c"], "no such option: -o; see 'stablehlo-to-saved-model --help'"),
        (["a", "b", "--warmup=1"], "takes no value: --warmup; see 'stablehlo-to-saved-model --help'"),
        (["a", "b", "--platforms", "cpu", "--platforms", "tpu"], "given twice: --platforms; see 'stablehlo-to-saved-model --help'"),
    ],
)
def test_wrong_usage(args, message):
    assert refused(USAGE, *args) == message


@pytest.mark.parametrize("option", [["-k", "x"], ["-a", "x"], ["--input-names=x"], ["--output-names=x"], ["--platforms=cpu"], ["--warmup"]])
@pytest.mark.parametrize("to", ["m.mlir", "m.bc", "m"])
def test_convert_has_the_options_for_saved_models_only(option, to, made, tmp_path):
    message = bad(USAGE, "convert", made / "small.pt2", "-o", tmp_path / to, *option)
    assert re.fullmatch(r"convert: --[a-z-]+ is for --format saved-model", message)
    assert list(tmp_path.iterdir()) == []


def test_what_convert_refuses_of_saved_models(made, tmp_path):
    to = ("-o", tmp_path / "m", "--format=saved-model")
    assert "cannot go to standard output" in bad(USAGE, "convert", made / "small.pt2", "-o-", "--format=saved-model")
    assert bad(USAGE, "convert", made / "small.pt2", *to, "--no-weights") == "convert: --no-weights is for directories"
    assert bad(USAGE, "convert", made / "small.pt2", *to, "--no-text") == "convert: --no-text is for directories"
    assert "--method is for .pt2 files" in bad(UNSUPPORTED, "convert", made / "one", *to, "--method=forward")
    assert "--inline-weights is for .pt2 files" in bad(UNSUPPORTED, "convert", made / "one", *to, "--inline-weights")
    assert list(tmp_path.iterdir()) == []


# -- what is written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["one", "small.pt2"])
def test_both_tools_write_the_same(source, made, tmp_path):
    assert save(made / source, tmp_path / "a") == ""
    assert good("convert", made / source, "-o", tmp_path / "b", "--format", "saved-model") == ""
    assert files(tmp_path / "a") == FILES and filecmp_tree(tmp_path / "a", tmp_path / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"], "something is left behind"


def test_a_version_of_a_model_that_is_not_there_yet(made, tmp_path):
    save(made / "one", tmp_path / "models/small/1")
    save(made / "one", tmp_path / "models/small/2")
    assert files(tmp_path / "models/small/1") == files(tmp_path / "models/small/2") == FILES


@pytest.mark.parametrize("key", [["-k", "K"], ["-kK"], ["--serving_key", "K"], ["--serving-key=K"], ["-k", "forward=K"], ["--serving_key=forward=K"]])
@pytest.mark.parametrize("alias", [["-a", "A"], ["--function_alias=A"], ["--function-alias", "forward=A"]])
def test_spellings(key, alias, made, tmp_path):
    save(made / "one", tmp_path / "want", "-k", "K", "-a", "A")
    save(*alias, made / "one", *key, tmp_path / "got")
    good("convert", made / "one", "-o", tmp_path / "converted", "--format=saved-model", *key, *alias)
    assert filecmp_tree(tmp_path / "want", tmp_path / "got") and filecmp_tree(tmp_path / "want", tmp_path / "converted")


def test_warmup_adds_one_file(made, tmp_path):
    save(made / "one", tmp_path / "w", "--warmup")
    assert files(tmp_path / "w") == FILES | {"assets.extra/tf_serving_warmup_requests"}


@needs_tensorflow
def test_names(made, tmp_path, tensorflow):  # noqa: F811
    def signature(*options):
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        save(made / "one", tmp_path / "m", *options)
        meta = tensorflow.meta_graph(tmp_path / "m")
        ((key, s),) = ((k, s) for k, s in meta["signatures"].items() if not k.startswith("__"))
        return key, set(s["inputs"]), set(s["outputs"]), list(meta["aliases"].values())

    assert signature() == ("serving_default", {"x", "n"}, {"output_0", "output_1"}, [])
    assert signature("-k", "predict", "-a", "fn") == ("predict", {"x", "n"}, {"output_0", "output_1"}, ["fn"])
    got = signature("--input-names=image,count", "--output-names", "scores,next")
    assert got == ("serving_default", {"image", "count"}, {"scores", "next"}, [])


@needs_tensorflow
def test_names_by_method(made, tmp_path, tensorflow):  # noqa: F811
    def signatures(directory, *options):
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        save(made / directory, tmp_path / "m", *options)
        meta = tensorflow.meta_graph(tmp_path / "m")
        return {k: set(s["inputs"]) for k, s in meta["signatures"].items() if not k.startswith("__")}, sorted(meta["aliases"].values())

    assert signatures("two")[0] == {"serving_default": {"x", "n"}, "other": {"x", "n"}}
    got = signatures("two", "-k", "a", "-k", "other=b", "--input-names=other=p,q", "-a", "forward=f", "-a", "other=g")
    assert got == ({"a": {"x", "n"}, "b": {"p", "q"}}, ["f", "g"])
    assert set(signatures("none", "-k", "other=a", "-k", "third=b")[0]) == {"a", "b"}


@needs_tensorflow
@pytest.mark.parametrize("given, want", [(None, []), ("cpu", ["CPU"]), ("CUDA", ["CUDA"]), ("cpu,cuda,rocm,tpu", ["CPU", "CUDA", "ROCM", "TPU"])])
def test_platforms(given, want, made, tmp_path, tensorflow):  # noqa: F811
    save(made / "small.pt2", tmp_path / "m", *([] if given is None else ["--platforms", given]))
    (module,) = tensorflow.meta_graph(tmp_path / "m")["modules"]
    assert module["platforms"] == want
    save(made / "one", tmp_path / "d", *([] if given is None else ["--platforms", given]))
    assert tensorflow.meta_graph(tmp_path / "d")["modules"][0]["platforms"] == want


def test_several_platforms_of_a_directory_that_says_version_0_0_0(made, tmp_path):
    """As torch_xla's directories do."""
    shutil.copytree(made / "one", tmp_path / "d")
    meta = tmp_path / "d/functions/forward.meta"
    text = re.sub(r'("stablehlo_version": *)"[^"]*"', r'\1"0.0.0"', meta.read_text())
    assert '"0.0.0"' in text
    meta.write_text(text)
    save(tmp_path / "d", tmp_path / "m", "--platforms", "cpu,cuda")
    assert b"StableHLO_v1.0.0" in (tmp_path / "m/saved_model.pb").read_bytes()


def test_target(made, tmp_path):
    save(made / "small.pt2", tmp_path / "m", "--target", "0.14.0")
    assert b"StableHLO_v0.14.0" in (tmp_path / "m/saved_model.pb").read_bytes()
    assert refused(BAD_INPUT, made / "small.pt2", tmp_path / "n", "--target=1.9") == "'1.9' is no StableHLO version, wanted one like 1.9.0"
    save(made / "one", tmp_path / "n", "--target=1.20.0")
    assert b"StableHLO_v1.20.0" in (tmp_path / "n/saved_model.pb").read_bytes()


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "directory, options, code, message",
    [
        ("one", ["-k", "nope=x"], BAD_INPUT, "--serving-key nope=x: there is no such method; there are: forward"),
        ("two", ["--input-names", "nope=x"], BAD_INPUT, "--input-names nope=x: there is no such method; there are: forward, other"),
        ("none", ["-a", "x"], BAD_INPUT, "--function-alias x: there is more than one method, write METHOD=VALUE: other, third"),
        ("one", ["-k", "a", "-k", "forward=b"], USAGE, "--serving-key is given twice for method 'forward'"),
        ("one", ["--output-names=a,b", "--output-names=a,b"], USAGE, "--output-names is given twice for method 'forward'"),
        ("small.pt2", ["--platforms", "cpu,gpu"], BAD_INPUT, "the platform is 'GPU', wanted CPU, CUDA, ROCM or TPU"),
        ("one", ["--platforms="], BAD_INPUT, "the platform is '', wanted CPU, CUDA, ROCM or TPU"),
        ("one", ["--input-names", "x"], BAD_INPUT, "method 'forward': 1 input names are given, it has 2"),
        ("one", ["--output-names", "a,b,c"], BAD_INPUT, "method 'forward': 3 output names are given, it has 2"),
        ("one", ["--output-names", "a,a"], BAD_INPUT, "method 'forward': two outputs are called 'a'"),
        ("one", ["--input-names", "a b,c"], BAD_INPUT, "'a b'"),
        ("one", ["--input-names", ",c"], BAD_INPUT, "''"),
        ("two", ["-k", "other"], BAD_INPUT, "'other'"),
        ("one", ["-k", ""], BAD_INPUT, "a signature cannot be called ''"),
    ],
)
def test_what_is_refused(directory, options, code, message, made, tmp_path):
    assert message in refused(code, made / directory, tmp_path / "m", *options)
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(made, tmp_path):
    save(made / "one", tmp_path / "there")
    before = {f: (tmp_path / "there" / f).stat().st_mtime_ns for f in FILES}
    assert str(tmp_path / "there") in refused(SYSTEM, made / "one", tmp_path / "there")
    assert {f: (tmp_path / "there" / f).stat().st_mtime_ns for f in files(tmp_path / "there")} == before
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in tool(made / "one", tmp_path / "file", program=SAVER)[2]
    assert refused(SYSTEM, made / "one", tmp_path / "file/below")
    (tmp_path / "empty").mkdir()
    save(made / "one", tmp_path / "empty")
    assert files(tmp_path / "empty") == FILES


def test_what_is_no_directory(made, tmp_path):
    (tmp_path / "x").mkdir()
    assert str(tmp_path / "x") in tool(tmp_path / "x", tmp_path / "m", program=SAVER)[2]
    assert refused(SYSTEM, tmp_path / "gone", tmp_path / "m").startswith(f"{tmp_path}/gone: cannot open")
    np.save(tmp_path / "x.npy", np.ones(3))
    assert refused(BAD_INPUT, tmp_path / "x.npy", tmp_path / "m")
    shutil.copytree(made / "one", tmp_path / "cut")
    os.truncate(tmp_path / "cut/data/fc.weight", 100)
    assert "fc.weight" in refused(BAD_INPUT, tmp_path / "cut", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_directory_without_weights(made, tmp_path):
    good("convert", made / "small.pt2", "-o", tmp_path / "d", "--no-weights")
    assert "saved without weights" in refused(BAD_INPUT, tmp_path / "d", tmp_path / "m")
    assert not (tmp_path / "m").exists()
