"""This package under torch_xla's names, for scripts written for its exporter."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

from . import runtime, stablehlo
from .core import xla_model
from .device import device

_OURS = "torch_stablehlo"


def _sync(*args, **kwargs):
    """Nothing: programs run when they are called, and a call returns when its results are there."""


def _clear_metrics():
    """Nothing: there are none."""


def _metrics_report():
    """No counters: nothing falls back to torch, so there is nothing that torch_xla would count."""
    return ""


def _spmd(name):
    """A name of torch_xla.distributed.spmd; the module needs torch, which is imported no sooner."""
    return getattr(importlib.import_module(f"{_OURS}.distributed.spmd"), name)


def _package(name, **names):
    """An empty package with these names: other submodules of torch_xla are then not found, by Python's own message."""
    module = types.ModuleType(name, f"{_OURS} under the name {name}")
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, origin=_OURS, is_package=True)
    module.__path__ = []
    module.__dict__.update(names)
    return module


class _Experimental(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """torch_xla.experimental.NAME is torch_stablehlo.experimental.NAME, loaded when it is imported: most define operators of torch."""

    def find_spec(self, name, path=None, target=None):
        ours = _OURS + name.removeprefix("torch_xla")
        if name.startswith("torch_xla.experimental.") and importlib.util.find_spec(ours):
            return importlib.machinery.ModuleSpec(name, self, origin=_OURS)

    def exec_module(self, module):
        sys.modules[module.__name__] = importlib.import_module(_OURS + module.__name__.removeprefix("torch_xla"))


def installed_torch_xla():
    """Where torch_xla itself is found; None: it is not, or is this package."""
    found = importlib.util.find_spec("torch_xla")
    return found if found is not None and found.origin != _OURS else None


def install_as_torch_xla(force=False):
    """Makes ``import torch_xla``, ``torch_xla.stablehlo``, ``torch_xla.tf_saved_model_integration``, ``torch_xla.core.xla_model``,
    ``torch_xla.distributed.spmd`` and ``torch_xla.runtime`` give this package, in this process.

    Raises RuntimeError when torch_xla itself is installed, unless ``force``. To call it twice does nothing.
    """
    found = None if force else installed_torch_xla()
    if found is not None:
        raise RuntimeError(f"torch_xla is installed ({found.origin}); force=True puts torch_stablehlo in its place all the same")
    if getattr(getattr(sys.modules.get("torch_xla"), "__spec__", None), "origin", None) == _OURS:
        return
    for name in [n for n in sys.modules if n == "torch_xla" or n.startswith("torch_xla.")]:
        del sys.modules[name]
    from . import tf_saved_model_integration  # here, so that it can be run as a module of its own

    experimental = _package("torch_xla.experimental")
    metrics = _package("torch_xla.debug.metrics", clear_all=_clear_metrics, metrics_report=_metrics_report)
    debug = _package("torch_xla.debug", metrics=metrics)
    below = _package("torch_xla.core", xla_model=xla_model)
    spmd = _package("torch_xla.distributed.spmd", __getattr__=_spmd)
    distributed = _package("torch_xla.distributed", spmd=spmd)
    sys.modules["torch_xla"] = _package(
        "torch_xla",
        core=below,
        debug=debug,
        experimental=experimental,
        distributed=distributed,
        runtime=runtime,
        stablehlo=stablehlo,
        tf_saved_model_integration=tf_saved_model_integration,
        device=lambda index=None: device(),
        sync=_sync,
        save_as_stablehlo=stablehlo.save_as_stablehlo,
        save_torch_model_as_stablehlo=stablehlo.save_torch_model_as_stablehlo,
    )
    sys.modules["torch_xla.debug"] = debug
    sys.modules["torch_xla.experimental"] = experimental
    sys.modules["torch_xla.debug.metrics"] = metrics
    sys.modules["torch_xla.core"] = below
    sys.modules["torch_xla.core.xla_model"] = xla_model
    sys.modules["torch_xla.distributed"] = distributed
    sys.modules["torch_xla.distributed.spmd"] = spmd
    sys.modules["torch_xla.runtime"] = runtime
    sys.modules["torch_xla.stablehlo"] = stablehlo
    sys.modules["torch_xla.tf_saved_model_integration"] = tf_saved_model_integration
    sys.meta_path.insert(0, _Experimental())
    stablehlo.like_torch_xla["quantized_types"] = True
