"""Integers against eager PyTorch through XLA: powers whose exponents have more than six bits, floats narrowed to small integers, common
divisors of extremes."""

import pytest
import torch
from oracle import check

INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_power(dtype):
    high = min(torch.iinfo(dtype).max, 1113)
    base = torch.tensor([0, 1, 2, 3, 7, high, high - 1] + ([-1, -2, -3, -high] if dtype != torch.uint8 else []), dtype=dtype)
    exponent = torch.tensor([0, 1, 2, 5, 31, 63, 64, 65, 100, 127, high] + ([-1, -2, -3] if dtype != torch.uint8 else []), dtype=dtype)
    x, p = base[:, None].expand(-1, len(exponent)).contiguous(), exponent[None].expand(len(base), -1).contiguous()
    check(lambda x, p: (torch.pow(x, p), torch.pow(3, p), p ** 2), x, p)
    check(lambda x: (x ** 3, x ** 63, x ** 64, x ** 127), base)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_narrowing(dtype):
    x = torch.tensor([0.0, 1.9, -1.9, 127.5, 128.0, -129.0, 255.9, 256.5, 300.0, -300.0, 40000.0, -40000.0, 1e6, -1e6])
    check(lambda a, b: (a.to(dtype), b.to(dtype), a.to(torch.bfloat16).to(dtype)), x, x.double())


@pytest.mark.parametrize("dtype", INTEGERS)
def test_common_divisors(dtype):
    i = torch.iinfo(dtype)
    v = torch.tensor([0, 1, 2, 6, 12, 100, i.max, i.max - 1, i.min, i.min + 1], dtype=dtype)
    x, y = v[:, None].expand(-1, len(v)).contiguous(), v[None].expand(len(v), -1).contiguous()
    check(torch.gcd, x, y)
    check(torch.lcm, *(v.clamp(min=i.min + 1) for v in (x, y)))     # torch's own divides the least number by -1 and traps
