"""Reader of the ORT format, in which ONNX Runtime stores models for small devices: ONNX in FlatBuffers."""

from annette.network.readers.ort.reader import read_ort

__all__ = ["read_ort"]
