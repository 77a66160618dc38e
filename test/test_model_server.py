"""TensorFlow's model server, where its binary is on this machine: it loads what we write, warm-up included, and answers many clients."""

import concurrent.futures
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from served import TO_SAVED_MODEL, good, same, served  # noqa: F401 (a fixture)
from serving import needs_tensorflow, tensorflow  # noqa: F401 (a fixture)

SERVER = shutil.which("tensorflow_model_server")
pytestmark = [needs_tensorflow, pytest.mark.skipif(SERVER is None, reason="tensorflow_model_server is not on this machine's PATH")]
CLIENTS, TIMES = 4, 12


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
        return json.load(answer)


def wait_until_available(url, process):
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            if ask(url)["model_version_status"][0]["state"] == "AVAILABLE":
                return
        except (urllib.error.URLError, KeyError, IndexError):
            pass
        time.sleep(0.1)
    raise AssertionError("the model did not become available within a minute")


@pytest.mark.parametrize("name", ["ResNet18", "Bert"])
def test_rest_and_grpc_under_load(name, served, tensorflow, tmp_path):  # noqa: F811
    s, port, grpc = served(name), free_port(), free_port()
    good(TO_SAVED_MODEL, s.directory, tmp_path / "model/1", "--warmup")
    url = f"http://127.0.0.1:{port}/v1/models/net"
    command = [SERVER, "--model_name=net", f"--model_base_path={tmp_path}/model", f"--rest_api_port={port}", f"--port={grpc}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_available(url, process)
        body = {"inputs": {k: a.tolist() for k, a in s.inputs.items()}}
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda _: ask(url + ":predict", body)["outputs"], range(TIMES)))
        by_grpc = tensorflow.predict(f"127.0.0.1:{grpc}", "net", "serving_default", s.inputs, CLIENTS, TIMES)
    finally:
        process.kill()
        process.wait()
    want = s.want()
    for got in by_grpc:
        s.check(got)
    for got in answers:
        got = got if isinstance(got, dict) else dict.fromkeys(want, got)        # one output comes without its name
        for key, w in want.items():
            same(np.array(got[key], w.dtype), w, key, 1e-4, 1e-4)
