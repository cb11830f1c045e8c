"""Estimates how long a neural network takes on a device, layer by layer."""
