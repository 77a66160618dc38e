"""Fourier transforms against eager PyTorch, through XLA: dims and sizes that OpInfo does not have, core ATen forms, large primes."""

import pytest
import torch
from oracle import check

aten = torch.ops.aten


def numbers(*shape, dtype=torch.float32):
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=dtype)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30, 97, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sizes(size, dtype):
    x = numbers(2, size, dtype=dtype)
    check(lambda a: (torch.fft.rfft(a), torch.fft.fft(a), torch.fft.ihfft(a), torch.fft.ifft(a)), x)
    if size > 1:
        check(lambda a: (torch.fft.irfft(a), torch.fft.hfft(a)), torch.complex(x, x.flip(1)))


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_dims_and_sizes(norm):
    x, z = numbers(3, 4, 5), numbers(3, 4, 5, dtype=torch.complex64)
    check(lambda a: (torch.fft.fft(a, 7, 0, norm), torch.fft.rfft(a, 3, 1, norm), torch.fft.fftn(a, (2, -1), norm=norm),
        torch.fft.rfftn(a, (2, 6), (0, 2), norm), torch.fft.ihfftn(a, dim=(0, 1), norm=norm), torch.fft.rfft2(a, norm=norm)), x)
    check(lambda a: (torch.fft.irfftn(a, (2, 6), (0, 2), norm), torch.fft.hfftn(a, dim=(1, 0), norm=norm),
        torch.fft.ifft2(a, norm=norm), torch.fft.irfft(a, 7, -2, norm)), z)


def test_core():
    x, z = numbers(3, 4, 5), numbers(3, 4, 5, dtype=torch.complex64)
    for k in 0, 1, 2:
        check(lambda a: (aten._fft_r2c(a, [1, 2], k, True), aten._fft_r2c(a, [0, 2], k, False)), x)
        check(lambda a: (aten._fft_c2c(a, [0, 1], k, False), aten._fft_c2r(a, [0, 2], k, 8)), z)


def test_integers_and_frequencies():
    check(lambda a: (torch.fft.fft(a), torch.fft.rfft(a)), torch.arange(6))
    check(lambda a: (a + torch.fft.fftfreq(5, 0.5), a + torch.fft.fftfreq(5), a + torch.fft.rfftfreq(8, 2.0)), torch.zeros(5))
