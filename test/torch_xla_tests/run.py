"""pytorch/xla's own test/stablehlo/ suite against this package, under torch_xla's names.

    make test-torch-xla TORCH_XLA=path/to/a/checkout          the list of docs/torch_xla.md is checked; --write makes it anew
    test/torch_xla_tests/run.py CHECKOUT FILE...              only these files: test_exports

The suite is pytorch/xla's and not part of this repository. Each of its tests must pass, or stand in NOT_APPLICABLE or NOT_YET with the
reason, and not pass then; what it skips itself runs here.

What the tests want of their surroundings is made here: TensorFlow runs in a process of its own (serving.py), which must not be torch's;
ResNet-18 comes from examples/ where torchvision is not installed; torchao has what torch.ao had. What differs on purpose is smoothed out:
functions that trace tensors on torch_xla's device export instead, and arguments may stand in the module in either order.
"""

import ast
import importlib.machinery
import importlib.util
import re
import sys
import types
import unittest
import warnings
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test"), str(ROOT / "examples")]

import torch_stablehlo  # noqa: E402
from serving import HAS_TENSORFLOW, TensorFlow  # noqa: E402

FILES = (
    "test_composite test_export_fx_passes test_export_llama test_exports test_implicit_broadcasting test_mlir_debuginfo test_pt2e_qdq"
    " test_saved_model test_stablehlo_compile test_stablehlo_custom_call test_stablehlo_inference test_stablehlo_save_load"
    " test_unbounded_dynamism test_xla_export_interpreter"
).split()

LAZY = "lazy"
# Of a file, or of one test.
NOT_APPLICABLE = {
    "test_export_fx_passes": "torch_xla's own graph passes",
    "test_exports.ExportTest.test_inline_only_special_scalar": "wants a number as an argument: numbers are always constants of the module here",
    "test_implicit_broadcasting": LAZY,
    "test_mlir_debuginfo.XlaMlirDebuginfoTest.test_export_node_metadata":
        "wants source_fn_stack, which torch 2.13 gives nodes only where it exports with strict=True",
    "test_pt2e_qdq.PT2EExportTest.test_per_channel_qdq": LAZY,
    "test_pt2e_qdq.PT2EExportTest.test_per_tensor_qdq": LAZY,
    "test_stablehlo_compile": "counts what torch_xla compiles of eager calls on its device",
    "test_stablehlo_custom_call.StableHLOCustomCallExportTest.test_place_to_host_device": LAZY,
    "test_stablehlo_save_load.StableHloDumpTest": LAZY,
    "test_unbounded_dynamism.UnboundedDynamismExportTest.test_dynamic_view_sym_numel":
        "the text that it wants is another test's; skipped by torch_xla too",
}
NOT_YET = {}


# -- surroundings --------------------------------------------------------------------------------------------------------


def module(name, **names):
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    made.__dict__.update(names)
    sys.modules[name] = made
    return made


class Result(np.ndarray):
    """An array with a tf.Tensor's numpy()."""

    def numpy(self):
        return np.asarray(self)


def flat_results(x):
    """torch_xla's functions give a list of all results; ours what the model gives."""
    return [np.asarray(v).view(Result) for v in torch.utils._pytree.tree_leaves(x)]


def tensorflow():
    """As much of TensorFlow as the tests use, of the worker."""
    worker = TensorFlow()

    class Loaded:
        def __init__(self, path):
            self.number = worker.load(path)["object"]

        def f(self, *args):
            """torch_xla's functions have inputs that are not used for the numbers that the program has in it; ours have none."""
            return flat_results(worker.call_numpy(self.number, "f", [a for a in args if isinstance(a, np.ndarray)]))

    saved_model = types.SimpleNamespace(load=Loaded, DEFAULT_SERVING_SIGNATURE_DEF_KEY="serving_default")
    return module("tensorflow", saved_model=saved_model, constant=lambda x: x)


def quantization():
    """Where the tests look for what torch 2.13 has no more."""
    if not hasattr(torch.export, "export_for_training"):
        torch.export.export_for_training = torch.export.export
    if importlib.util.find_spec("torch.ao.quantization.quantize_pt2e") is None and importlib.util.find_spec("torchao"):
        pt2e = importlib.import_module("torchao.quantization.pt2e.quantize_pt2e")
        xnnpack = importlib.import_module("torchao.testing.pt2e._xnnpack_quantizer")
        sys.modules["torch.ao.quantization.quantize_pt2e"] = pt2e
        module("torch.ao.quantization.quantizer", __path__=[])
        sys.modules["torch.ao.quantization.quantizer.xnnpack_quantizer"] = xnnpack
    importlib.import_module("torch.ao.quantization.fx._decomposed")


def surroundings(checkout):
    torch_stablehlo.install_as_torch_xla()
    if HAS_TENSORFLOW:
        tensorflow()
    if importlib.util.find_spec("torchvision") is None:
        from resnet18 import ResNet18

        module("torchvision", models=types.SimpleNamespace(resnet18=ResNet18))
    quantization()
    module("torch_xla.utils", __path__=[])
    load("torch_xla.utils.stablehlo_test_utils", checkout / "torch_xla/utils/stablehlo_test_utils.py")


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


# -- the suite -----------------------------------------------------------------------------------------------------------


def unskip(cases):
    for name, test in vars(cases).copy().items():
        if getattr(test, "__unittest_skip__", False):
            setattr(cases, name, test.__wrapped__)


def exported(f, args, kwargs=None):
    m = f if isinstance(f, torch.nn.Module) else Function(f)
    return torch_stablehlo.exported_program_to_stablehlo(torch.export.export(m, tuple(args), kwargs or {})).get_stablehlo_text()


class Function(torch.nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


# What traces on torch_xla's device, and what exports instead.
EXPORTED = {
    "test_composite.XlaMarkPatternTest.run_func_get_stablehlo": lambda self, f, args: exported(f, args),
    "test_stablehlo_save_load.SimpleExportTest.export_stable_hlo": lambda self, m, args, kwargs=None: exported(m, args, kwargs),
}


def in_either_order(pattern, text):
    """torch_xla turns the arguments around."""
    turned = re.sub(r"^(%arg\.: .*?)\.\*(%arg\.: .*?)\.\*->", lambda m: f"{m[2]}.*{m[1]}.*->", pattern)
    return re.search(pattern, text) or re.search(turned, text)


def export_instead(made, stem):
    for path, instead in EXPORTED.items():
        where, cases, name = path.split(".")
        if where == stem:
            setattr(getattr(made, cases), name, instead)
    if stem == "test_unbounded_dynamism":
        made.re = types.SimpleNamespace(search=in_either_order)


def named_in(path):
    """The tests of a file that cannot be imported."""
    for cases in ast.parse(path.read_text()).body:
        if isinstance(cases, ast.ClassDef):
            yield from (f"{path.stem}.{cases.name}.{f.name}" for f in cases.body if isinstance(f, ast.FunctionDef) and f.name.startswith("test_"))


def run(checkout, stem):
    """{test: None, or why it failed}"""
    try:
        made = importlib.import_module(f"torch_xla_suite.{stem}")
    except Exception as e:
        return {name: f"import: {type(e).__name__}: {e}" for name in named_in(checkout / f"test/stablehlo/{stem}.py")}
    export_instead(made, stem)
    for cases in vars(made).values():
        if isinstance(cases, type) and issubclass(cases, unittest.TestCase):
            unskip(cases)
    found = {}
    for test in flat(unittest.defaultTestLoader.loadTestsFromModule(made)):
        result = unittest.TestResult()
        test.run(result)
        failed = [why for _, why in result.errors + result.failures]
        found[test.id().removeprefix("torch_xla_suite.")] = failed[0] if failed else None
    return found


def flat(suite):
    for t in suite:
        yield from flat(t) if isinstance(t, unittest.TestSuite) else [t]


def reason(table, name):
    """Of the test, its class, or its file."""
    parts = name.split(".")
    return next((table[key] for n in (3, 2, 1) if (key := ".".join(parts[:n])) in table), None)


def states(found):
    """{test: "passed", "not applicable: ...", "not yet: ...", or "FAILED: ..."}"""
    for name, why in found.items():
        not_applicable, not_yet = reason(NOT_APPLICABLE, name), reason(NOT_YET, name)
        if not_applicable or not_yet:
            known = f"not applicable: {not_applicable}" if not_applicable else f"not yet: {not_yet}"
            yield name, known if why else f"FAILED: it passes, but stands as {known}"
        else:
            yield name, f"FAILED: {why}" if why else "passed"


# -- the list ------------------------------------------------------------------------------------------------------------


def markdown(all_states):
    """A row for each test; the file in its own column only where it changes."""
    passed = sum(s == "passed" for s in all_states.values())
    rows, last = [f"{passed} of {len(all_states)} tests pass.", "", "| file | test | |", "|---|---|---|"], None
    for name, state in sorted(all_states.items()):
        stem, _, test = name.split(".")
        rows.append(f"| {'' if stem == last else stem} | {test.removeprefix('test_')} | {state} |")
        last = stem
    return "\n".join(rows) + "\n"


def check_list(text, write):
    """Whether docs/torch_xla.md has it, behind its last heading."""
    path = ROOT / "docs/torch_xla.md"
    head, mark, old = path.read_text().partition("<!-- made by test/torch_xla_tests/run.py --write -->\n\n")
    if write:
        path.write_text(head + mark + text)
    return write or old == text


def main(checkout, *only):
    checkout, write = Path(checkout), "--write" in only
    stems = [stem for stem in only if stem != "--write"]
    surroundings(checkout)
    module("torch_xla_suite", __path__=[str(checkout / "test/stablehlo")])
    warnings.simplefilter("ignore")
    found = {}
    for stem in stems or FILES:
        for name, state in states(run(checkout, stem)):
            print(f"{name}  {state}", flush=True)
            found[name] = state
    failed = [name for name, state in found.items() if state.startswith("FAILED")]
    print(f"{len(found)} tests, {sum(s == 'passed' for s in found.values())} passed, {len(failed)} failed")
    if failed or stems:
        return bool(failed)
    if not check_list(markdown(found), write):
        print("docs/torch_xla.md has another list: --write makes it anew")
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
