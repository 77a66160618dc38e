"""pytorch/xla's test/test_core_aten_ops.py (491 tests, 4 of which it skips itself: they run here) against this package, under torch_xla's names.

    make test-core-aten CORE_ATEN=path/to/test_core_aten_ops.py

The file is pytorch/xla's and not part of this repository. Its own comparison casts to the expected element type first; here result
types have to agree as well. One test calls randperm eagerly on torch_xla's device, which there is none of here: it is exported instead,
and held to the same assertions.
"""

import importlib.util
import sys
import unittest

import torch
import torch_stablehlo


def strictly(diff_output):
    def compare(testcase, want, got, *tolerance, **named):
        if isinstance(want, torch.Tensor) and isinstance(got, torch.Tensor):
            testcase.assertEqual(got.dtype, want.dtype)
        diff_output(testcase, want, got, *tolerance, **named)

    return compare


class Permutation(torch.nn.Module):
    def forward(self):
        return torch.ops.aten.randperm(20)


def test_randperm(testcase):
    got = torch_stablehlo.exported_program_to_stablehlo(torch.export.export(Permutation(), ()))()
    testcase.assertEqual(sorted(got.tolist()), list(range(20)))
    testcase.assertEqual(got.dtype, torch.int64)


def unskip(cases):
    """Runs what the file marks with @unittest.skip."""
    for name, test in vars(cases).copy().items():
        if getattr(test, "__unittest_skip__", False):
            setattr(cases, name, test.__wrapped__)


def load(path):
    torch_stablehlo.install_as_torch_xla()
    spec = importlib.util.spec_from_file_location("test_core_aten_ops", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.AtenOpTest.test_aten_randperm_0 = test_randperm
    unskip(module.AtenOpTest)
    module.diff_output = strictly(module.diff_output)
    return module


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(load(sys.argv[1]))
    result = unittest.TextTestRunner().run(suite)
    sys.exit(not result.wasSuccessful() or not result.testsRun)
