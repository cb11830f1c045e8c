"""Platforms: a device with its runtime, precision and threads, and everything needed to price networks on it."""

from annette.platforms.format import FORMAT, VERSION, dump_platform, dumps_platform, loads_platform
from annette.platforms.intervals import ComposedErrors, Intervals, LogResiduals
from annette.platforms.overhead import Overhead
from annette.platforms.platform import Platform, Provenance, Source
from annette.platforms.store import PlatformEntry, list_platforms, load_platform

__all__ = [
    "FORMAT",
    "VERSION",
    "ComposedErrors",
    "Intervals",
    "LogResiduals",
    "Overhead",
    "Platform",
    "PlatformEntry",
    "Provenance",
    "Source",
    "dump_platform",
    "dumps_platform",
    "list_platforms",
    "load_platform",
    "loads_platform",
]
