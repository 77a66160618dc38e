"""inspect: what it says of a SavedModel, against what TensorFlow says of the same; and files that are broken."""

import json
import random
import shutil
import subprocess

import pytest
from served import CONVERT, run, served  # noqa: F401 (a fixture)
from serving import needs_tensorflow, tensorflow  # noqa: F401 (fixtures)

pytestmark = needs_tensorflow

HLO = {"float32": "f32", "bfloat16": "bf16", "int64": "i64", "float64": "f64", "bool": "i1", "uint8": "ui8", "int32": "i32"}
BAD_INPUT = 1


def inspect(path):
    return json.loads(subprocess.run([CONVERT, "inspect", "--json", path], capture_output=True, check=True, timeout=60).stdout)


def told(fields, name):
    return {f[name]: {"dtype": f["dtype"], "shape": f["shape"]} for f in fields}


def wanted(fields):
    return {k: {"dtype": HLO.get(f["dtype"], f["dtype"]), "shape": f["shape"]} for k, f in fields.items()}


@pytest.mark.parametrize("name", ["Bert", "Integers", "ResNet18", "NoWeights"])
def test_says_what_tensorflow_says(name, served, tensorflow):  # noqa: F811
    path = served(name).saved_model
    ours, theirs = inspect(path), tensorflow.load(path)
    graph = ours["graphs"][0]
    assert graph["tags"] == ["serve"] and len(ours["graphs"]) == 1
    said = {s["key"]: s for s in graph["signatures"]}
    assert set(said) == set(theirs["signatures"])
    for key, signature in theirs["signatures"].items():
        assert told(said[key]["inputs"], "key") == wanted(signature["inputs"])
        assert told(said[key]["outputs"], "key") == wanted(signature["outputs"])
    arrays = tensorflow.variables(theirs["object"])
    assert len(ours["variables"]) == len(arrays)
    assert ours["variables_nbytes"] == sum(a.nbytes for a in arrays.values())
    assert [m["version"] for m in graph["functions"]] == [m["version"] for m in tensorflow.meta_graph(path)["modules"]]


def broken(good_path, tmp_path, file, change):
    path = tmp_path / "broken"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(good_path, path)
    data = bytearray((path / file).read_bytes())
    (path / file).write_bytes(bytes(change(data)))
    return path


def flip(data, at):
    data[at] ^= 0x40
    return data


def test_every_flipped_byte_of_an_index_is_seen(served, tmp_path):  # noqa: F811
    """Its blocks have checksums; only zeros that fill the footer may change."""
    path = served("Integers").saved_model
    index = "variables/variables.index"
    size = (path / index).stat().st_size
    silent = []
    for at in range(0, size, max(1, size // 150)):
        code, err = run(CONVERT, "inspect", broken(path, tmp_path, index, lambda d: flip(d, at)))
        assert code in (0, BAD_INPUT) and (code == 0 or "variables.index" in err), err
        if code == 0:
            silent.append(at)
    assert all(size - 48 <= at < size - 8 for at in silent), silent


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index"])
def test_cut_files(file, served, tmp_path):  # noqa: F811
    path = served("Bert").saved_model
    for part in (0, 1, 10, 60, 99):
        cut = broken(path, tmp_path, file, lambda d: d[: len(d) * part // 100])
        code, err = run(CONVERT, "inspect", cut)
        if file.endswith("index"):
            assert code == BAD_INPUT and "variables.index" in err
        else:
            assert code in (0, BAD_INPUT)       # a message may end where a field does


def test_noise_never_crashes(served, tmp_path):  # noqa: F811
    path, rng = served("Bert").saved_model, random.Random(0)

    def noise(data):
        for _ in range(8):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return data

    for _ in range(40):
        code, _ = run(CONVERT, "inspect", broken(path, tmp_path, "saved_model.pb", noise))
        assert code in (0, BAD_INPUT)


def test_a_cut_data_file_is_named(served, tmp_path):  # noqa: F811
    data = "variables/variables.data-00000-of-00001"
    code, err = run(CONVERT, "inspect", broken(served("Bert").saved_model, tmp_path, data, lambda d: d[:-100]))
    assert code == BAD_INPUT and "variables.data-00000-of-00001" in err


def test_the_text_form_is_refused(tmp_path):
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1")
    code, err = run(CONVERT, "inspect", tmp_path)
    assert code != 0 and "pbtxt" in err
