"""Makes the scripted backend known to this process and to the workers that it starts."""

import os
from pathlib import Path

from annette.bench.measurement import Settings
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.network.builder import NetworkBuilder

ROOT = Path(__file__).parents[3]
SETTINGS = Settings(timeout_s=20.0)


def install(folder: Path, monkeypatch=None):
    """Writes what an installed plug-in has: a dist-info folder with the entry point. Returns the environment."""
    info = folder / "scripted_backend-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[annette.devices]\nscripted = tests.unit.bench.scripted_backend:DEVICE\n")
    path = os.pathsep.join(filter(None, (str(folder), str(ROOT), os.environ.get("PYTHONPATH", ""))))
    if monkeypatch is not None:
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", path)
    return {**os.environ, "PYTHONPATH": path}


def network(name, width=8):
    net = NetworkBuilder(name)
    x = net.input("x", (1, width, 4, 4))
    return net.build(net.relu(net.conv(x, width, 3, padding=1)))


def case(name, width=8, purpose=Purpose.MICRO_KERNEL):
    return Case(name, purpose, "group", network(name, width), 0.1)


def plan(*names, count=0):
    cases = [case(name) for name in names] + [case(f"case{number:03d}", 4 + number) for number in range(count)]
    return Plan("scripted", tuple(cases))
