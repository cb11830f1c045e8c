"""Networks built in code: the zoo.

Every network is as deployed: inference only, batch normalization folded into the convolutions before it, attention and
compound activations decomposed as exporters write them. What differs by an option is the same for all:
``batch_norm=True`` keeps batch normalization as trained (where a network has any), ``classes`` sets the width of the
classifier, ``resolution`` the size of the image where the network allows several. A family is imported when one of its
networks is built.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from annette.errors import NetworkShapeError, OptionError, nearest
from annette.network.zoo.catalog import CATALOG, PARAMETRIC, Entry
from annette.network.zoo.sizes import given_sizes, options_of_size, split_size
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network.network import Network

__all__ = ["Entry", "build", "build_for_inputs", "describe", "has_option", "is_name", "names"]


def names() -> tuple[str, ...]:
    """The names of all networks, sorted.

    Those named behind a colon (``nasbench101:…``, ``nasbench201:…``, ``published:…``, see `build`) are left out.

    Example:
        >>> "resnet50" in names()
        True
    """
    return tuple(sorted(CATALOG))


def is_name(name: str) -> bool:
    """Whether the zoo has a network of this name, or a family that the part before the colon names.

    A size behind the name does not count: ``resnet50@320``.
    """
    family, colon, _ = name.partition(":")
    return split_size(name)[0] in CATALOG or (bool(colon) and family in PARAMETRIC)


def describe(name: str) -> Entry:
    """What is known of a network.

    Raises:
        OptionError: There is no network of that name.
    """
    if name not in CATALOG:
        raise OptionError(f"the zoo has no network {name!r}{nearest(name, CATALOG)}")
    return CATALOG[name]


def has_option(name: str, option: str) -> bool:
    """Whether the function of a network, by its name without a size, has an option; False where there is none.

    Example:
        >>> has_option("gpt2", "past"), has_option("resnet50", "past")
        (True, False)
    """
    return name in CATALOG and option in _options(_load(CATALOG[name].module, name))


def build(name: str, *, batch: int = 1, **options: Any) -> Network:
    """Builds a network.

    Args:
        name: One of `names`, perhaps with a size behind it (``resnet50@320``, ``yolov3@320x608``, ``bert_base@384``:
            an image's side, its height and width, or tokens); ``nasbench101:seed7`` or ``nasbench101:ROWS:OPERATIONS``
            (see `annette.network.zoo.nasbench101.parse_cell`); or ``nasbench201:`` and the benchmark's
            string for a cell; or ``published:`` and a name of `annette.network.zoo.described.described_names`.
        batch: Samples processed together, at least 1.
        **options: Of the network's function, such as ``batch_norm=True``.

    Returns:
        The network, named as asked for.

    Raises:
        OptionError: There is no network of that name, it has no such option, or the batch is not positive.
        NetworkShapeError: An option makes the network impossible, such as a resolution that vanishes on the way.

    Example:
        >>> build("squeezenet1_1", batch=2)
        Network('squeezenet1_1', 65 layers, 0.698 GMACs, batch 2)
    """
    if batch < 1:
        raise OptionError(f"batch {batch} is not at least 1")
    family, colon, cell = name.partition(":")
    if colon and family in PARAMETRIC:
        function = _load(*PARAMETRIC[family])
        _check_options(name, function, options)
        return function(cell, batch, **options)
    plain, size = split_size(name)
    entry = describe(plain)
    function = _load(entry.module, entry.name)
    _check_options(plain, function, options)
    if not size:
        return function(batch, **options)
    try:
        network = function(batch, **options_of_size(plain, size, _options(function)), **options)
    except NetworkShapeError as error:
        raise NetworkShapeError(f"{name} cannot be built: {error}") from error
    return network.replaced(name=name)


def build_for_inputs(name: str, inputs: Mapping[str, tuple[int, ...]], *, batch: int | None = None) -> Network:
    """Builds a network whose inputs are of given shapes.

    Args:
        name: As for `build`, without a size.
        inputs: Shapes by input name, batch first.
        batch: Samples processed together; None takes what the shapes say.

    Raises:
        OptionError: As for `build`, or there is no such input.
        NetworkShapeError: The shapes do not fit the network or the batch.

    Example:
        >>> build_for_inputs("resnet18", {"image": (2, 3, 320, 320)})
        Network('resnet18@320x320', 49 layers, 7.4 GMACs, batch 2)
    """
    if split_size(name)[1]:
        raise OptionError(f"{name!r} states its size already: take one of the two")
    own = build(name)
    samples, size = given_sizes(name, own, inputs)
    if batch is not None and batch != samples:
        raise NetworkShapeError(f"--batch {batch} and shapes of {samples} samples contradict each other")
    first = own.tensors[own.inputs[0]].shape
    if size == first[len(first) - len(size) :]:
        return build(name, batch=samples)
    return build(f"{name}@{'x'.join(map(str, size))}", batch=samples)


def _load(module: str, function: str) -> Callable[..., Network]:
    loaded: Callable[..., Network] = resolve(f"annette.network.zoo.{module}:{function}")
    return loaded


def _check_options(name: str, function: Callable[..., Network], options: dict[str, Any]) -> None:
    known = _options(function)
    for option in options:
        if option not in known:
            raise OptionError(f"{name} has no option {option!r}{nearest(option, known)} (options: {', '.join(known)})")


def _options(function: Callable[..., Network]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
