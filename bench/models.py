"""The models that are measured: name -> module in eval mode and sample inputs. Only torch and transformers, so that every peer's environment
can build them; weights are random."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "examples"))


def resnet18():
    import torch
    from resnet18 import ResNet18

    return ResNet18(), (torch.randn(4, 3, 224, 224),)


def resnet50():
    import torch
    import transformers as t

    config = t.ResNetConfig(num_labels=1000)  # depths 3, 4, 6, 3 with bottlenecks: ResNet-50
    return t.ResNetForImageClassification(config), (torch.randn(4, 3, 224, 224),)


def vit_b():
    import torch
    import transformers as t

    return t.ViTForImageClassification(t.ViTConfig(num_labels=1000)), (torch.randn(1, 3, 224, 224),)


def gpt2():
    import torch
    import transformers as t

    return t.GPT2LMHeadModel(t.GPT2Config(use_cache=False)), (torch.randint(0, 50000, (1, 128)),)


def llama_1b():
    """Llama 3.2's smallest, in bf16; its weights are not initialised, for it is converted and not run."""
    import torch
    import transformers as t

    config = t.LlamaConfig(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
                           vocab_size=128256, use_cache=False, tie_word_embeddings=True)
    with torch.device("meta"):
        model = t.LlamaForCausalLM(config).to(torch.bfloat16)
    model = model.to_empty(device="cpu")
    model.tie_weights()
    return model, (torch.randint(0, 128256, (1, 128)),)


def deep():
    """2,000 layers."""
    import torch
    from torch import nn

    layers = [layer for _ in range(1000) for layer in (nn.Linear(16, 16), nn.ReLU())]
    return nn.Sequential(*layers), (torch.randn(1, 16),)


CONVERTED = {"resnet18": resnet18, "resnet50": resnet50, "vit_b": vit_b, "gpt2": gpt2, "llama_1b": llama_1b, "deep": deep}
RUN = ["resnet18", "resnet50", "vit_b", "gpt2"]


def built(name):
    import torch

    torch.manual_seed(0)
    model, args = CONVERTED[name]()
    return model.eval(), args


def exported(name):
    import torch

    model, args = built(name)
    with torch.no_grad():
        return model, args, torch.export.export(model, args, strict=False)
