"""Exports the networks of a list that was fixed by name, and writes into the list what became of each.

A network is dropped only for what can be said without its time: PyTorch cannot export it, or exports what ONNX Runtime
does not load, or its file is larger than 100 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import importlib
import io
import logging
import multiprocessing
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import torch
from export_networks import Job, export

from annette.bench.feeds import input_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.connection import Connection
    from types import ModuleType

COLUMNS = ("name", "source", "task", "family", "new_family", "bytes", "sha256", "dropped")
LARGEST_BYTES = 100_000_000
LONGEST_S = 120


def rows_of(listed: Path) -> list[dict[str, str]]:
    """The lines of a list."""
    with listed.open(encoding="utf-8", newline="") as file:
        return [dict.fromkeys(COLUMNS, "") | row for row in csv.DictReader(file)]


def export_newer(make: Callable[[], torch.nn.Module], inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """Writes a network with random weights by the newer exporter, which knows operators that the older does not."""
    torch.manual_seed(0)
    with torch.no_grad():
        torch.onnx.export(make().eval(), inputs, str(path), dynamo=True, external_data=False, verbose=False)


def outcome(job: Job, path: Path, write: Callable[..., None] = export) -> dict[str, str]:
    """Exports a network, and says how large its file is, or why it is dropped.

    Args:
        job: How to make the network, and its inputs.
        path: Where it goes.
        write: Exports it.
    """
    try:
        write(*job, path)
    except Exception as problem:  # noqa: BLE001 - whatever a library's model cannot do, the others are exported
        path.unlink(missing_ok=True)
        first = str(problem).strip().splitlines()[:1] or [""]
        return {"dropped": f"not exported: {type(problem).__name__}: {first[0][:150].strip()}"}
    try:
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as problem:  # noqa: BLE001 - the runtime has no error of its own that is public
        path.unlink()
        said = str(problem).strip()
        reason = f"node ({said.partition('Node (')[2]}" if "Node (" in said else said.rpartition(" : ")[2]
        return {"dropped": f"exported, but ONNX Runtime refuses the file: {reason.splitlines()[0][:200].strip()}"}
    content = path.read_bytes()
    if len(content) > LARGEST_BYTES:
        path.unlink()
        return {"dropped": f"a file of {len(content) / 1e6:.0f} MB"}
    return {"bytes": str(len(content)), "sha256": hashlib.sha256(content).hexdigest()}


def no_number(path: Path) -> str:
    """Why a network that ran once, fed as it is measured, is dropped; an empty text if it gives numbers only."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    feed = {each.name: input_values(each.shape, types[each.type]) for each in session.get_inputs()}
    try:
        outputs = session.run(None, feed)
    except Exception as problem:  # noqa: BLE001 - the runtime has no error of its own that is public
        return f"exported, but ONNX Runtime does not run it: {str(problem).strip().splitlines()[0][:200]}"
    none = [each for each in outputs if np.issubdtype(each.dtype, np.floating) and np.isnan(each).any()]
    return "its outputs are not numbers" if none else ""


def _run_once(job: Job, path: Path, write: Callable[..., None]) -> dict[str, str]:
    """Exports a network, and drops it if it does not run."""
    became = outcome(job, path, write)
    if "sha256" in became and (reason := no_number(path)):
        path.unlink()
        return {"dropped": reason}
    return became


def _tell(sender: Connection, job: Job, path: Path) -> None:
    """Exports a network, by the newer exporter if the older one cannot, and sends what became of it."""
    became = _run_once(job, path, export)
    if "sha256" not in became:
        again = _run_once(job, path, export_newer)
        became = again if "sha256" in again else became
    sender.send(became)


def outcome_apart(job: Job, path: Path) -> dict[str, str]:
    """The same in a process of its own, which has 120 seconds and must also run the network once.

    What a library does to PyTorch, or an exporter that never ends, costs no other network.
    """
    forking = multiprocessing.get_context("fork")
    receiver, sender = forking.Pipe(duplex=False)
    process = forking.Process(target=_tell, args=(sender, job, path))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(LONGEST_S) else {"dropped": f"not exported within {LONGEST_S} s"}
    except EOFError:
        return {"dropped": "not exported: the process ended"}
    finally:
        process.kill()
        process.join()


def export_folder(description: str) -> Path:
    """The folder of ``--out``, made where there is none, for exports that go on in silence.

    Args:
        description: What ``--help`` says.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.backends.mha.set_fastpath_enabled(False)  # One operator for a whole block, which ONNX does not have.
    return out


def there(row: dict[str, str], path: Path) -> bool:
    """Whether the file that a row states is there already."""
    return bool(row["sha256"]) and path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]


def export_listed(
    listed: Path,
    suite: str,
    jobs: Callable[[], dict[str, Job]],
    description: str,
    become: Callable[[Job, Path], dict[str, str]] = outcome,
) -> None:
    """Exports what is not there yet and was not dropped, and writes the suite of what is left.

    Args:
        listed: The list, whose columns ``bytes``, ``sha256`` and ``dropped`` are filled in.
        suite: Name of the file, in the folder of the networks, for ``annette evaluate --suite``.
        jobs: Gives all networks by name: how to make one, and its inputs.
        description: What ``--help`` says.
        become: Exports a network, and says what became of it.
    """
    out = export_folder(description)
    made, lines = jobs(), rows_of(listed)
    for row in lines:
        path = out / f"{row['name']}.onnx"
        if not row["dropped"] and not there(row, path):
            row.update(become(made[row["name"]], path))
        with listed.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
    with (out / suite).open("w", encoding="utf-8", newline="") as file:
        kept = [f"{row['name']}.onnx" for row in lines if row["sha256"]]
        csv.writer(file, lineterminator="\n").writerows([["network"], *([name] for name in kept)])


def export_parts(listed: Path, parts: Iterable[ModuleType], libraries: Iterable[str], description: str) -> None:
    """Exports a list whose networks several modules make, each network in a process of its own.

    Args:
        listed: The list; the suite that is written beside the networks has its name.
        parts: Modules whose ``jobs()`` give their networks by name: how to make one, and its inputs.
        libraries: What takes seconds to load, which is done once for all processes.
        description: What ``--help`` says.
    """

    def jobs() -> dict[str, Job]:
        _load_once(libraries)
        torch.manual_seed(0)
        torch.set_num_threads(1)
        return {name: job for part in parts for name, job in part.jobs().items()}

    export_listed(listed, listed.name, jobs, description, outcome_apart)


def _load_once(libraries: Iterable[str]) -> None:
    """Loads what takes seconds before processes are made of this one; a library that is not there says so later."""
    for library in libraries:
        with contextlib.suppress(Exception):
            importlib.import_module(library)
    torch.onnx.export(torch.nn.Linear(2, 2), (torch.rand(1, 2),), io.BytesIO(), dynamo=False)
