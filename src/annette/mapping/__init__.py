"""Which layers run as one kernel: networks in, kernels out."""

from annette.mapping.kernel import Kernel, KernelTable, Precision
from annette.mapping.model import MappingModel
from annette.mapping.rule import Action, Rule

__all__ = ["Action", "Kernel", "KernelTable", "MappingModel", "Precision", "Rule"]
