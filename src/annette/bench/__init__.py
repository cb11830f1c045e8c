"""Benchmarks: plans, campaigns and datasets; one backend per runtime."""
