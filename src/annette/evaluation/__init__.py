"""Estimates against measurements: metrics, suites, tables."""
