"""Some small families of test/models, of every kind: each converts, MLIR verifies it, XLA runs it, and eager agrees within 1e-4 of the
largest element of an output (f32); dynamic ones at further sizes too. make test-models runs all."""

import pytest
from models.families import FAMILIES
from models.run import measure

NAMES = ["vgg", "gat", "dlrm", "lstm_projected", "nerf", "pointnet2", "s4d", "cached_decoder", "deep_equilibrium", "vae", "bert", "llama_cached", "vit"]


@pytest.mark.parametrize("name", NAMES)
def test_family(name):
    if FAMILIES[name].needs != "torch":
        pytest.importorskip(FAMILIES[name].needs)
    result = measure(name)
    assert result["failed"] is None, f"{result['failed']}: {result['reason']}"
