"""src/bundle: NumPy files and the StableHLO directory, driven through src/bundle/test/bundle_tool.c.

What is right comes from outside: numpy.save for .npy files; for the directory the way torch_xla 2.9 writes and reads it
(pytorch/xla, torch_xla/stablehlo.py: _save_program_bundle, _load_program_bundle, stablehlo_obj_hook), restated below in
plain dicts.
"""
import filecmp
import io
import json
import os
import resource
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOL = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build")) / "src/bundle/test/bundle_tool"


def tool(*args, **kw):
    """(exit code, stdout, stderr); a sanitizer's report is never a mere failure."""
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, errors="replace", **kw)
    assert done.returncode in (0, 1) and "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def good(*args, **kw):
    code, out, err = tool(*args, **kw)
    assert code == 0, err
    return out


def bad(*args, **kw):
    code, _, err = tool(*args, **kw)
    assert code == 1 and err.strip(), "should have failed"
    return err.strip()


# ---- .npy ------------------------------------------------------------------------------------------------------

NUMPY_TYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]
SHAPES = [(), (0,), (1,), (3,), (2, 3), (2, 0, 3), (1, 1, 1), (4, 1, 5, 2), (123456,), (1,) * 30, (1,) * 64]


def values(dtype, shape):
    n = int(np.prod(shape))
    return np.random.default_rng(0).integers(0, 100, n).astype(dtype).reshape(shape)


def saved(x):
    b = io.BytesIO()
    np.save(b, x)
    return b.getvalue()


@pytest.mark.parametrize("dtype", NUMPY_TYPES)
def test_npy_is_numpys_byte_for_byte(tmp_path, dtype):
    for shape in SHAPES:
        for x in (values(dtype, shape), np.asfortranarray(values(dtype, shape))):
            (tmp_path / "in").write_bytes(saved(x))
            good("npy-copy", tmp_path / "in", tmp_path / "out")
            assert (tmp_path / "out").read_bytes() == saved(x), (shape, x.flags)


@pytest.mark.parametrize("version", [(2, 0), (3, 0)])
def test_npy_later_versions_are_read(tmp_path, version):
    x = values("f4", (3, 4))
    with open(tmp_path / "in", "wb") as f:
        np.lib.format.write_array(f, x, version=version)
    good("npy-copy", tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == saved(x)


@pytest.mark.parametrize("perm, step", [
    ((0, 1, 2), (1, 1, 1)), ((2, 1, 0), (1, 1, 1)), ((1, 0, 2), (1, 1, 1)), ((0, 2, 1), (1, 1, 1)), ((2, 0, 1), (1, 1, 1)),
    ((0, 1, 2), (2, 1, 1)), ((0, 1, 2), (1, 3, 1)), ((0, 1, 2), (1, 1, 2)), ((2, 0, 1), (3, 2, 2)), ((0, 1, 2), (99, 99, 1)),
    ((1, 0, 2), (1, 99, 1)),
])
@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8", "c16"])
def test_npy_of_a_view_is_numpys(tmp_path, dtype, perm, step):
    for order in "CF":
        x = np.array(values(dtype, (5, 6, 7)), order=order)
        np.save(tmp_path / "in.npy", x)
        view = x.transpose(perm)[tuple(slice(None, None, s) for s in step)]
        good("npy-view", tmp_path / "in.npy", tmp_path / "out", ",".join(map(str, perm)), ",".join(map(str, step)))
        assert (tmp_path / "out").read_bytes() == saved(view)


def test_packing_by_blocks_is_packing_at_once(tmp_path):
    """A directory's tensors are packed in 64 KiB blocks, which end anywhere in a row."""
    x = values("f4", (37, 61, 101))
    np.save(tmp_path / "in.npy", x)
    good("view-dir", tmp_path / "in.npy", tmp_path / "dir", "1,2,0", "1,1,2", "w")
    assert (tmp_path / "dir/data/w").read_bytes() == saved(x.transpose(1, 2, 0)[:, :, ::2])


def test_packing_takes_bounded_memory(tmp_path):
    if b"__asan_init" in TOOL.read_bytes():
        pytest.skip("the limit on memory does not go with AddressSanitizer")
    x = np.lib.format.open_memmap(tmp_path / "in.npy", "w+", "f4", (4096, 4096))      # 64 MiB, sparse
    x[-1, -1] = 1
    x.flush()
    limit = 16 << 20
    good("view-dir", tmp_path / "in.npy", tmp_path / "dir", "0,1", "1,2", "w",
         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
    assert np.array_equal(np.load(tmp_path / "dir/data/w"), x[:, ::2])


def npy(header, data=b"", version=(1, 0)):
    header = header.encode()
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version[0] == 1 else "<I", len(header)) + header + data


def test_npy_of_python_2(tmp_path):
    (tmp_path / "in").write_bytes(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }\n", b"\0" * 8))
    good("npy-copy", tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == saved(np.zeros((2, 1), "f4"))


@pytest.mark.parametrize("array, message", [
    (np.zeros(3, ">f4"), "descr '>f4' is big-endian, wanted little-endian"),
    (np.zeros(3, [("a", "f4")]), "a structured type"),
    (np.array(["abc"]), "descr '<U3'"),
    (np.array([b"abc"]), "descr '|S3'"),
    (np.array(["2020-01-01"], "M8[D]"), "descr '<M8[D]'"),
    (np.array([{}], object), "descr '|O'"),
    (np.zeros(2, np.longdouble), "descr '<f16'"),
])
def test_npy_types_that_are_refused(tmp_path, array, message):
    (tmp_path / "in").write_bytes(saved(array))
    assert message in bad("npy-copy", tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


F4 = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n"


@pytest.mark.parametrize("content, message", [
    (b"", "need 6 bytes at offset 0, have 0"),
    (b"PK\x03\x04 and more", "is not a NumPy .npy file"),
    (b"\x93NUMPY\x01", "need 1 bytes at offset 7, have 0"),
    (npy(F4 % "(1,)", b"1234", (4, 0)), ".npy version 4.0"),
    (npy(F4 % "(1,)", b"1234", (1, 1)), ".npy version 1.1"),
    (b"\x93NUMPY\x01\0\xff\xff{'descr'", "need 65535 bytes at offset 10, have 8"),
    (b"\x93NUMPY\x02\0\xff\xff\xff\xff{}", "need 4294967295 bytes at offset 12, have 2"),
    (npy(F4 % "(2, 3)", b"\0" * 23), "has 23 bytes of data, its header's shape wants 24"),
    (npy(F4 % "(2, 3)", b"\0" * 25), "has 25 bytes of data, its header's shape wants 24"),
    (npy(F4 % "(4611686018427387904, 4)"), "overflow"),
    (npy(F4 % "(0, 4611686018427387904, 4)"), "overflow"),
    (npy(F4 % "(99999999999999999999,)"), "does not fit in 64 bits"),
    (npy(F4 % "(-1,)"), "found '-', wanted a size"),
    (npy(F4 % "(1.5,)"), "found '.', wanted ',' or ')'"),
    (npy(F4 % "(1)", b"1234"), "shape is a number"),
    (npy(F4 % "[1]", b"1234"), "found '[', wanted a shape"),
    (npy(F4 % ("(" + "1, " * 65 + ")"), b"1234"), "more than 64 dimensions"),
    (npy(""), "header ends at byte 0 where '{' should be"),
    (npy("{'descr': '<f4', 'fortran_order': False}"), "header has no 'shape'"),
    (npy("{'shape': (), 'fortran_order': False}"), "header has no 'descr'"),
    (npy("{'descr': '<f4', 'shape': ()}"), "header has no 'fortran_order'"),
    (npy("{'descr': '<f4', 'descr': '<f4'}"), "each once"),
    (npy("{'descr': '<f4', 'x': 1}"), "wanted descr, fortran_order and shape"),
    (npy("{'descr': '<f4', 'fortran_order': 0}"), "found '0', wanted True or False"),
    (npy("{'descr': '<f4"), "the end of the string"),
    (npy("{'descr': '<\\x664'"), "the end of the string"),
    (npy("{'descr': __import__('os')"), "found '_', wanted a quoted string"),
    (npy(F4 % "()" + "x", b"1234"), "found 'x', wanted nothing more"),
    (npy("{'descr': '', 'fortran_order': False, 'shape': ()}"), "descr ''"),
    (npy("{'descr': '<f3', 'fortran_order': False, 'shape': ()}"), "descr '<f3'"),
    (npy("{'descr': '<V3', 'fortran_order': False, 'shape': ()}"), "descr '<V3'"),
])
def test_npy_broken(tmp_path, content, message):
    (tmp_path / "in").write_bytes(content)
    err = bad("npy-copy", tmp_path / "in", tmp_path / "out")
    assert message in err
    assert not (tmp_path / "out").exists()


def test_npy_truncated_anywhere(tmp_path):
    whole = saved(values("f4", (2, 3)))
    for n in range(0, len(whole), 7):
        (tmp_path / "in").write_bytes(whole[:n])
        bad("npy-copy", tmp_path / "in", tmp_path / "out")


# ---- a directory as torch_xla writes it -------------------------------------------------------------------------

def signature(shape, dtype, dynamic_dims=()):
    return {"shape": list(shape), "dtype": dtype, "dynamic_dims": list(dynamic_dims)}


def location(type_, position=-1, name=""):
    return {"type_": type_, "position": position, "name": name}


def meta(inputs, outputs=(), unused=(), name="forward", version="0.0.0", in_spec=None, out_spec=None):
    """inputs: (location, signature) pairs. The members of StableHLOFunctionMeta in their order."""
    return {
        "name": name, "stablehlo_version": version,
        "input_signature": [s for _, s in inputs], "output_signature": list(outputs),
        "input_locations": [l for l, _ in inputs], "unused_inputs": [list(u) for u in unused],
        "input_pytree_spec": in_spec, "output_pytree_spec": out_spec,
    }


def write_dir(path, metas, state_dict, constants, text="module {\n}\n", weights=True):
    """As _save_program_bundle does."""
    path.mkdir()
    if weights:
        (path / "data").mkdir()
        for key, x in state_dict.items():
            (path / "data" / key).write_bytes(saved(x))
    (path / "functions").mkdir()
    for m in metas:
        (path / "functions" / (m["name"] + ".meta")).write_text(json.dumps(m))
        (path / "functions" / (m["name"] + ".bytecode")).write_bytes(b"ML\xefR" + m["name"].encode())
        if text is not None:
            (path / "functions" / (m["name"] + ".mlir")).write_text(text)
    (path / "constants").mkdir()
    for i, x in enumerate(constants):
        (path / "constants" / str(i)).write_bytes(saved(x))


def read_dir(path):
    """As _load_program_bundle and stablehlo_obj_hook do: a member more or less, and a dict is no meta at all."""
    def only(d, *keys):
        assert set(d) == set(keys), "torch_xla would not take this dict: %s" % list(d)

    data = {}
    if (path / "data").exists():
        data = {f.name: np.load(f, allow_pickle=True) for f in (path / "data").iterdir()}
    constants = [x for _, x in sorted((int(f.name), np.load(f, allow_pickle=True)) for f in (path / "constants").iterdir())]
    metas, bytecode = [], {}
    for f in (path / "functions").iterdir():
        assert f.is_file()
        if f.name.endswith(".meta"):
            metas.append(json.loads(f.read_text()))
        elif f.name.endswith(".bytecode"):
            bytecode[os.path.splitext(f.name)[0]] = f.read_bytes()
    for m in metas:
        only(m, "name", "stablehlo_version", "input_signature", "output_signature", "input_locations", "unused_inputs",
             "input_pytree_spec", "output_pytree_spec")
        for s in m["input_signature"] + m["output_signature"] + [s for _, s in m["unused_inputs"]]:
            only(s, "shape", "dtype", "dynamic_dims")
        for l in m["input_locations"] + [l for l, _ in m["unused_inputs"]]:
            only(l, "type_", "position", "name")
        assert m["name"] in bytecode
    return metas, data, constants


def same_tree(a, b):
    c = filecmp.dircmp(a, b)
    return not c.left_only and not c.right_only and not filecmp.cmpfiles(a, b, c.common_files, shallow=False)[1] and \
        all(same_tree(a / d, b / d) for d in c.common_dirs)


STATE = {
    "conv.weight": values("f4", (8, 3, 3, 3)), "lin.weight": values("f8", (5, 7)).T, "bn.num_batches_tracked": np.array(7),
    "half": values("f2", (2, 2)), "mask": np.array([True, False]), "empty": np.zeros((0, 4), "f4"), "c": np.ones(2, "c8"),
    "b\u00fcrste \"x\\ \U0001f600\n": np.arange(3, dtype="u1"), "unused": np.arange(5, dtype="i2"),
}
CONSTANTS = [np.array(2.5, "f4"), values("i8", (3, 4))] + [np.array(i, "i4") for i in range(10)]


def parameter(name, x=None):
    x = STATE[name] if x is None else x
    return location("parameter", name=name), signature(x.shape, str(x.dtype))


def constant(i):
    return location("constant", i), signature(CONSTANTS[i].shape, str(CONSTANTS[i].dtype))


SPEC = '[1, {"type": "builtins.tuple", "context": "null", "children_spec": [{"type": null, "context": null, "children_spec": []}]}]'
FORWARD = meta([parameter(k) for k in STATE if k != "unused"] + [constant(i) for i in (0, 1, 11)] +
               [(location("input_arg", 1), signature([4, 3, 224, 224], "bfloat16", [0]))],
               [signature([4, 1000], "float32"), signature([], "bool")],
               [(location("input_arg", 0), signature([], "int")), (location("input_arg", 2), signature([2], "float8_e4m3fn"))],
               in_spec=SPEC, out_spec=SPEC)


@pytest.fixture
def model(tmp_path):
    write_dir(tmp_path / "model", [FORWARD, meta([], name="encode", version="1.9.0")], STATE, CONSTANTS)
    return tmp_path / "model"


def test_a_directory_of_torch_xla_is_read(model):
    got = json.loads(good("load", model))
    assert [f["name"] for f in got["functions"]] == ["encode", "forward"] and got["default"] == "forward"
    f = got["functions"][1]
    assert (f["version"], f["text"], f["bytecode"], f["in_spec"], f["out_spec"]) == ("0.0.0", 11, 11, SPEC, SPEC)
    names = [k for k in STATE if k != "unused"]
    assert [i[0] for i in f["inputs"]] == [[1, -1, k] for k in names] + [[2, i, ""] for i in (0, 1, 11)] + [[0, 1, ""]]
    assert [i[2] for i in f["inputs"]] == names + ["0", "1", "11", None]
    assert f["inputs"][-1][1] == {"dtype": "bf16", "shape": [4, 3, 224, 224], "dynamic": [0]}
    assert f["outputs"] == [[{"dtype": "f32", "shape": [4, 1000], "dynamic": []}, 0, None],
                            [{"dtype": "i1", "shape": [], "dynamic": []}, 0, None]]
    assert f["unused"] == [[[0, 0, ""], {"dtype": "int", "shape": [], "dynamic": []}],
                           [[0, 2, ""], {"dtype": "f8E4M3FN", "shape": [2], "dynamic": []}]]
    for name, x in STATE.items():
        assert got["data"][name]["shape"] == list(x.shape)
        assert x.size == 0 or got["data"][name]["stride"] == [s // x.itemsize for s in x.strides]
    assert list(got["constants"]) == [str(i) for i in range(12)]
    assert got["functions"][0]["version"] == "1.9.0"


def test_what_we_write_is_what_torch_xla_writes(model, tmp_path):
    good("resave", model, tmp_path / "again")
    assert same_tree(model, tmp_path / "again")
    metas, data, constants = read_dir(tmp_path / "again")
    assert FORWARD in metas and set(data) == set(STATE) and len(constants) == len(CONSTANTS)
    for name, x in STATE.items():
        assert np.array_equal(data[name], x) and data[name].dtype == x.dtype


def test_tensors_are_copied_from_open_files(model, tmp_path):
    good("resave", model, tmp_path / "again", "files")
    assert same_tree(model, tmp_path / "again")


def test_without_text_and_weights(model, tmp_path):
    good("resave", model, tmp_path / "a", "no-text", "no-weights")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["constants", "functions"]
    assert not list((tmp_path / "a/functions").glob("*.mlir"))
    got = json.loads(good("load", tmp_path / "a"))
    assert got["functions"][1]["inputs"][0][2] is None and got["functions"][1]["text"] == 0
    read_dir(tmp_path / "a")


def test_a_directory_that_went_through_git(tmp_path):
    """git drops empty directories."""
    write_dir(tmp_path / "m", [meta([])], {}, [])
    (tmp_path / "m/data").rmdir()
    (tmp_path / "m/constants").rmdir()
    good("load", tmp_path / "m")


def test_a_target_that_is_an_empty_directory(model, tmp_path):
    (tmp_path / "new").mkdir()
    good("resave", model, f"{tmp_path / 'new'}/")
    assert same_tree(model, tmp_path / "new")


def test_types_that_numpy_lacks(tmp_path):
    """ml_dtypes' arrays are opaque bytes in a .npy; the signature says what they are."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    types = ["bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"]
    state = {t: values("f4", (3, 5)).astype(getattr(ml_dtypes, t)) for t in types}
    write_dir(tmp_path / "m", [meta([parameter(t, x) for t, x in state.items()])], state, [])
    got = json.loads(good("load", tmp_path / "m"))
    assert [got["data"][t]["dtype"] for t in types] == ["bf16", "f8E4M3FN", "f8E4M3FNUZ", "f8E5M2", "f8E5M2FNUZ", "f8E8M0FNU"]
    good("resave", tmp_path / "m", tmp_path / "again")
    for t, x in read_dir(tmp_path / "again")[1].items():      # float8_e5m2 too, whose '<f1' NumPy itself cannot read
        assert np.array_equal(x.view("u%d" % x.itemsize), state[t].view("u%d" % x.itemsize))
        if t != "float8_e5m2":
            assert (tmp_path / "again/data" / t).read_bytes() == saved(state[t])
    for t, x in state.items():      # what numpy.save makes of an array that went through NumPy alone: '|V2'
        (tmp_path / "m/data" / t).write_bytes(saved(x.view("V%d" % x.itemsize)))
    good("load", tmp_path / "m")


def test_opaque_tensors_that_no_signature_names(tmp_path):
    write_dir(tmp_path / "m", [meta([])], {"x": np.zeros(3, "V1")}, [])
    assert json.loads(good("load", tmp_path / "m"))["data"]["x"]["dtype"] == "none"
    good("resave", tmp_path / "m", tmp_path / "again")


EXTRA = {"results": [{"kind": "user_output", "target": None}, {"kind": "buffer_mutation", "target": "bn.running_mean"},
                     {"kind": "user_input_mutation", "target": "x"}], "user_inputs": ["x", "m\u00e4sk"]}


def test_what_torch_xla_does_not_know_stands_in_a_file_of_its_own(tmp_path):
    outputs = [signature([2], "float32")] * 3
    write_dir(tmp_path / "m", [meta([], outputs)], {}, [])
    (tmp_path / "m/functions/forward.torch_stablehlo.json").write_text(json.dumps(EXTRA))
    f = json.loads(good("load", tmp_path / "m"))["functions"][0]
    assert [o[1:] for o in f["outputs"]] == [[0, None], [1, "bn.running_mean"], [2, "x"]] and f["user_inputs"] == ["x", "m\u00e4sk"]
    good("resave", tmp_path / "m", tmp_path / "again")
    assert same_tree(tmp_path / "m", tmp_path / "again")
    read_dir(tmp_path / "again")


def test_a_size_of_minus_one_is_dynamic(tmp_path):
    write_dir(tmp_path / "m", [meta([(location("input_arg", 0), signature([-1, 2, -1, 5], "float32", [3]))])], {}, [])
    good("resave", tmp_path / "m", tmp_path / "again")
    assert read_dir(tmp_path / "again")[0][0]["input_signature"] == [signature([-1, 2, -1, 5], "float32", [0, 2, 3])]


def test_metas_of_older_writers(tmp_path):
    """Releases before 2.2 wrote neither tree specs nor dynamic dims."""
    m = meta([(location("input_arg", 0), signature([2], "float32"))])
    for key in ("unused_inputs", "input_pytree_spec", "output_pytree_spec", "stablehlo_version"):
        del m[key]
    del m["input_signature"][0]["dynamic_dims"]
    write_dir(tmp_path / "m", [m], {}, [])
    f = json.loads(good("load", tmp_path / "m"))["functions"][0]
    assert (f["version"], f["in_spec"], f["unused"]) == ("0.0.0", None, [])


# ---- directories that are refused -------------------------------------------------------------------------------

def change(path, **members):
    def edit(d):
        file = d / path
        m = json.loads(file.read_text())
        m.update(members)
        file.write_text(json.dumps(m))
    return edit


def write(path, content):
    def edit(d):
        (d / path).parent.mkdir(exist_ok=True)
        (d / path).write_bytes(content)
    return edit


def remove(*paths):
    def edit(d):
        for p in paths:
            shutil.rmtree(d / p) if (d / p).is_dir() else (d / p).unlink()
    return edit


def one_input(l, s):
    return change("functions/forward.meta", input_locations=[l], input_signature=[s])


META = "functions/forward.meta"
W = location("parameter", name="w")


@pytest.mark.parametrize("edit, place, message", [
    (remove("functions"), "", "is not a StableHLO directory: it has no functions/"),
    (remove(META), "functions", "has no .meta file"),
    (remove("functions/forward.bytecode", "functions/forward.mlir"), "functions/forward", "has neither bytecode nor text"),
    (write("functions/other.meta", json.dumps(meta([])).encode()), "functions", "two are named 'forward'"),
    (write(META, b""), META, ""),
    (write(META, b'{"name": "forward", '), META, ""),
    (write(META, b"[]"), META, "the document is a list, wanted an object"),
    (write(META, b"\xff\xfe"), META, ""),
    (write(META, b"[" * 100000), META, ""),
    (write(META, b"{}"), META, '"name" is missing, wanted a string'),
    (change(META, name=1), META, '"name" is a number, wanted a string'),
    (change(META, name="../evil"), META, "the name cannot be a file's"),
    (change(META, name="a\0b"), META, '"name" holds a NUL character'),
    (change(META, name=""), META, "a function has no name"),
    (change(META, stablehlo_version="new"), META, "stablehlo_version is 'new', wanted three numbers such as 1.9.0"),
    (change(META, stablehlo_version="1.2.3.4"), META, "stablehlo_version is '1.2.3.4'"),
    (change(META, input_signature={}), META, '"input_signature" is an object, wanted a list'),
    (change(META, input_signature=[]), META, '"input_locations" has 3 items, "input_signature" has 0; wanted one for each'),
    (change(META, input_locations=[1, 2, 3]), META, "a location is a number, wanted an object"),
    (change(META, output_signature=[7]), META, "a signature is a number, wanted an object"),
    (change(META, output_signature=[signature([2], "float33")]), META, '"dtype": "float33" is no element type of torch'),
    (change(META, output_signature=[signature([-2], "float32")]), META, "a size must be a whole number from -1"),
    (change(META, output_signature=[signature([2.5], "float32")]), META, "a size must be a whole number"),
    (change(META, output_signature=[signature([2], "float32", [1])]), META, "a dynamic dim must be a whole number from 0 to 0"),
    (change(META, unused_inputs=[[1]]), META, "an unused input must be a pair"),
    (change(META, input_pytree_spec=[]), META, '"input_pytree_spec" is a list, wanted a string'),
    (one_input(location("weights", name="w"), signature([4, 3], "float32")), META, '"type_" is not input_arg, parameter or constant'),
    (one_input(location("input_arg"), signature([4, 3], "float32")), META, 'needs a "position"'),
    (one_input(location("parameter"), signature([4, 3], "float32")), META, 'a parameter needs a "name"'),
    (one_input(W, signature([4, 4], "float32")), META, "input 0: data/w is float32[4,3], the signature says float32[4,4]"),
    (one_input(W, signature([12], "float32")), META, "input 0: data/w is float32[4,3], the signature says float32[12]"),
    (one_input(W, signature([4, 3], "int32")), META, "input 0: data/w is float32[4,3], the signature says int32[4,3]"),
    (one_input(W, signature([5, 5], "float32", [0])), META, "input 0: data/w is float32[4,3], the signature says float32[?,5]"),
    (one_input(location("parameter", name="v"), signature([], "float32")), META, "input 0: there is no data/v"),
    (one_input(location("parameter", name="../w"), signature([], "float32")), META, "parameter '../w': the name cannot be a file's"),
    (one_input(location("constant", 1), signature([], "float32")), META, "input 0: there is no constants/1"),
    (one_input(location("constant", 0), signature([], "float64")), META, "input 0: constants/0 is float32[], the signature says float64[]"),
    (write("data/w", b""), "data/w", "need 6 bytes at offset 0, have 0"),
    (write("data/w", saved(np.zeros((4, 3), "f4"))[:-1]), "data/w", "has 47 bytes of data, its header's shape wants 48"),
    (write("data/w", saved(np.zeros(12, "V1"))), META, "data/w is 1-byte opaque[12], the signature says float32[4,3]"),
    (write("data/.DS_Store", b"x"), "data/.DS_Store", ""),
    (write("data/sub/w", b"x"), "data/sub", "is not a regular file"),
    (write("constants/x", b"x"), "constants", "has 2 entries, none named 1; wanted the numbers from 0 on"),
    (write("constants/01", b"x"), "constants", "none named 1"),
    (write("functions/forward.torch_stablehlo.json", b"{}"), "functions/forward.torch_stablehlo.json", '"results" is missing'),
    (write("functions/forward.torch_stablehlo.json", b'{"results": [], "user_inputs": []}'), "functions/forward.torch_stablehlo.json",
     '"results" has 0 items, the function has 1 outputs'),
    (write("functions/forward.torch_stablehlo.json", b'{"results": [{"kind": "loss"}], "user_inputs": []}'),
     "functions/forward.torch_stablehlo.json", '"kind" is not user_output'),
    (write("functions/forward.torch_stablehlo.json", b'{"results": [{"kind": "buffer_mutation"}], "user_inputs": []}'),
     "functions/forward.torch_stablehlo.json", 'a mutation or gradient needs a "target"'),
])
def test_broken_directories(tmp_path, edit, place, message):
    d = tmp_path / "m"
    state, consts = {"w": np.zeros((4, 3), "f4")}, [np.array(1, "f4")]
    inputs = [(W, signature([4, 3], "float32")), (location("constant", 0), signature([], "float32")),
              (location("input_arg", 0), signature([2], "float32"))]
    write_dir(d, [meta(inputs, [signature([2], "float32")])], state, consts)
    good("load", d)
    edit(d)
    err = bad("load", d)
    assert err.startswith(str(d / place)) and message in err, err


def test_no_directory(tmp_path):
    assert bad("load", tmp_path / "none") == f"{tmp_path}/none: is not a directory"
    (tmp_path / "file").write_text("x")
    assert bad("load", tmp_path / "file") == f"{tmp_path}/file: is not a directory"


# ---- saves that fail, and leave nothing -------------------------------------------------------------------------

def left(path):
    return sorted(p.name for p in path.iterdir())


@pytest.mark.parametrize("name, message", [
    ("", "a tensor has no name"), ("..", "tensor '..': the name cannot be a file's"), (".", "tensor '.'"),
    ("a/b", "tensor 'a/b'"), ("/etc/x", "tensor '/etc/x'"), ("../x", "tensor '../x'"), (b"\xff", "is not UTF-8"),
    (b"\xed\xa0\x80", "is not UTF-8"), ("x" * 300, "cannot create the file"),
])
def test_names_that_cannot_be_files(tmp_path, name, message):
    np.save(tmp_path / "in.npy", np.zeros(3, "f4"))
    os.mkdir(tmp_path / "out")
    done = subprocess.run([TOOL, "view-dir", tmp_path / "in.npy", tmp_path / "out/dir", "0", "1", name], capture_output=True)
    assert done.returncode == 1 and message in done.stderr.decode(errors="replace")
    assert left(tmp_path / "out") == []


def test_a_target_that_is_not_empty(model, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    assert "exists and is not an empty directory" in bad("resave", model, out)
    assert left(out) == ["mine"]
    assert "exists and is not an empty directory" in bad("resave", model, out / "mine")
    assert (out / "mine").read_text() == "mine" and left(tmp_path) == ["model", "out"]


def test_a_place_that_cannot_be_written(model, tmp_path):
    assert "No such file or directory" in bad("resave", model, tmp_path / "none/out")
    (tmp_path / "file").write_text("x")
    bad("resave", model, tmp_path / "file/out")
    if os.geteuid():
        (tmp_path / "ro").mkdir(mode=0o500)
        assert "Permission denied" in bad("resave", model, tmp_path / "ro/out")
    assert "out" not in left(tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk(model, tmp_path, small_disk):
    good("resave", model, small_disk / "small")
    (model / "data/big").write_bytes(saved(np.zeros(1 << 18, "f4")))
    assert f"{small_disk}/big/data/big: cannot write: No space left on device" in bad("resave", model, small_disk / "big")
    assert "No space left" in bad("resave", model, small_disk / "big", "files")
    np.save(tmp_path / "in.npy", np.zeros((512, 512), "f4"))
    assert "No space left" in bad("view-dir", tmp_path / "in.npy", small_disk / "big", "0,1", "1,2", "w")
    assert left(small_disk) == ["small"]
    shutil.rmtree(small_disk / "small")
    (model / "functions/forward.bytecode").write_bytes(b"x" * (1 << 20))
    assert "forward.bytecode: cannot write" in bad("resave", model, small_disk / "big", "no-weights")
    assert left(small_disk) == []


def test_every_allocation_fails_in_turn(tmp_path):
    """A large meta, so that the arena grows often."""
    inputs = [(location("input_arg", i), signature([1] * 16, "float32")) for i in range(9000)]
    write_dir(tmp_path / "m", [meta(inputs)], {}, [])
    failed = int(good("alloc", tmp_path / "m", tmp_path / "out"))
    assert failed > 5 and same_tree(tmp_path / "m", tmp_path / "out") and left(tmp_path) == ["m", "out"]
