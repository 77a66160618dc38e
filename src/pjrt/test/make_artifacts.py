"""Writes portable artifacts with StableHLO's own serializer: add at several versions, and compile options.

usage: make_artifacts.py FOLDER. Exits with 0 and an empty folder where jaxlib is not installed: the tests that want
them then say that they were skipped."""
import os
import sys

ADD = """
func.func @main(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.add %a, %b : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
"""


def main(folder):
    os.makedirs(folder, exist_ok=True)
    try:
        from jaxlib.mlir.dialects import stablehlo
    except ImportError:
        return
    for version in ("0.9.0", "1.0.0", "1.9.0", stablehlo.get_current_version()):
        data = stablehlo.serialize_portable_artifact_str(ADD, version)
        with open(os.path.join(folder, f"add-{version}.mlir.bc"), "wb") as f:
            f.write(data)


main(sys.argv[1])
