"""What the table of signatures needs where torch is not: its classes, nested values as plain ones, and directories loaded and called with
NumPy arrays. As a program: signature_worker.py JOBS RESULTS, pickles of [(directory, args, kwargs)] and of [values or the message]."""

import collections
import dataclasses
import pickle
import sys
import traceback

import numpy as np


@dataclasses.dataclass
class Point:
    x: object
    y: object


Pair = collections.namedtuple("Pair", "first second")


def plain(x):
    """Nested values as dicts and lists of (type, array), so that they can be pickled and compared. What a process without torch cannot know,
    a class of the user's, is its fields."""
    if dataclasses.is_dataclass(x):
        x = vars(x)
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        return (str(x.dtype).removeprefix("torch."), x.to_dense().contiguous().view(_bytes()).numpy() if x.dim() else x.reshape(1).view(_bytes()).numpy())
    x = np.asarray(x)
    return (x.dtype.name, np.ascontiguousarray(x).reshape(x.shape or (1,)).view(np.uint8))


def _bytes():
    import torch

    return torch.uint8


def numpy_of(x):
    """Arguments as they are given where torch is not."""
    if dataclasses.is_dataclass(x):
        return type(x)(**{k: numpy_of(v) for k, v in vars(x).items()})
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(numpy_of, x))
    if isinstance(x, dict):
        return {k: numpy_of(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(map(numpy_of, x))
    if not hasattr(x, "detach"):
        return x
    name = str(x.dtype).removeprefix("torch.")
    if x.dtype.is_floating_point and x.dtype.itemsize < 4 and name != "float16":
        import ml_dtypes

        return x.contiguous().reshape(-1).view(_bytes()).numpy().view(getattr(ml_dtypes, name)).reshape(tuple(x.shape))
    return x.detach().numpy()


def main(jobs, results):
    from torch_stablehlo import StableHLOGraphModule

    out = []
    for directory, args, kwargs in pickle.load(open(jobs, "rb")):
        try:
            out.append(plain(StableHLOGraphModule.load(directory)(*args, **kwargs)))
        except Exception:
            out.append(traceback.format_exc())
    assert "torch" not in sys.modules
    pickle.dump(out, open(results, "wb"))


if __name__ == "__main__":
    main(*sys.argv[1:])
