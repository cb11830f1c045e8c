"""Reads TensorFlow Lite files."""

from annette.network.readers.tflite.reader import read_tflite, read_tflite_operators

__all__ = ["read_tflite", "read_tflite_operators"]
