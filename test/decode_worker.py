"""Greedy decoding of a saved program where torch is not: decode_worker.py DIRECTORY STEPS how. A call takes a token and its position: "plain" as
arguments, "transformers" as TorchExportableModuleWithStaticCache does. Prints the tokens, how often it was compiled, and the shapes of its state."""

import json
import sys

import numpy as np

CALLS = {
    "plain": lambda token, at: ((np.array([token]), np.array([at])), {}),
    "transformers": lambda token, at: ((), {"input_ids": np.array([[token]]), "cache_position": np.array([at])}),
}


def main(directory, steps, how):
    from torch_stablehlo import StableHLOGraphModule
    from torch_stablehlo._lib import lib

    program, token, tokens = StableHLOGraphModule.load(directory), 1, []
    for i in range(int(steps)):
        args, kwargs = CALLS[how](token, i)
        token = int(np.asarray(program(*args, **kwargs)).argmax())
        tokens.append(token)
    compiled = [lib.tshlo_runner_ncompiled(r) for r in program._model.method(None)._runners.values()]
    assert "torch" not in sys.modules
    print(json.dumps({"tokens": tokens, "compiled": compiled, "state": {k: list(v.shape) for k, v in program.state().items()}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
