"""Makes benchmark plans: which networks are worth measuring."""

from annette.bench.generate.generator import PRESETS, Preset, Target, generate_plan

__all__ = ["PRESETS", "Preset", "Target", "generate_plan"]
