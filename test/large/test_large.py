"""A weight of more than 2 GB, from a StableHLO directory to a SavedModel to TensorFlow. Not part of `make test`: it wants 8 GB of disk
and some seconds of it. `make test-large`."""

import pathlib
import subprocess
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from served import TO_SAVED_MODEL  # noqa: E402
from serving import c_session, needs_tensorflow  # noqa: E402, F401 (a fixture)

from torch_stablehlo.stablehlo import exported_program_to_stablehlo  # noqa: E402

ROWS, COLUMNS = 9_000_000, 64       # 2.3 GB of f32
WEIGHTS_NBYTES = ROWS * COLUMNS * 4

# Runs a command in a process of its own and prints the most memory that it had resident, files that it had mapped included.
MEASURE = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);" \
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"


class Rows(torch.nn.Module):
    def __init__(self, table):
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, index):
        return self.table[index]


@needs_tensorflow
def test_a_weight_of_more_than_2_gb(tmp_path, c_session):  # noqa: F811
    table = torch.from_file(str(tmp_path / "table"), shared=True, size=ROWS * COLUMNS).view(ROWS, COLUMNS)
    index = torch.tensor([0, 1, ROWS // 2, ROWS - 1])
    table[index] = torch.arange(4 * COLUMNS, dtype=torch.float32).view(4, COLUMNS)
    exported_program_to_stablehlo(torch.export.export(Rows(table), (index,))).save(str(tmp_path / "directory"))
    command = [TO_SAVED_MODEL, tmp_path / "directory", tmp_path / "model" / "1"]
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 20_000, f"{done.stdout} KB resident"
    data = tmp_path / "model/1/variables/variables.data-00000-of-00001"
    assert data.stat().st_size >= WEIGHTS_NBYTES > 2**31
    got = c_session.run(tmp_path / "model" / "1", "serving_default", {"index": index.numpy()}, {"output_0": "float32"}, tmp_path)
    np.testing.assert_array_equal(got["output_0"], table[index].numpy())
