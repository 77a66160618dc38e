"""What a user could choose instead, each in an environment of its own below bench/envs (or the folder that BENCH_ENVS names)."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ENVS = pathlib.Path(os.environ.get("BENCH_ENVS", HERE / "envs"))

# environment -> packages. torch_xla stopped at torch 2.9, and torchax works up to that; torch 2.9 of the registry brings CUDA, 7 GB.
PACKAGES = {
    "xla": ["torch==2.9.1", "torch_xla==2.9.0", "torchax==0.0.13", "jax", "jaxlib", "numpy", "transformers"],
    "mlir": ["torch==2.13.0", "torch-mlir", "numpy", "transformers"],
}
OURS = "ours"
PEERS = {"torch_xla": "xla", "torchax": "xla", "torch-mlir": "mlir"}


def python(who):
    """The interpreter that has it; None where it could not be installed."""
    if who == OURS:
        return sys.executable
    path = ENVS / PEERS.get(who, who) / "bin/python"
    return str(path) if path.exists() else None


def install():
    """What is not there; says which could not be had, and goes on without."""
    for name, packages in PACKAGES.items():
        env = ENVS / name
        if (env / "bin/python").exists():
            continue
        print(f"installing {', '.join(packages)} in {env}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", env], check=True)
        done = subprocess.run([env / "bin/pip", "install", "-q", "--disable-pip-version-check", *packages])
        if done.returncode:
            (env / "bin/python").unlink()
            print(f"  {name}: not installed, left out", file=sys.stderr)
