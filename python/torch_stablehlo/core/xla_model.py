"""``torch_xla.core.xla_model``'s names, as far as a script of its exporter uses them."""

from ..device import device as _device
from ..device import pjrt_device as _pjrt_device


def xla_device(n=None, devkind=None):
    """A torch.device that ``.to()`` takes (see torch_stablehlo.device)."""
    return _device()


def xla_device_hw(device):
    """The kind of hardware: "CPU", "CUDA", "TPU"."""
    return _pjrt_device().platform.upper()


def mark_step(wait=False, reset_scope=True):
    """Nothing: programs run when they are called."""


def wait_device_ops(devices=()):
    """Nothing: a call returns when its results are there."""


def _no_lazy_tensors(name):
    raise NotImplementedError(
        f"{name}: tensors are not traced here; export the model and call exported_program_to_stablehlo() on the program"
    )


def get_stablehlo(tensors=None):
    _no_lazy_tensors("get_stablehlo")


def get_stablehlo_bytecode(tensors=None):
    _no_lazy_tensors("get_stablehlo_bytecode")
