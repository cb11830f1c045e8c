"""Whole networks: measuring them, and looking up in a run what their files leave open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.bench import session
from annette.bench.boards import place_of
from annette.bench.named_backends import require_usable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.bench.campaign import Progress
    from annette.bench.plan import Case
    from annette.bench.session import MeasuredNetwork
    from annette.cluster import Tls
    from annette.network import Network
    from annette.network.inputs import Given

__all__ = ["measure", "observe_sizes"]

_OBSERVER: Final = "onnxruntime"
_OBSERVED: Final = ".onnx"
"""The backend that looks up sizes, and the suffix of the files that it does so in."""
_NETWORK_S: Final = 0.5
"""Time for the recorded runs of a whole network in one round."""
_NETWORK_TIMEOUT_S: Final = 600.0
"""A whole network that gives no result for so long has failed."""


def measure(
    networks: Sequence[Network | Case | str | Path],
    *,
    backend: str,
    options: Mapping[str, Any] | None = None,
    rounds: int | None = None,
    precision: float | None = None,
    out: Path | str | None = None,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    cpus: tuple[int, ...] | None = None,
    timeout_s: float | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    scheduler: str | None = None,
    boards: Sequence[str] = (),
    tls: Tls | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[MeasuredNetwork]:
    """Measures whole networks: latency, how well it repeats, and a profile per kernel; rounds take turns.

    Args:
        networks: Loaded networks, files (measured as they are where the backend takes them), or names of the zoo.
        backend: Name of the backend (``annette backends``).
        options: The backend's options.
        rounds: How many rounds; None makes 3, which a truth value takes, and 1 of what is only estimated.
        precision: Standard error (0.02) down to which a network has further rounds, up to twelve; None makes none.
        out: Dataset to record in, made or added to; None keeps nothing but what is returned.
        batch: Samples processed together; only for networks that are not loaded yet.
        inputs: Shapes and values of inputs (`annette.load_network`); only for networks that are not loaded yet.
        lenient: Whether invalid ONNX files are read nevertheless; only for networks that are not loaded yet.
        cpus: Processors to measure on; None takes the last ones, one per thread, and none leaves it to the scheduler.
        timeout_s: A round of a network that gives no result for so long has failed; None waits ten minutes.
        resume: Whether rounds that the dataset has already count; otherwise ``rounds`` further ones are measured.
        progress: Told about every run.
        scheduler: Address of a Dask cluster, whose boards share the networks, files by path; None measures here.
        boards: As `benchmark` takes them.
        tls: Certificates for it.
        tell: As in `benchmark`.

    Returns:
        The networks in the order given; ``latency_s`` is what the rounds' medians tell of an undisturbed moment.

    Raises:
        NetworkError: A network cannot be read.
        BackendError: The backend cannot be used here.
        ClusterError: The cluster has no such boards, or none any more.
        DatasetError: The dataset belongs to another environment or cannot be written.
        OptionError: An argument is out of its range, or a network is named twice.
    """
    chosen = dict(options or {})
    cases = [session.case_of(network, backend, batch=batch, inputs=inputs, lenient=lenient) for network in networks]
    times: dict[str, Any] = {"target_s": _NETWORK_S, "timeout_s": timeout_s or _NETWORK_TIMEOUT_S}
    settings = session.settings_for(chosen, () if scheduler else cpus, **times)
    on: dict[str, Any] = {"backend": backend, "options": chosen, "settings": settings}
    rounds = session.default_rounds(backend) if rounds is None else rounds
    how: dict[str, Any] = {"rounds": rounds, "precision": precision, "progress": progress, "resume": resume}
    with place_of(scheduler, cpus, names=boards, tls=tls, tell=tell, **on) as place, session.recording(out) as dataset:
        return session.measure_networks(cases, dataset, place=place, **on, **how)


def observe_sizes(
    network: str | Path,
    *,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> dict[str, Given]:
    """Looks up the sizes that the data of an ONNX file decide, in a run of the part that decides them.

    The run is one of ONNX Runtime on this machine, fed as `measure` feeds it, in a process of its own that may take two
    minutes and some memory. It runs what the file says: ask for it where you trust the file.

    Args:
        network: The file; of other formats and of networks of the zoo, data decide no sizes that could be looked up.
        batch: As for `load_network`.
        inputs: As for ``load_network``.
        lenient: As for ``load_network``.

    Returns:
        ``inputs`` for `load_network` or `estimate`, with a size for every tensor whose size data decide.

    Raises:
        BackendError: ONNX Runtime is not installed, or cannot run the file.
        NetworkError: The file cannot be read, whatever a run says.
        OptionError: ``inputs`` does not fit the file.
    """
    path = Path(network)
    if path.suffix.lower() != _OBSERVED or not path.exists():
        return dict(inputs or {})
    return require_usable(_OBSERVER).observed_inputs(path, batch=batch, inputs=inputs, lenient=lenient)
