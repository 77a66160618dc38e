"""Tensors of any library in, and out of device memory without a copy."""

import functools
import math
import sys

import numpy as np

from ._lib import BadInputError, UnsupportedError, check, dtype_code, ffi, lib, owned, text


@functools.lru_cache(maxsize=None)
def _numpy_code(dtype):
    return dtype_code(dtype.name)


@functools.lru_cache(maxsize=None)
def torch_dtype_code(dtype):
    """The library's number of a torch.dtype."""
    return dtype_code(str(dtype))


def numpy_dtype(code):
    """The numpy.dtype of an element type; bfloat16 and the 8-bit floats are those of the package ml_dtypes."""
    name = text(lib.tshlo_dtype_torch_name(code)) or text(lib.tshlo_dtype_name(code))
    try:
        return np.dtype(name)
    except TypeError:
        pass
    try:
        import ml_dtypes
    except ImportError:
        raise UnsupportedError(f"NumPy has no {name} of its own; install ml_dtypes") from None
    if not hasattr(ml_dtypes, name):
        raise UnsupportedError(f"NumPy has no element type {name}")
    return np.dtype(getattr(ml_dtypes, name))


class _Memory:
    """What numpy.asarray takes for an array of bytes and keeps as its base: the owner lives as long as any array made of it."""

    def __init__(self, pointer, nbytes, owner, writable):
        self.owner = owner
        address = int(ffi.cast("uintptr_t", pointer))
        self.__array_interface__ = {"shape": (nbytes,), "typestr": "|u1", "data": (address, not writable), "version": 3}


def memory(pointer, nbytes, owner, writable):
    """``nbytes`` bytes at a C pointer as a NumPy array that keeps ``owner`` alive."""
    return np.asarray(_Memory(pointer, nbytes, owner, writable)) if nbytes else np.empty(0, np.uint8)


class DeviceArray:
    """A tensor in a device's memory; a call takes it as an input where it is.

    ``shape`` is a tuple of ints, ``dtype`` torch's name of the element type ("float32"), ``device`` a :class:`Device`.
    :meth:`numpy` and :meth:`torch` give its elements; on a host device without a copy, and that memory lives as long as what
    they return.
    """

    def __init__(self, handle, device, *owner):
        self._handle = owned(handle, lib.tshlo_buffer_free, device, *owner)
        self.device = device
        info = ffi.new("tshlo_tensor *")
        lib.tshlo_buffer_info(self._handle, info)
        self._data, self._code = info.data, info.dtype
        self.shape = tuple(info.dims[0 : info.rank])
        self.dtype = text(lib.tshlo_dtype_torch_name(info.dtype)) or text(lib.tshlo_dtype_name(info.dtype))

    def _bytes(self):
        n = lib.tshlo_buffer_nbytes(self._handle)
        if self._data != ffi.NULL:
            return memory(self._data, n, self._handle, True)
        out = np.empty(n, np.uint8)
        check(lib.tshlo_buffer_read, self._handle, ffi.from_buffer("char[]", out) if n else ffi.NULL, n)
        return out

    def torch(self):
        """A torch.Tensor on the CPU."""
        import torch

        dtype = getattr(torch, self.dtype, None)
        if dtype is None:
            raise UnsupportedError(f"torch has no element type {self.dtype}")
        if 0 in self.shape:
            return torch.empty(self.shape, dtype=dtype)
        return torch.frombuffer(self._bytes(), dtype=dtype).reshape(self.shape)

    def numpy(self):
        """A numpy.ndarray; bfloat16 and the 8-bit floats need the package ml_dtypes."""
        return self._bytes().view(numpy_dtype(self._code)).reshape(self.shape)

    def __array__(self, dtype=None, copy=None):
        a = self.numpy()
        return a.astype(dtype or a.dtype, copy=bool(copy))

    def _become(self, other):
        self._handle, self._data = other._handle, other._data

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device.name})"


class Evaluated(DeviceArray):
    """A result of the library's own evaluator, in its memory."""

    def __init__(self, values, i):
        self._handle, self.device = values, None
        info = ffi.new("tshlo_tensor *")
        lib.tshlo_values_at(values, i, info)
        self._data, self._code = info.data, info.dtype
        self.shape = tuple(info.dims[0 : info.rank])
        self.dtype = text(lib.tshlo_dtype_torch_name(info.dtype)) or text(lib.tshlo_dtype_name(info.dtype))

    def _bytes(self):
        return memory(self._data, math.prod(self.shape) * lib.tshlo_dtype_nbytes(self._code), self._handle, True)


# -- tensors in ---------------------------------------------------------------------------------------------------


def _of_torch(torch, x, name):
    if x.layout is not torch.strided:
        raise BadInputError(f"input '{name}' has layout {x.layout}, wanted a dense tensor")
    if x.device.type == "meta" or isinstance(x, torch._subclasses.FakeTensor):
        raise BadInputError(f"input '{name}' is a tensor without data ({type(x).__name__}, device {x.device})")
    x = x.detach().cpu().resolve_conj().resolve_neg().contiguous()  # each gives x itself where there is nothing to do
    return x, torch_dtype_code(x.dtype), x.data_ptr()


def _of_array(x, name):
    if isinstance(x, (bool, int, float, complex, str, bytes, list, tuple, dict, set)) and not isinstance(x, np.generic):
        raise BadInputError(f"input '{name}' is {type(x).__name__} {x!r:.80}, wanted a tensor")
    if not hasattr(x, "__array__"):
        if not hasattr(x, "__dlpack__"):
            raise BadInputError(f"input '{name}' is {type(x).__name__}, wanted a tensor")
        x = np.from_dlpack(x)
    x = np.asarray(x)
    if not x.dtype.isnative:
        raise BadInputError(f"input '{name}' has a foreign byte order, {x.dtype.str}")
    x = x if x.flags.c_contiguous else np.ascontiguousarray(x)
    return x, _numpy_code(x.dtype), x.ctypes.data


def write(x, new, name):
    """Puts the elements of ``new``, a DeviceArray, into x: a torch tensor or a NumPy array of its type, or a DeviceArray."""
    torch = sys.modules.get("torch")
    if isinstance(x, DeviceArray):
        x._become(new)
    elif torch is not None and isinstance(x, torch.Tensor):
        with torch.no_grad():
            x.copy_(new.torch())
    elif isinstance(x, np.ndarray) and x.flags.writeable:
        x[...] = new.numpy()
    else:
        raise BadInputError(f"input '{name}' is changed by the program, but a {type(x).__name__} cannot be")


def host_tensor(x, slot, name):
    """Fills ``slot`` (a tshlo_tensor) with x: a torch tensor, or anything with __array__ or __dlpack__. Returns what must stay
    alive while the slot is used. ``name`` is the input's, for messages."""
    torch = sys.modules.get("torch")
    if torch is not None and not isinstance(x, torch.Tensor) and hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        x = torch.from_dlpack(x)
    try:
        is_torch = torch is not None and isinstance(x, torch.Tensor)
        x, slot.dtype, data = _of_torch(torch, x, name) if is_torch else _of_array(x, name)
    except UnsupportedError as e:
        raise UnsupportedError(f"input '{name}': {e}") from None
    dims = ffi.new("int64_t[]", list(x.shape))
    slot.rank, slot.dims, slot.data = len(x.shape), dims, ffi.cast("void *", data)
    return x, dims
