"""The Myriad X: how its compiler cuts layers for the hardware engine and where it puts tensors.

Own code after decisions that OpenVINO's VPU plug-in documents by its source (Apache-2.0, release 2019 to 2021.4,
``inference-engine/src/vpu/graph_transformer``); each module names the passes it follows. Performance counters of four
networks say which of them matter.
"""
