"""SavedModels that are not written: what is wrong is said, nothing half-written stays, and what was there stays as it was."""

import json
import os
import resource
import signal
import subprocess

import ml_dtypes
import numpy as np
import pytest

import handmade
from handmade import constant, function, signature, user, weight
from served import CONVERT, TO_SAVED_MODEL, files, good, left, run

OK, BAD_INPUT, USAGE, UNSUPPORTED, SYSTEM = range(5)

# What torch and StableHLO have and TensorFlow has not (tensorflow/core/framework/types.proto).
FOREIGN = "float8_e8m0fnu"
IDENTITY = "func.func @main(%x: tensor<2x{t}>) -> tensor<2x{t}> {{ return %x : tensor<2x{t}> }}"


def refused(code, directory, target, *options, **kw):
    """The message; below the target's parent nothing has changed."""
    parent = target.parent
    before = files(parent) if parent.exists() else None
    got, err = run(TO_SAVED_MODEL, directory, target, *options, **kw)
    assert got == code and err.startswith("stablehlo-to-saved-model: "), (got, err)
    assert (files(parent) if parent.exists() else None) == before
    return err


# -- element types ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["input", "unused input", "weight", "constant"])
def test_types_that_tensorflow_has_not(where, tmp_path):
    """Named with the type and where it stands."""
    odd, f32 = signature([2], FOREIGN), signature([2])
    at = {"input": user(0), "unused input": user(0), "weight": weight("scale"), "constant": constant(0)}[where]
    text = IDENTITY.format(t="f32" if where == "unused input" else "f8E8M0FNU")
    inputs = [(user(1), f32)] if where == "unused input" else [(at, odd)]
    f = function(text, inputs, [inputs[0][1]], unused=[(at, odd)] if where == "unused input" else ())
    value = np.ones(2, ml_dtypes.float8_e8m0fnu)
    weights, constants = {"scale": value} if where == "weight" else {}, [value] if where == "constant" else []
    d = handmade.write(tmp_path / "d", [f], weights, constants)
    err = refused(UNSUPPORTED, d, tmp_path / "out/1")
    assert "f8E8M0FNU" in err or FOREIGN in err, err
    assert "TensorFlow has no type for" in err
    assert not (tmp_path / "out").exists() or left(tmp_path / "out") == []


def test_a_result_that_tensorflow_has_not(tmp_path):
    text = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf8E8M0FNU> {\n" \
           "  %0 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xf8E8M0FNU>\n  return %0 : tensor<2xf8E8M0FNU> }"
    d = handmade.write(tmp_path / "d", [function(text, [(user(0), signature([2]))], [signature([2], FOREIGN)])])
    err = refused(UNSUPPORTED, d, tmp_path / "m")
    assert "output 'output_0' is f8E8M0FNU" in err, err


def test_writing_to_an_input(tmp_path):
    text = IDENTITY.format(t="f32")
    f = function(text, [(user(0), signature([2]))], [signature([2])], results=[("user_input_mutation", "x")], user_inputs=["x"])
    err = refused(UNSUPPORTED, handmade.write(tmp_path / "d", [f]), tmp_path / "m")
    assert "writes to its input 'x'" in err, err


# -- broken directories ---------------------------------------------------------------------------------------------


def edit_meta(d, **members):
    path = d / "functions/forward.meta"
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


def shorten(path, n):
    path.write_bytes(path.read_bytes()[:n])


BREAK = {
    "no such directory": (lambda d: d.rename(d.with_name("gone")), "cannot open: No such file or directory"),
    "no functions": (lambda d: [f.unlink() for f in (d / "functions").iterdir()], "has no .meta file"),
    "a meta that is no JSON": (lambda d: (d / "functions/forward.meta").write_text("{"), "forward.meta"),
    "a weight that is not there": (lambda d: (d / "data/w").rename(d / "data/v"), "there is no data/w"),
    "half a weight": (lambda d: shorten(d / "data/w", 140), "data/w"),
    "a weight of another shape": (lambda d: np.save(open(d / "data/w", "wb"), np.zeros((2, 2), "f")), "the signature says"),
    "no bytecode": (lambda d: (d / "functions/forward.bytecode").unlink(), "bytecode"),
    "empty bytecode": (lambda d: shorten(d / "functions/forward.bytecode", 0), "bytecode"),
    "bytecode that is none": (lambda d: (d / "functions/forward.bytecode").write_bytes(b"x" * 100), "bytecode"),
    "text for bytecode": (lambda d: (d / "functions/forward.bytecode").write_text(handmade.LINEAR), "bytecode"),
    "a position past the inputs": (
        lambda d: edit_meta(d, input_locations=[weight("w"), user(7)]), "position"),
    "no weights": (lambda d: (d / "data/w").unlink(), "saved without weights"),
}


@pytest.mark.parametrize("how", BREAK)
def test_broken_directories(how, tmp_path):
    d, _ = handmade.linear(tmp_path / "d")
    change, message = BREAK[how]
    change(d)
    err = refused(SYSTEM if how == "no such directory" else BAD_INPUT, d, tmp_path / "out/m")
    assert message in err, err


def test_a_program_without_weights(tmp_path):
    """save_weights=False and export_weights=False: no data/, and an empty one."""
    d, _ = handmade.linear(tmp_path / "d")
    (d / "data/w").unlink()
    assert "'w'" in refused(BAD_INPUT, d, tmp_path / "m")
    (d / "data").rmdir()
    assert "'w'" in refused(BAD_INPUT, d, tmp_path / "m")


# -- the target -------------------------------------------------------------------------------------------------------


def test_a_target_that_is_taken(tmp_path):
    d, _ = handmade.linear(tmp_path / "d")
    good(TO_SAVED_MODEL, d, tmp_path / "m/1", "-k", "older")
    err = refused(BAD_INPUT, d, tmp_path / "m/1") if run(TO_SAVED_MODEL, d, tmp_path / "m/1")[0] == BAD_INPUT \
        else refused(SYSTEM, d, tmp_path / "m/1")
    assert "exists and is not an empty directory" in err, err
    assert left(tmp_path / "m") == ["1"]
    (tmp_path / "m/2").mkdir()
    good(TO_SAVED_MODEL, d, tmp_path / "m/2")               # an empty directory may be there
    assert left(tmp_path / "m") == ["1", "2"]


def limited(nbytes):
    """For a child: no file may grow past so many bytes, as on a full disk."""
    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, nbytes))
    return {"preexec_fn": prepare, "restore_signals": False}


@pytest.mark.parametrize("room", [0, 100, 2000, 5000, 100_000])
def test_a_file_that_cannot_grow(room, tmp_path):
    """saved_model.pb, the index and the data fail in turn; an older version beside it stays whole."""
    d, _ = handmade.linear(tmp_path / "d")
    good(TO_SAVED_MODEL, d, tmp_path / "m/1")
    np.save(open(d / "data/big", "wb"), np.zeros(1 << 16, "f"))
    bigger = function(handmade.BIG, [(weight("big"), signature([1 << 16])), (user(0), signature([1 << 16]))], [signature([1 << 16])],
                      name="forward")
    (d / "functions/forward.meta").unlink()
    (d / "functions/forward.bytecode").unlink()
    (d / "functions/forward.meta").write_text(json.dumps(bigger[0]))
    (d / "functions/forward.bytecode").write_bytes(bigger[1])
    err = refused(SYSTEM, d, tmp_path / "m/2", **limited(room))
    assert "m/2" in err and "too large" in err, err
    assert left(tmp_path / "m") == ["1"]
    good(TO_SAVED_MODEL, d, tmp_path / "m/2")


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a full disk is NOT checked: needs the right to mount a small tmpfs")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk(tmp_path, small_disk):
    small, _ = handmade.linear(tmp_path / "small")
    good(TO_SAVED_MODEL, small, small_disk / "m/1")
    big = handmade.write(tmp_path / "big", [function(
        handmade.BIG, [(weight("big"), signature([1 << 16])), (user(0), signature([1 << 16]))], [signature([1 << 16])])],
        {"big": np.ones(1 << 16, "f")})
    err = refused(SYSTEM, big, small_disk / "m/2")
    assert "No space left on device" in err, err
    assert left(small_disk / "m") == ["1"] and left(small_disk) == ["m"]
    assert "No space left" in refused(SYSTEM, big, small_disk / "new/deep/1")
    assert "deep" not in left(small_disk / "new") if (small_disk / "new").exists() else True


def test_convert_leaves_nothing_either(tmp_path):
    """The same from torch-stablehlo convert."""
    d, _ = handmade.linear(tmp_path / "d")
    (d / "data/w").unlink()
    code, err = run(CONVERT, "convert", d, "-o", tmp_path / "out", "--format", "saved-model")
    assert code == BAD_INPUT and "saved without weights" in err and left(tmp_path) == ["d"], err
