"""OpenVINO's intermediate representation: ``.xml`` files with their ``.bin``, and models in memory."""

from annette.network.readers.openvino_ir.reader import read_openvino_ir, read_openvino_model

__all__ = ["read_openvino_ir", "read_openvino_model"]
