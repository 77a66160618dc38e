"""Devices of PJRT plugins."""

import importlib.util
import os
import pathlib
import threading

from ._lib import check, ffi, lib, text
from ._tensors import DeviceArray, host_tensor

_lock = threading.Lock()
_devices = {}


def _installed_cpu():
    """The CPU plugin of the package xla-cpu-pjrt where this interpreter would import it from; None when it is not installed."""
    spec = importlib.util.find_spec("xla_plugins")
    places = [] if spec is None else spec.submodule_search_locations
    found = [p for p in (pathlib.Path(d, "xla_cpu_pjrt", "xla_cpu_pjrt.so") for d in places) if p.exists()]
    return str(found[0]) if found else None


def _choose(plugin):
    """What to open: the library itself knows where plugins usually lie, but not this interpreter's path."""
    wants_cpu = plugin == "cpu" or (plugin is None and not os.environ.get("PJRT_PLUGIN_LIBRARY_PATH"))
    return (_installed_cpu() or plugin) if wants_cpu else plugin


class Device:
    """One device of a plugin, open until the process ends. ``name`` ("TFRT_CPU_0"), ``platform`` ("cpu", "cuda", "tpu"),
    ``plugin`` (its path), ``is_host`` (its memory is this process's), ``count`` (devices of the plugin)."""

    def __init__(self, plugin, index):
        which = _choose(plugin)
        self._handle = check(lib.tshlo_device_open, ffi.NULL if which is None else os.fsencode(which), index)
        self.name = text(lib.tshlo_device_name(self._handle))
        self.platform = text(lib.tshlo_device_platform(self._handle))
        self.plugin = text(lib.tshlo_device_plugin(self._handle))
        self.is_host = lib.tshlo_device_is_host(self._handle)
        self.count = lib.tshlo_device_count(self._handle)
        self._cache_dir = None
        if os.environ.get("TORCH_STABLEHLO_CACHE"):
            self.cache_dir = os.environ["TORCH_STABLEHLO_CACHE"]

    @property
    def cache_dir(self):
        """Where compiled programs are kept for later processes, which load instead of compiling what is the same, for the same plugin and
        machine; None: nowhere. TORCH_STABLEHLO_CACHE unless set, before anything is compiled. Put nothing else there: plugins trust it."""
        return self._cache_dir

    @cache_dir.setter
    def cache_dir(self, path):
        check(lib.tshlo_device_cache, self._handle, ffi.NULL if path is None else os.fsencode(path))
        self._cache_dir = path

    def put(self, x, name="x"):
        """x (a torch tensor, a NumPy array, a DLPack object) as a :class:`DeviceArray`. On a host device the memory is shared
        where it can be: do not change x while the DeviceArray is in use. name: what messages call it."""
        slot = ffi.new("tshlo_tensor *")
        alive = host_tensor(x, slot, name)
        return DeviceArray(check(lib.tshlo_buffer_new, self._handle, slot), self, alive)

    def __repr__(self):
        return f"Device({self.name}, platform={self.platform})"


def pjrt_device(plugin=None, index=0):
    """The device, opened once per process. plugin: a path, a name ("cpu", "cuda", "tpu"), or None: the plugin that
    PJRT_PLUGIN_LIBRARY_PATH names, else XLA's CPU. Raises StableHLOError with the places looked at."""
    with _lock:
        key = (plugin, index)
        if key not in _devices:
            _devices[key] = Device(plugin, index)
        return _devices[key]


def device():
    """The torch.device that inputs are moved to with ``.to()``: the host's, where moving costs nothing. On an accelerator inputs
    stay host tensors until the call, and results come back as host tensors."""
    import torch

    pjrt_device()
    return torch.device("cpu")
