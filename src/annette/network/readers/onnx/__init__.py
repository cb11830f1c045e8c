"""Reader of ONNX models (https://onnx.ai): operator set 9 and up, as exported, without a simplifier."""

from annette.network.readers.onnx.reader import read_onnx, read_proto

__all__ = ["read_onnx", "read_proto"]
