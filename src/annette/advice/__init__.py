"""Advice: changes of a network that make it faster on a platform, each estimated on the changed network."""
