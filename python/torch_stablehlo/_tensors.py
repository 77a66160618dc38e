"""Tensors of any library in, and out of device memory without a copy."""

import sys

import numpy as np

from ._lib import BadInputError, check, dtype_code, ffi, lib, text

_numpy_codes = {}


def _numpy_code(dtype):
    if dtype not in _numpy_codes:
        name = {"complex64": "complex64", "complex128": "complex128"}.get(dtype.name, dtype.name)
        _numpy_codes[dtype] = dtype_code(name)
    return _numpy_codes[dtype]


class DeviceArray:
    """A tensor in a device's memory.

    ``shape`` is a tuple of ints, ``dtype`` torch's name of the element type ("float32"). :meth:`numpy` and :meth:`torch` give
    its elements; on a host device without a copy, for as long as what they return lives.
    """

    def __init__(self, handle, owner=None):
        self._handle = ffi.gc(handle, lib.tshlo_buffer_free)
        self._owner = owner  # memory that the plugin uses in place
        info = ffi.new("tshlo_tensor *")
        lib.tshlo_buffer_info(self._handle, info)
        self._data = info.data
        self._code = info.dtype
        self.shape = tuple(info.dims[i] for i in range(info.rank))
        self.dtype = text(lib.tshlo_dtype_torch_name(info.dtype))

    def _bytes(self):
        """A writable buffer over the elements that keeps this object's memory alive."""
        n = lib.tshlo_buffer_nbytes(self._handle)
        if self._data != ffi.NULL:
            handle = self._handle
            pointer = ffi.gc(ffi.cast("char *", self._data), lambda _: (handle, None)[1])
            return ffi.buffer(pointer, n)
        out = bytearray(n)
        check(lib.tshlo_buffer_read, self._handle, ffi.from_buffer("char[]", out) if n else ffi.NULL, n)
        return out

    def torch(self):
        """A torch.Tensor on the CPU."""
        import torch

        dtype = getattr(torch, self.dtype)
        if 0 in self.shape:
            return torch.empty(self.shape, dtype=dtype)
        return torch.frombuffer(self._bytes(), dtype=dtype).reshape(self.shape)

    def numpy(self):
        """A numpy.ndarray; bfloat16 and the 8-bit floats need the package ml_dtypes."""
        try:
            dtype = np.dtype(self.dtype)
        except TypeError:
            import ml_dtypes

            dtype = np.dtype(getattr(ml_dtypes, self.dtype))
        return np.frombuffer(self._bytes(), dtype=dtype).reshape(self.shape)

    __array__ = lambda self, dtype=None, copy=None: self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype})"


def host_tensor(x, slot, where):
    """Fills ``slot`` (a tshlo_tensor) with x: a torch tensor, anything with __array__ or __dlpack__, or a Python number.
    Returns what must stay alive while the slot is used."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        from ._bridge import torch_dtype_code

        x = x.detach()
        if x.device.type != "cpu":
            x = x.cpu()
        x = x.resolve_conj().resolve_neg().contiguous()
        slot.dtype, data = torch_dtype_code(x.dtype), x.data_ptr()
    else:
        if isinstance(x, DeviceArray):
            x = x.numpy()
        elif not hasattr(x, "__array__") and hasattr(x, "__dlpack__"):
            x = np.from_dlpack(x)
        x = np.asarray(x)
        if not x.dtype.isnative:
            raise BadInputError(f"{where} has a foreign byte order")
        x = x if x.flags.c_contiguous else np.ascontiguousarray(x).reshape(x.shape)
        slot.dtype, data = _numpy_code(x.dtype), x.ctypes.data
    dims = ffi.new("int64_t[]", list(x.shape))
    slot.rank, slot.dims, slot.data = len(x.shape), dims, ffi.cast("void *", data)
    return x, dims
