"""PyTorch: modules and exported programs in memory, and ``.pt2`` files, through PyTorch's own exporter to ONNX."""

from annette.network.readers.pytorch.reader import read_module, read_program, read_pt2

__all__ = ["read_module", "read_program", "read_pt2"]
