"""Fits to totals: what a device tells that has no report of its kernels."""
