"""What a model's programs write, on a device, from call to call."""

from collections.abc import MutableMapping

import numpy as np

from ._lib import BadInputError, check, ffi, lib, owned, text
from ._tensors import host_tensor, numpy_dtype


class Session(MutableMapping):
    """The state of a model on one device: name in the state dict -> its value now, as a NumPy array (a copy). Values can be set, to
    tensors of their own type; they cannot be added or removed, and ``reset()`` makes all of them what they were at the start."""

    def __init__(self, model, device):
        self._handle = owned(check(lib.tshlo_session_new, model, device._handle), lib.tshlo_session_free, model, device)
        self._types = {}
        name, slot, i = ffi.new("const char **"), ffi.new("tshlo_tensor *"), 0
        while lib.tshlo_session_value(self._handle, i, name, slot):
            self._types[text(name[0])] = (tuple(slot.dims[0 : slot.rank]), slot.dtype)
            i += 1

    def reset(self):
        lib.tshlo_session_reset(self._handle)

    def __getitem__(self, name):
        shape, code = self._types[name]
        out = np.empty(int(np.prod(shape, dtype=np.int64)) * lib.tshlo_dtype_nbytes(code), np.uint8)
        check(lib.tshlo_session_read, self._handle, name.encode(), ffi.from_buffer("char[]", out) if out.size else ffi.NULL, out.size)
        return out.view(numpy_dtype(code)).reshape(shape)

    def __setitem__(self, name, value):
        if name not in self._types:
            raise BadInputError(f"there is no state {name!r}, only {list(self._types)}")
        slot = ffi.new("tshlo_tensor *")
        _alive = host_tensor(value, slot, name)
        check(lib.tshlo_session_write, self._handle, name.encode(), slot)

    def __delitem__(self, name):
        raise BadInputError(f"state {name!r} cannot be removed")

    def __iter__(self):
        return iter(self._types)

    def __len__(self):
        return len(self._types)
