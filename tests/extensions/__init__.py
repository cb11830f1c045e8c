"""Packages of third parties, installed for a test: nothing in them is known to `src/annette`."""
