"""What a SavedModel does where it is served: TensorFlow in a process of its own (tf_worker.py) and TensorFlow's C API
(tf_session.c), both started once and kept, and the tools that write SavedModels."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import tf_worker

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("TORCH_STABLEHLO_BUILD", ROOT / "build"))
PATIENCE = 240                       # seconds for one answer
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None
SESSION = BUILD / "test/tf_session"

needs_tensorflow = pytest.mark.skipif(not HAS_TENSORFLOW, reason="SavedModels are NOT checked: no tensorflow package")


class TensorFlowError(Exception):
    """What the worker's command raised: "Type: message"."""


class Process:
    """A child that answers a line with a line. A child that died is told about with the end of its log, and started anew."""

    def __init__(self, argv, env):
        self.argv, self.env, self.child, self.log = argv, {**os.environ, **env}, None, None

    def start(self):
        self.log = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=self.env)

    def ask(self, line):
        if self.child is None:
            self.start()
        if line is not None:
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.flush()
        timer = threading.Timer(PATIENCE, self.child.kill)
        timer.start()
        answer = self.child.stdout.readline()
        timer.cancel()
        if not answer.endswith(b"\n"):
            code = self.child.wait()
            self.log.seek(0)
            tail = self.log.read().decode(errors="replace")[-3000:]
            self.stop()
            raise AssertionError(f"{self.argv[0]} died with {code}:\n{tail}")
        return answer.decode().rstrip("\n")

    def stop(self):
        if self.child:
            self.child.stdin.close()
            self.child.wait(30)
            self.child.stdout.close()
        self.child = None


class TensorFlow:
    """Calls of the worker's commands: tensorflow.load(path), tensorflow.signature(number, key, inputs), ..."""

    def __init__(self):
        self.process = Process(
            [sys.executable, os.path.join(os.path.dirname(__file__), "tf_worker.py")],
            {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow", "LD_PRELOAD": ""},
        )

    def __getattr__(self, command):
        def call(*args, **kwargs):
            if self.process.child is None:
                self.process.start()
                self.process.ask(None)           # the version: TensorFlow is imported
            args = [os.fspath(a) if isinstance(a, Path) else a for a in args]
            answer = json.loads(self.process.ask(json.dumps(tf_worker.encode((command, args, kwargs)))))
            if "error" in answer:
                raise TensorFlowError(answer["error"])
            return tf_worker.decode(answer["ok"])

        return call


class Session:
    """test/tf_session.c: TF_LoadSessionFromSavedModel and TF_SessionRun."""

    def __init__(self):
        self.process = Process([os.fspath(SESSION)], {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"})

    def run(self, path, key, inputs, outputs, folder):
        """inputs: arrays by signature name; outputs: {name: dtype name}. A path that is the last call's again keeps its session,
        and so its variables."""
        folder = Path(tempfile.mkdtemp(dir=folder))
        fields = [os.fspath(path), key]
        for i, (name, a) in enumerate(inputs.items()):
            np.save(folder / f"in{i}.npy", a)
            fields += ["<", name, f"{folder}/in{i}.npy"]
        for i, name in enumerate(outputs):
            fields += [">", name, f"{folder}/out{i}.npy"]
        assert not any("\t" in f or "\n" in f for f in fields)
        answer = self.process.ask("\t".join(fields))
        if answer != "ok":
            raise TensorFlowError(answer)
        return {name: load_array(folder / f"out{i}.npy", dtype) for i, (name, dtype) in enumerate(outputs.items())}


def load_array(path, dtype):
    """A .npy of a type that NumPy may know as opaque bytes only."""
    a, dtype = np.load(path), tf_worker.dtype_of(dtype)
    return a.view(dtype) if a.dtype.kind == "V" else a


@pytest.fixture(scope="session")
def tensorflow():
    if not HAS_TENSORFLOW:
        pytest.skip("SavedModels are NOT checked: no tensorflow package")
    worker = TensorFlow()
    yield worker
    worker.process.stop()


@pytest.fixture(scope="session")
def c_session():
    if not SESSION.exists():
        pytest.skip(f"TensorFlow's C API is NOT checked: {SESSION} was not built (meson found no tensorflow package)")
    session = Session()
    yield session
    session.process.stop()
