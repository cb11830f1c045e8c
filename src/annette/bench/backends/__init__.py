"""Runtimes that can be measured: one a file."""
