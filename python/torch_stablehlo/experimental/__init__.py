"""``torch_xla.experimental``'s names."""
