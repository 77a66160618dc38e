"""Whole models: convert, let MLIR verify the module, run on XLA, compare with eager; save, load, run again.

The transformers models are small random ones of the real architectures: what counts is their graphs.
"""

import pathlib
import sys

import pytest
import torch
from oracle import check_format
from torch.utils import _pytree as pytree

from torch_stablehlo import StableHLOGraphModule, exported_program_to_stablehlo


sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples"))


def tokens(n=100, shape=(2, 16)):
    return torch.randint(0, n, shape, generator=torch.Generator().manual_seed(0))


def image(size):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def resnet18():
    from resnet18 import ResNet18

    return ResNet18(), (image(64),), {}


def vit():
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, image_size=32, patch_size=8
    )
    return ViTForImageClassification(config), (image(32),), {}


def swin():
    from transformers import SwinConfig, SwinForImageClassification

    config = SwinConfig(image_size=64, patch_size=4, embed_dim=32, depths=[2, 2], num_heads=[2, 4], window_size=4)
    return SwinForImageClassification(config), (image(64),), {}


def mobilenet_v2():
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    return MobileNetV2ForImageClassification(MobileNetV2Config(image_size=64, depth_multiplier=0.35)), (image(64),), {}


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        n_embd=64, n_layer=2, n_head=4, n_positions=64, vocab_size=100, bos_token_id=0, eos_token_id=0, use_cache=False
    )
    return GPT2LMHeadModel(config), (tokens(),), {}


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=100, use_cache=False,
    )
    return LlamaForCausalLM(config), (tokens(),), {}


def bert():
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, vocab_size=100
    )
    mask = torch.ones(2, 16, dtype=torch.long)
    mask[1, 10:] = 0
    return BertModel(config), (), {"input_ids": tokens(), "attention_mask": mask}


def check(got, want):
    """Within 1e-4 of the largest element, and in the same structure."""
    assert type(got) is type(want)
    got, got_spec = pytree.tree_flatten(got)
    want, want_spec = pytree.tree_flatten(want)
    assert got_spec == want_spec
    for g, w in zip(got, want):
        assert (g is None) == (w is None)
        if w is not None:
            assert g.dtype == w.dtype and g.shape == w.shape
            assert (g - w).abs().max() <= 1e-4 * w.abs().max()


@pytest.mark.parametrize("make", [resnet18, vit, swin, mobilenet_v2, gpt2, llama, bert], ids=lambda f: f.__name__)
def test_model(make, tmp_path):
    if make is not resnet18:
        pytest.importorskip("transformers")
    torch.manual_seed(0)
    model, args, kwargs = make()
    model.eval()
    with torch.no_grad():
        exported = torch.export.export(model, args, kwargs)
        want = model(*args, **kwargs)
    program = exported_program_to_stablehlo(exported)
    check(program(*args, **kwargs), want)
    check_format(program)
    program.save(tmp_path / "dir")
    check(StableHLOGraphModule.load(tmp_path / "dir")(*args, **kwargs), want)
