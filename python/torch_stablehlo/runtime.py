"""``torch_xla.runtime``'s names, as far as a script of its exporter uses them."""

from .device import pjrt_device


def global_runtime_device_count():
    """How many devices the plugin has."""
    return pjrt_device().count


def use_spmd(auto=False):
    """Nothing: programs with shardings always run so."""


def is_spmd():
    return True
