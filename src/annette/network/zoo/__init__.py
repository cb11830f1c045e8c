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

from annette.errors import OptionError, nearest
from annette.network.zoo.catalog import CATALOG, PARAMETRIC, Entry
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.network import Network

__all__ = ["Entry", "build", "describe", "is_name", "names"]


def names() -> tuple[str, ...]:
    """The names of all networks, sorted.

    Those of cells (``nasbench101:…``, ``nasbench201:…``, see `build`) are endless and left out.

    Example:
        >>> "resnet50" in names()
        True
    """
    return tuple(sorted(CATALOG))


def is_name(name: str) -> bool:
    """Whether the zoo has a network of this name, or a family of cells that the part before the colon names."""
    family, colon, _ = name.partition(":")
    return name in CATALOG or (bool(colon) and family in PARAMETRIC)


def describe(name: str) -> Entry:
    """What is known of a network.

    Raises:
        OptionError: There is no network of that name.
    """
    if name not in CATALOG:
        raise OptionError(f"the zoo has no network {name!r}{nearest(name, CATALOG)}")
    return CATALOG[name]


def build(name: str, *, batch: int = 1, **options: Any) -> Network:
    """Builds a network.

    Args:
        name: One of `names`; ``nasbench101:seed7`` or ``nasbench101:ROWS:OPERATIONS`` (see
            `annette.network.zoo.nasbench101.parse_cell`); or ``nasbench201:`` and the benchmark's string for a cell.
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
    entry = describe(name)
    function = _load(entry.module, entry.name)
    _check_options(name, function, options)
    return function(batch, **options)


def _load(module: str, function: str) -> Callable[..., Network]:
    loaded: Callable[..., Network] = resolve(f"annette.network.zoo.{module}:{function}")
    return loaded


def _check_options(name: str, function: Callable[..., Network], options: dict[str, Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise OptionError(f"{name} has no option {option!r}{nearest(option, known)} (options: {', '.join(known)})")
