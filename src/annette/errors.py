"""Every error annette raises on purpose.

::

    AnnetteError
    ├── NetworkError                  a network cannot be used as it is
    │   ├── NetworkFormatError        the file is not what its name says: not a model, truncated, wrong schema
    │   ├── NetworkStructureError     empty graph, cycle, dangling input, the same tensor produced twice
    │   ├── NetworkShapeError         a dimension is unknown, not positive or too large
    │   │   └── UndecidedSizeError    data decide a shape when the network runs, and nothing bounds it
    │   ├── NetworkExportError        a framework is not installed, or cannot export the model that it made
    │   ├── NetworkSizeError          reading or mapping it would take more work or memory than its size warrants
    │   └── UnsupportedOperatorError  an operator whose result cannot be determined
    ├── PlatformError                 a platform cannot be used as it is
    │   ├── PlatformNotFoundError     no such platform, with the nearest names
    │   └── PlatformFormatError       wrong schema, newer version, parameters out of range
    ├── MappingError                  a mapping rule is ill-formed or does not conserve its layers
    ├── ModelError                    a layer model cannot be built or used
    │   └── UnsupportedKernelError    the platform has no model for a kind of kernel in the network
    ├── BackendError                  a runtime could not do what was asked
    │   ├── BackendUnavailableError   the runtime is not installed, with the install line
    │   └── BackendRunError           compiling, running or profiling one network failed
    ├── ClusterError                  a cluster cannot be reached, or has lost what it needs
    ├── DatasetError                  a dataset is torn, foreign, or of another version
    ├── FitError                      the data cannot carry the model that was asked for
    ├── PluginError                   an installed extension cannot be loaded or contradicts another
    └── OptionError                   an argument or command-line option has a value that makes no sense

A message is one line that says what failed, on which object, with which value, and what to do about it. The
command line prints it after ``annette:`` and exits with code 2; anything else that reaches a user is a bug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AnnetteError",
    "BackendError",
    "BackendRunError",
    "BackendUnavailableError",
    "ClusterError",
    "DatasetError",
    "FitError",
    "MappingError",
    "ModelError",
    "NetworkError",
    "NetworkExportError",
    "NetworkFormatError",
    "NetworkShapeError",
    "NetworkSizeError",
    "NetworkStructureError",
    "OptionError",
    "PlatformError",
    "PlatformFormatError",
    "PlatformNotFoundError",
    "PluginError",
    "UndecidedSizeError",
    "UnsupportedKernelError",
    "UnsupportedOperatorError",
    "nearest",
]


class AnnetteError(Exception):
    """Root of everything annette raises on purpose.

    As text it is one line in which names taken from files are escaped and cut (`annette.plain_text`).
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class NetworkError(AnnetteError):
    """A network cannot be used as it is."""


class NetworkFormatError(NetworkError):
    """The file is not what its name says: not a model, truncated, of an unknown schema."""


class NetworkStructureError(NetworkError):
    """The graph is not a network: empty, cyclic, with a dangling input or a tensor produced twice."""


class NetworkShapeError(NetworkError):
    """A dimension is unknown, not positive, inconsistent, or too large to count with."""


class UndecidedSizeError(NetworkShapeError):
    """A shape that data decide when the network runs, and that nothing bounds.

    Args:
        message: The line.
        tensor: What has the shape, by the file's name for it.
    """

    def __init__(self, message: str, *, tensor: str = "") -> None:
        super().__init__(message)
        self.tensor = tensor


class NetworkExportError(NetworkError):
    """The framework that made a model is not installed, or cannot export it; the message has the install line."""


class NetworkSizeError(NetworkError):
    """Reading or mapping the network would take more work or memory than its size warrants."""


class UnsupportedOperatorError(NetworkError):
    """An operator whose result cannot be determined."""


class PlatformError(AnnetteError):
    """A platform cannot be used as it is."""


class PlatformNotFoundError(PlatformError):
    """No platform of that name; the message lists the nearest ones."""


class PlatformFormatError(PlatformError):
    """A platform file of a wrong schema or a newer version, or with parameters out of their range."""


class MappingError(AnnetteError):
    """A mapping rule is ill-formed, or a mapping would lose or repeat a layer."""


class ModelError(AnnetteError):
    """A layer model cannot be built or used."""


class UnsupportedKernelError(ModelError):
    """The platform has no fitted model for a kind of kernel that the network needs."""


class BackendError(AnnetteError):
    """A runtime could not do what was asked."""


class BackendUnavailableError(BackendError):
    """A runtime is not installed or not usable here; the message has the install line."""


class BackendRunError(BackendError):
    """Compiling, running or profiling one network failed."""


class ClusterError(AnnetteError):
    """A cluster cannot be reached, has no board that was asked for, or has lost the last one."""


class DatasetError(AnnetteError):
    """A dataset is torn, from elsewhere, or of another version."""


class FitError(AnnetteError):
    """The data cannot carry the model that was asked for."""


class PluginError(AnnetteError):
    """An installed extension cannot be loaded, or two contradict each other."""


class OptionError(AnnetteError):
    """An argument or a command-line option has a value that makes no sense."""


_TELLING = 3
"""Letters from which on a part of a name points at the whole one."""


def nearest(word: str, known: Iterable[str], *, count: int = 3) -> str:
    """Formats the known words most like ``word`` for the end of an error message.

    Those that contain it come first, and of these those that add least.

    Args:
        word: What was asked for.
        known: What exists.
        count: How many suggestions at most.

    Returns:
        ``"; did you mean 'a' or 'b'?"``, or an empty string where nothing is alike.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only errors need it

    words = list(known)
    longer = [each for each in words if len(word) >= _TELLING and word.lower() in each.lower()]
    longer.sort(key=len)
    matches = list(dict.fromkeys(longer + get_close_matches(word, words, n=count, cutoff=0.5)))[:count]
    return f"; did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""
