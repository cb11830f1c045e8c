"""A Dask cluster of real processes: a scheduler, and workers that can be killed."""

import json
import subprocess
import sys
import time
from pathlib import Path

from annette.cluster import connected

STARTS_S = 120.0


class RealCluster:
    """A context manager; workers are processes of their own, without a nanny unless they are to come back."""

    def __init__(self, folder: Path, environment: dict[str, str], *options: str):
        self._folder, self._environment, self._options = folder, environment, options
        self._processes: list[subprocess.Popen] = []
        self._count = 0
        self._said = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self._said))
        self.address = self._wait(lambda: json.loads(self._said.read_text())["address"])

    def worker(self, *boards: str, nanny: bool = False, environment: dict[str, str] | None = None) -> subprocess.Popen:
        """Starts a worker on which some boards hang; the process of its nanny where it has one."""
        resources = ["--resources", ",".join(f"board:{board}=1" for board in boards)] if boards else []
        self._count += 1
        name = f"worker{self._count}"
        own = ["--nthreads", str(len(boards) or 1), "--local-directory", str(self._folder), "--name", name]
        kind = "--nanny" if nanny else "--no-nanny"
        process = self._start("worker", self.address, kind, *own, *resources, environment=environment)
        self._wait(lambda: "Registered to" in process.log.read_text())
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end(self._processes)

    def end_workers(self) -> None:
        """Ends the workers, and waits until the scheduler knows."""
        self._end(self._processes[1:])
        with connected(self.address) as found:
            self._wait(lambda: not found.workers())

    def _end(self, processes):
        for process in processes[::-1]:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:  # A worker of Dask that is told to end twice at once may wait for ever.
                process.kill()
                process.wait()
            self._processes.remove(process)

    def _start(self, what, *arguments, environment=None):
        log = self._folder / f"{what}{self._count}.log"
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *self._options, *arguments]
        with log.open("w") as said:
            process = subprocess.Popen(command, env=environment or self._environment, stderr=said, stdout=said)
        self._processes.append(process)
        process.log = log
        return process

    def _wait(self, look):
        end_s = time.monotonic() + STARTS_S
        while time.monotonic() < end_s:
            try:
                if found := look():
                    return found
            except (OSError, ValueError, KeyError):
                pass
            assert self._processes[-1].poll() is None, self._processes[-1].log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"the cluster did not start: {self._processes[-1].log.read_text()}")
