"""``torch_xla.core.xla_model``'s names, as far as an exporter's script uses them."""

from ..device import device as _device


def xla_device(n=None, devkind=None):
    """A torch.device that ``.to()`` takes (see torch_stablehlo.device)."""
    return _device()


def mark_step():
    """Nothing: programs run when they are called."""


def wait_device_ops():
    """Nothing: a call returns when its results are there."""
