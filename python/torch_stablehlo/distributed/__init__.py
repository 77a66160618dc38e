"""torch_xla.distributed's modules that a script of its exporter may use: spmd."""
