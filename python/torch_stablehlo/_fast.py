"""The calls that most programs get, with little Python in them: torch tensors in, by position, tensors out.

A call that went the whole way (``Method.run``) leaves a plan for the shapes that it came with; one that a plan does not fit in every
respect goes the whole way again, which also tells what is wrong with it.
"""

import torch

from ._lib import ffi, lib
from ._tensors import DeviceArray, torch_dtype_code

NO_PLAN = object()
_SMALL = 1 << 14  # bytes; larger results are not copied
_WORDS = ffi.sizeof("tshlo_tensor") // 8
_DATA = ffi.offsetof("tshlo_tensor", "data") // 8
_PLANS = 64


class _Frame:
    """What one call in flight writes to."""

    def __init__(self, inputs, noutputs):
        self.slots = ffi.new("tshlo_tensor[]", len(inputs) or 1)
        self.words = ffi.cast("uintptr_t *", self.slots)
        self.dims = []
        for slot, (dtype, shape) in zip(self.slots, inputs):
            self.dims.append(ffi.new("int64_t[]", shape))
            slot.dtype, slot.rank, slot.dims = torch_dtype_code(dtype), len(shape), self.dims[-1]
        self.out = ffi.new("tshlo_buffer *[]", noutputs or 1)
        self.error = ffi.new("tshlo_error *")


class Plan:
    """A method, on a device, for inputs of these types."""

    def __init__(self, runner, device, inputs, outputs, structure):
        """inputs, outputs: (torch.dtype, shape) each."""
        self.runner, self.device, self.structure = runner, device, structure
        self.inputs, self.dtypes = inputs, [dtype for dtype, _ in inputs]
        self.outputs = [(shape, dtype, torch.empty(shape, dtype=dtype, device="meta").nbytes) for dtype, shape in outputs]
        self.frames = []

    def __call__(self, args):
        frame = self.frames.pop() if self.frames else _Frame(self.inputs, len(self.outputs))
        words, at = frame.words, _DATA
        for x, dtype in zip(args, self.dtypes):
            if x.dtype is not dtype or x.layout is not torch.strided or not (x.is_cpu and x.is_contiguous()) or x.is_neg():
                return NO_PLAN
            words[at] = x.data_ptr()
            at += _WORDS
        if not lib.tshlo_run(self.runner, frame.slots, len(self.dtypes), frame.out, frame.error):
            lib.tshlo_error_clear(frame.error)
            return NO_PLAN
        results = [self._result(frame, i, *self.outputs[i]) for i in range(len(self.outputs))]
        self.frames.append(frame)
        return self.structure(results)

    def _result(self, frame, i, shape, dtype, nbytes):
        handle = frame.out[i]
        if nbytes > _SMALL:
            return DeviceArray(handle, self.device).torch()
        result = torch.empty(shape, dtype=dtype)
        if nbytes:
            lib.tshlo_buffer_read(handle, ffi.cast("void *", result.data_ptr()), nbytes, frame.error)
        lib.tshlo_buffer_free(handle)
        return result


class Plans:
    """Of one method."""

    def __init__(self, method):
        self._method, self._plans = method, {}

    def call(self, args):
        """The outputs; NO_PLAN where there is none for such arguments."""
        try:
            plan = self._plans.get(tuple([x.shape for x in args]))
        except (AttributeError, TypeError):
            return NO_PLAN
        if plan is None or not all(type(x) is torch.Tensor or type(x) is torch.nn.Parameter for x in args):
            return NO_PLAN
        return plan(args)

    def learn(self, args, results, runner, device):
        """From a call that went the whole way. results: its DeviceArrays."""
        if not self._fits(args, device):
            return
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        inputs = [(x.dtype, x.shape) for x in args]
        outputs = [(getattr(torch, r.dtype), r.shape) for r in results]
        self._plans[tuple(x.shape for x in args)] = Plan(runner, device, inputs, outputs, self._method.structure_of())

    def _fits(self, args, device):
        return (
            device.is_host
            and self._method.is_plain(len(args))
            and all(type(x) is torch.Tensor and x.is_cpu and not x.dtype.is_complex for x in args)
        )
