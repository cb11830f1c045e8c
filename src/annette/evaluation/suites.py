"""Suites of networks to evaluate on, and what is known of their latencies.

The development list may be looked at while models, features and benchmark plans are tuned. The held-out list is for
scoring: each scoring is a line in docs/held-out-log.md, with its commit. A network never changes lists. No plan and no
fit contains a whole network of either.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.bench.dataset import Dataset
from annette.bench.subnormals import slowed_by
from annette.devices.registry import recognise
from annette.errors import DatasetError, OptionError, nearest
from annette.evaluation.published import published_suites
from annette.evaluation.truth import MachineSpeed, Truth, is_listing, load_listing, truths_of
from annette.files import is_file, open_regular
from annette.network.load import load_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.errors import AnnetteError
    from annette.evaluation.published import PublishedSuite
    from annette.platforms import Platform

__all__ = [
    "DEVELOPMENT",
    "HELD_OUT",
    "NASBENCH_101",
    "NASBENCH_201",
    "SUITES",
    "compare_environments",
    "is_dataset",
    "listed_networks",
    "measured_networks",
    "measuring_options",
    "recorded_truths",
    "remarks_on",
    "slowed_networks",
]

DEVELOPMENT: Final = (
    "alexnet",
    "bert_base",
    "densenet121",
    "efficientnet_b0",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v1",
    "mobilenet_v2",
    "regnet_x_400mf",
    "resnet18",
    "resnet50",
    "semantic_fpn_resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "vgg16",
    "vit_b_16",
    "yolov4_tiny",
)
"""Networks that may be looked at while tuning."""

HELD_OUT: Final = (
    "convnext_tiny",
    "gpt2",
    "inception_v1",
    "inception_v2",
    "inception_v4",
    "mnasnet1_0",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "openpose_lightweight",
    "regnet_x_800mf",
    "regnet_y_400mf",
    "resnet34",
    "resnext50_32x4d",
    "semantic_fpn_resnet50",
    "shufflenet_v2_x1_0",
    "squeezenet1_0",
    "swin_t",
    "wide_resnet50_2",
    "yolov2",
    "yolov3",
)
"""Networks that are only scored."""

NASBENCH_101: Final = tuple(f"nasbench101:seed{seed}" for seed in range(34))
"""As many random NASBench-101 networks as in the paper."""

NASBENCH_201: Final = tuple(f"nasbench201:seed{seed}" for seed in range(16))
"""Random NAS-Bench-201 networks."""

SUITES: Final = {
    "classic": (*DEVELOPMENT, *HELD_OUT),
    "development": DEVELOPMENT,
    "held-out": HELD_OUT,
    "nasbench": (*NASBENCH_101, *NASBENCH_201),
    "nasbench101": NASBENCH_101,
    "nasbench201": NASBENCH_201,
}
"""Suites by name."""

_SQLITE: Final = b"SQLite format 3\0"

_MUST_AGREE: Final = ("runtime", "precision", "threads", "accelerator", "system_config", "memory_mode", "optimise")
_SHOULD_AGREE: Final = (("runtime_version", "version of the runtime"), ("cpu", "processor"), ("cpu_flags", "processor"))


def listed_networks(suite: str, unread: dict[str, AnnetteError] | None = None) -> tuple[Truth, ...]:
    """The networks of a suite, with what a file says of their latencies.

    Args:
        suite: Name of a suite, a file that lists networks (`annette.evaluation.truth`), or a dataset, whose whole
            networks are taken; their latencies are what `recorded_truths` reads from it.
        unread: Takes the networks of a file that cannot be loaded, by name, with the reason; None makes the first one
            an error.

    Raises:
        OptionError: There is no such suite, or the file is no list.
        NetworkError: A network cannot be loaded, and there is nowhere to note it; or none can.
    """
    if is_listing(suite):
        return load_listing(Path(suite), unread)
    if is_dataset(Path(suite)):
        return tuple(replace(truth, rounds_s=(), runs=()) for truth in measured_networks(Path(suite)))
    if is_file(Path(suite)):
        raise OptionError(f"--suite {suite!r} is a file but no list: networks are listed in a .csv or .json")
    if suite not in SUITES:
        published = published_suites()
        if suite in published:
            return _published(published[suite])
        known = (*SUITES, *published)
        raise OptionError(f"no suite {suite!r}{nearest(suite, known)}; known: {', '.join(known)}")
    return tuple(Truth(name, load_network(name)) for name in SUITES[suite])


def _published(suite: PublishedSuite) -> tuple[Truth, ...]:
    """The networks of a suite with the latencies that were published."""
    return tuple(
        Truth(one.network, load_network(one.network), (one.latency_ms * 1e-3,), published=suite)
        for one in suite.networks
    )


def remarks_on(unread: Mapping[str, AnnetteError]) -> tuple[str, ...]:
    """What to say of listed networks that cannot be loaded, one sentence each."""
    return tuple(f"{name} is left out: {error}" for name, error in unread.items())


def slowed_networks(truths: Iterable[Truth]) -> tuple[str, ...]:
    """A remark on the networks whose measured times are those with subnormal numbers taken as zero."""
    slowed = {truth.name: slowed_by(truth.runs) for truth in truths}
    named = [f"{name} ({factor:.2g} times as long with them)" for name, factor in slowed.items() if factor is not None]
    return (f"measured with subnormal numbers taken as zero: {', '.join(named)}",) if named else ()


def is_dataset(path: Path) -> bool:
    """Whether a path is a file that begins as datasets do."""
    if not is_file(path):
        return False
    with open_regular(path, error=DatasetError) as file:
        return file.read(len(_SQLITE)) == _SQLITE


def measured_networks(path: Path, platform: Platform | None = None, *, elsewhere: bool = False) -> tuple[Truth, ...]:
    """The whole networks of a dataset, with their latencies as they were measured.

    Args:
        path: The dataset, of ``annette measure``, ``bench`` or ``import``.
        platform: What they are compared with, at the speed of whose campaign; None leaves them as they are.
        elsewhere: Whether they may be of a device that no family knows, which is another one than the platform's: they
            are left as they are then.

    Raises:
        DatasetError: It cannot be read, or holds no whole network.
        OptionError: They were not measured as the platform was.
    """
    with Dataset.open(path) as dataset:
        speed = None
        unknown = elsewhere and not any(recognise(environment) for environment in dataset.environments())
        if platform is not None and not unknown:
            speed = MachineSpeed.of(platform)
            for environment in dataset.environments():
                compare_environments(platform, environment)
        truths = truths_of(dataset, speed=speed)
    if not truths:
        raise DatasetError(
            f"dataset {str(path)!r} holds no whole network with its time, as annette measure --out records them; "
            "annette fit takes its kernels"
        )
    return truths


def recorded_truths(
    platform: Platform, listed: Sequence[Truth], path: Path, *, calibrated: bool = True
) -> tuple[tuple[Truth, ...], tuple[str, ...]]:
    """Networks with the latencies that a dataset has of them.

    Args:
        platform: What will be evaluated: its campaign's speed is the reference.
        listed: The networks; none with a latency already.
        path: The dataset.
        calibrated: Whether measured times are brought to the speed of the platform's campaign.

    Returns:
        The networks in the order given, and remarks on how they were measured.

    Raises:
        OptionError: A latency is known already, or was not measured as the platform was.
        DatasetError: The dataset cannot be read, or holds another network under a name.
    """
    if any(entry.rounds_s for entry in listed):
        raise OptionError("the FILE states latencies, and --truth does as well: take one of the two")
    speed = MachineSpeed.of(platform) if calibrated else None
    networks = {entry.name: entry.network for entry in listed}
    with Dataset.open(path) as dataset:
        notes = [note for environment in dataset.environments() for note in compare_environments(platform, environment)]
        return truths_of(dataset, list(networks), networks=networks, speed=speed), tuple(notes)


def measuring_options(platform: Platform, known: Iterable[str], texts: Mapping[str, str]) -> dict[str, str]:
    """Options of a backend that make it run as the platform does; what the user gave is kept.

    An option is taken from what the platform's provenance states under the same name; ``accelerator`` is the device
    where nothing else is stated.

    Args:
        platform: What is evaluated.
        known: Options that the backend has.
        texts: What the user gave, as texts.
    """
    stated = {"threads": str(platform.threads), **_environment(platform)}
    return {name: stated[name] for name in known if stated.get(name)} | dict(texts)


def compare_environments(platform: Platform, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Compares the environment of measurements with that of the benchmark that a platform was fitted to.

    Args:
        platform: What is evaluated.
        environment: What a backend says of itself.

    Returns:
        Differences that make errors larger without making them meaningless, one sentence each.

    Raises:
        OptionError: Runtime, precision or number of threads differ: the estimates are of something else.
    """
    stated = {"threads": str(platform.threads), **_environment(platform)}
    environment = _named_alike(environment)
    for key in _MUST_AGREE:
        if key in stated and key in environment and stated[key] != environment[key]:
            raise OptionError(
                f"platform {platform.name!r} is for {key} {stated[key]!r}, and measured was with {key} "
                f"{environment[key]!r}: they do not compare; measure with {stated[key]!r}, or evaluate another platform"
            )
    notes = {
        what: f"another {what}: measured on {environment[key]!r}, the platform was fitted on {stated[key]!r}"
        for key, what in reversed(_SHOULD_AGREE)
        if key in stated and key in environment and stated[key] != environment[key]
    }
    if "runtime" not in stated:
        notes["runtime"] = f"the platform states its runtime as {platform.runtime!r}, which was not compared"
    return tuple(notes.values())


def _environment(platform: Platform) -> dict[str, str]:
    return _named_alike(dict(platform.provenance.versions))


def _named_alike(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which what compiles for an accelerator names it: some state it as the device alone."""
    named = dict(environment)
    if "memory_mode" in named and "device" in named:
        named.setdefault("accelerator", named["device"])
    return named
