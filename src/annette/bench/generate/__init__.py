"""Makes benchmark plans: which networks are worth measuring."""

from annette.bench.generate.generator import generate_plan

__all__ = ["generate_plan"]
