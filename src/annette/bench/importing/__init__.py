"""Somebody else's measurements as ours: layer tables and network tables, ours and those of published collections.

``docs/importing.md`` describes the two CSV layouts. Converters read published tables that have their own.
"""
