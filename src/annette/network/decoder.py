"""Language models that write one token after the other: what one exported file is in each of its runs.

The first run reads the whole prompt (*prefill*); every further one reads the token that was written last and finds the
keys and values of those before it in a cache (*decode step*). Inputs are recognised as exporters name them: optimum
(https://huggingface.co/docs/optimum), transformers.js, ONNX Runtime's GenAI model builder: ``input_ids`` or
``inputs_embeds``, ``attention_mask``, ``position_ids``, ``past_key_values.0.key`` and the like, and in merged files
``use_cache_branch``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from annette.errors import NetworkShapeError, NetworkStructureError, OptionError
from annette.network import zoo
from annette.network.inputs import InputValue
from annette.network.sized import SizedNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.inputs import DeclaredInput, Given
    from annette.network.network import Network
    from annette.network.tensor import Tensor

__all__ = ["Decoder", "open_decoder"]

_BRANCH: Final = "use_cache_branch"
"""The input that chooses in merged files whether the cache is read."""
_CACHE_RANK: Final = 3
"""Dimensions that the keys or values of a layer have at least: samples, tokens, features."""
_OPTION: Final = "past"
"""The option of a network of the zoo that says how many tokens are cached."""


class Decoder(Protocol):
    """A network that writes tokens."""

    @property
    def has_cache(self) -> bool:
        """Whether keys and values of earlier tokens are read from a cache; else each token costs the whole sequence."""

    def prefill(self, tokens: int, batch: int) -> Network:
        """The run that reads so many tokens, nothing being cached."""

    def step(self, cached: int, batch: int) -> Network:
        """The run that reads one token behind so many that were read before."""

    def caches_of(self, step: Network) -> tuple[Tensor, ...]:
        """The inputs of a step that are keys and values of the tokens before it."""


def open_decoder(
    source: str | Path,
    *,
    with_past: str | Path | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> Decoder:
    """Opens a language model.

    Args:
        source: An ONNX file, or the name of a decoder of the zoo.
        with_past: The file of decode steps, where another one than ``source``, which then is the prefill alone.
        inputs: What is given of inputs, or of symbols, that are neither tokens nor cache.
        lenient: As for `annette.load_network`.

    Raises:
        NetworkError: A file cannot be read.
        OptionError: It is no network that reads tokens.
    """
    if not Path(source).exists() and zoo.is_name(str(source)):
        if with_past is not None or inputs:
            raise OptionError(f"{str(source)!r} is a network of the zoo: it takes no further file and no --input here")
        return _ZooDecoder(str(source))
    first = _FileDecoder.opened(source, inputs or {}, lenient=lenient)
    if with_past is None:
        return first
    second = _FileDecoder.opened(with_past, inputs or {}, lenient=lenient)
    if not second.has_cache:
        raise OptionError(
            f"{str(with_past)!r} has no input for a cache (past_key_values): it is no file of decode steps"
        )
    return _TwoFiles(first, second)


@dataclass(frozen=True, slots=True)
class _ZooDecoder:
    name: str
    has_cache: bool = True

    def __post_init__(self) -> None:
        if not zoo.has_option(self.name, _OPTION):
            known = ", ".join(name for name in zoo.names() if zoo.has_option(name, _OPTION))
            raise OptionError(f"{self.name!r} of the zoo writes no tokens; these do: {known}")

    def prefill(self, tokens: int, batch: int) -> Network:
        return zoo.build(self.name, batch=batch, sequence=tokens, past=0)

    def step(self, cached: int, batch: int) -> Network:
        return zoo.build(self.name, batch=batch, sequence=1, past=cached)

    def caches_of(self, step: Network) -> tuple[Tensor, ...]:
        return tuple(step.tensors[name] for name in step.inputs if name.startswith(_OPTION))


@dataclass(frozen=True, slots=True)
class _TwoFiles:
    """A file for the prompt, and one for the tokens behind it."""

    first: _FileDecoder
    second: _FileDecoder
    has_cache: bool = True

    def prefill(self, tokens: int, batch: int) -> Network:
        return self.first.prefill(tokens, batch)

    def step(self, cached: int, batch: int) -> Network:
        return self.second.step(cached, batch)

    def caches_of(self, step: Network) -> tuple[Tensor, ...]:
        return self.second.caches_of(step)


@dataclass(frozen=True, slots=True)
class _FileDecoder:
    """One file.

    Attributes:
        file: The file, opened.
        given: What the user said of its inputs.
        tokens: Name of the input with the tokens.
        caches: Names of the inputs with the cache.
        symbols: What the symbols of open dimensions stand for: ``batch``, ``read``, ``cached`` or ``all`` tokens.
        branch: Whether an input chooses if the cache is read.
    """

    file: SizedNetwork
    given: Mapping[str, Given]
    tokens: str
    caches: tuple[str, ...]
    symbols: Mapping[str, str] = field(default_factory=dict)
    branch: bool = False

    @classmethod
    def opened(cls, source: str | Path, given: Mapping[str, Given], *, lenient: bool) -> _FileDecoder:
        file = SizedNetwork(source, lenient=lenient)
        declared = file.declared
        if declared is None:
            if not Path(source).exists():
                file.at()  # says what it lacks
            raise OptionError(f"{str(source)!r}: tokens are written by ONNX files and decoders of the zoo")
        tokens = _tokens_of(declared, str(source))
        caches = tuple(name for name, each in declared.items() if _is_cache(name, each))
        symbols = _symbols(declared, tokens, caches, str(source))
        return cls(file, given, tokens, caches, symbols, _BRANCH in declared)

    @property
    def has_cache(self) -> bool:
        return bool(self.caches)

    def prefill(self, tokens: int, batch: int) -> Network:
        return self._at(read=tokens, cached=0, batch=batch)

    def step(self, cached: int, batch: int) -> Network:
        if not self.caches:
            return self._at(read=cached + 1, cached=0, batch=batch)
        return self._at(read=1, cached=cached, batch=batch)

    def caches_of(self, step: Network) -> tuple[Tensor, ...]:
        return tuple(step.tensors[name] for name in self.caches if name in step.tensors)

    def _at(self, *, read: int, cached: int, batch: int) -> Network:
        dims = (self.file.declared or {})[self.tokens].dims or ()
        if isinstance(dims[1], int) and dims[1] != read:
            raise NetworkShapeError(
                f"{self.file.source} reads {dims[1]} tokens at a time by its input {self.tokens!r}, not {read}: export "
                "it with an open length of the sequence, or name a file for each (--with-past)"
            )
        sizes = {"batch": batch, "read": read, "cached": cached, "all": cached + read}
        inputs: dict[str, Given] = {}
        if self.branch:
            inputs[_BRANCH] = InputValue((cached > 0,))
            sizes["cached"] = max(cached, 1)  # what is not read must be there nevertheless
        inputs |= {symbol: (sizes[meaning],) for symbol, meaning in self.symbols.items()}
        stated = dims[0] if isinstance(dims[0], int) else batch
        return self.file.at(batch=None if stated == batch else batch, inputs={**inputs, **self.given})


def _tokens_of(declared: Mapping[str, DeclaredInput], source: str) -> str:
    """Name of the input with the tokens that a run reads."""
    of_two = [name for name, each in declared.items() if not each.real and each.dims and len(each.dims) == 2]
    embedded = [name for name, each in declared.items() if each.real and "embed" in name.lower() and each.dims]
    plain = [name for name in of_two if "mask" not in name.lower() and "position" not in name.lower()]
    found = [*sorted(plain, key=lambda name: "ids" not in name.lower()), *embedded]
    found = [name for name in found if len(declared[name].dims or ()) > 1]
    if not found:
        raise OptionError(
            f"{source} has no input for tokens: integers of samples and positions, such as input_ids; it has "
            f"{', '.join(map(repr, declared)) or 'none'}"
        )
    return found[0]


def _is_cache(name: str, each: DeclaredInput) -> bool:
    low = name.lower()
    wanted = ("past" in low or "cache" in low) and "encoder" not in low.replace("decoder", "")
    return wanted and each.real and each.dims is not None and len(each.dims) >= _CACHE_RANK


def _symbols(
    declared: Mapping[str, DeclaredInput], tokens: str, caches: tuple[str, ...], source: str
) -> dict[str, str]:
    """What each symbol stands for, as far as that can be told."""
    dims = declared[tokens].dims or ()
    meanings: dict[str, str] = {}

    def learn(dim: int | str, meaning: str) -> None:
        if isinstance(dim, str):
            meanings.setdefault(dim, meaning)

    learn(dims[0], "batch")
    learn(dims[1], "read")
    for name in caches:
        first, *rest = declared[name].dims or ()
        learn(first, "batch")
        loose = [dim for dim in rest if isinstance(dim, str)]
        if not loose:
            raise NetworkStructureError(
                f"input {name!r} of {source} has a fixed length: export it with an open length of the cache"
            )
        named = [dim for dim in loose if any(part in dim.lower() for part in ("past", "seq", "len"))]
        learn((named or loose)[0], "cached")
    for name, each in declared.items():
        if name in (tokens, *caches) or each.real or not each.dims:
            continue
        if len(each.dims) > 1:
            learn(each.dims[0], "batch")
        mask = "mask" in name.lower() or "total" in name.lower()
        for dim in each.dims[1:] if len(each.dims) > 1 else each.dims:
            learn(dim, "all" if mask else "read")
    return meanings
