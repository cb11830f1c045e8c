"""What is estimated: networks of layers over tensors, independent of any file format or device."""

from annette.network.kinds import KINDS, UNSUPPORTED, Category, Kind, kinds_in
from annette.network.layer import AttributeValue, Dimensions, Layer, Workload
from annette.network.network import Network
from annette.network.tensor import DType, Tensor
from annette.network.workload import describe_layer

__all__ = [
    "KINDS",
    "UNSUPPORTED",
    "AttributeValue",
    "Category",
    "DType",
    "Dimensions",
    "Kind",
    "Layer",
    "Network",
    "Tensor",
    "Workload",
    "describe_layer",
    "kinds_in",
]
