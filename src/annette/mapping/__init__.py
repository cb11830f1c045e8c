"""Which layers run as one kernel: networks in, kernels out."""
