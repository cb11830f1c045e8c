"""Models that a framework's own exporter turns into ONNX, which is then read as any other."""
