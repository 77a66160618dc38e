"""The whole story: a ResNet-18 from PyTorch to StableHLO, to the XLA device, to disk and back."""

import shutil
import tempfile
import time

import torch
from torch.export import export

import torch_stablehlo.core.xla_model as xm
from torch_stablehlo import StableHLOGraphModule, exported_program_to_stablehlo

try:
    from torchvision.models import resnet18
except (ImportError, RuntimeError):
    from resnet18 import ResNet18 as resnet18


def timed(what, f):
    start = time.perf_counter()
    result = f()
    print(f"  {what:<48} {1e3 * (time.perf_counter() - start):9.1f} ms")
    return result


torch.manual_seed(0)
model = resnet18().eval()
sample_input = (torch.randn(4, 3, 224, 224),)
print(f"ResNet-18, batch 4, {sum(p.numel() for p in model.parameters()) / 1e6:.1f} million parameters\n")

with torch.no_grad():
    exported = timed("torch.export.export", lambda: export(model, sample_input))
    output = timed("eager PyTorch", lambda: model(*sample_input))
program = timed("exported program -> StableHLO", lambda: exported_program_to_stablehlo(exported))
bytecode = timed("StableHLO bytecode", lambda: program.get_stablehlo_bytecode("forward"))

device = xm.xla_device()
inputs = tuple(s.to(device) for s in sample_input)
output2 = timed("first run on XLA (compiles)", lambda: program(*inputs))
output2 = timed("second run", lambda: program(*inputs))

directory = tempfile.mkdtemp()
timed("save the StableHLO directory", lambda: program.save(directory))
again = timed("load it", lambda: StableHLOGraphModule.load(directory))
output3 = again(*sample_input)
shutil.rmtree(directory)

text = program.get_stablehlo_text("forward").splitlines()
print(f"\nThe module: {len(text)} lines of text, {len(bytecode)} bytes of bytecode")
for line in [line for line in text if "stablehlo." in line][:8]:
    print("  " + line.strip()[:140])

print(f"\nlargest difference to eager PyTorch: {(output - output2).abs().max():.2e}")
assert torch.allclose(output, output2.cpu(), atol=1e-5)
assert torch.equal(output2, output3)
print("the same from the device, and the same again from disk")
