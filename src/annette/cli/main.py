"""The ``annette`` command: finds the command's module when it is needed, turns known errors into one line."""

from __future__ import annotations

import _thread
import importlib
import io
import os
import signal
import sys
import tempfile
import threading
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import click

from annette._version import __version__
from annette.cli.options import USAGE_ERROR
from annette.cli.output import complain
from annette.errors import AnnetteError, nearest
from annette.plain_text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cli", "main"]

_NAMES: Final = (
    "advise", "backends", "bench", "calibrate", "compare", "dataset", "diff", "estimate", "evaluate", "fit", "generate",
    "inspect", "measure", "platforms", "search",
)  # fmt: skip
_COMMANDS: Final = {**{name: f"annette.cli.{name}" for name in _NAMES}, "import": "annette.cli.import_tables"}
"""Command name to module; the module's ``command`` is the click command. Nothing is imported before it is used."""

_FAULT: Final = 70
"""``EX_SOFTWARE`` of sysexits.h."""
_INTERRUPTED: Final = 130
_PIPE_CLOSED: Final = 141
"""What shells give for a program that SIGPIPE ended: 128 and the number of the signal."""
_MOMENT_S: Final = 0.02
_UNGUARDED: Final = "ANNETTE_UNGUARDED"
"""Environment variable that lets a fault of ours end in its traceback, for developers and fuzzers."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            ctx.fail(f"no command {cmd_name!r}{nearest(cmd_name, _COMMANDS)} (annette --help lists the commands)")
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _quiet_where_nobody_reads():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _quiet_where_nobody_reads():
            return super().invoke(ctx)


@contextmanager
def _quiet_where_nobody_reads() -> Iterator[None]:
    """Ends the program where the reader of its output has gone (`annette … | head`), before click does with code 1."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_PIPE_CLOSED)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="annette")
def cli() -> None:
    """Tells how long a neural network takes on a device, layer by layer, without running it there.

    NETWORK is a file (.onnx, .ort, .tflite, OpenVINO's .xml, PyTorch's .pt2, .keras, a folder of TensorFlow's
    SavedModel, or the JSON of the original ANNETTE or of MMdnn) or the name of a network built in, perhaps at another
    size (resnet50@320).

    \b
    Examples:
      annette estimate resnet50 --platform ncs2-openvino
      annette inspect model.onnx --batch 8
      annette platforms
    """


def main(*, interruptible: bool = False) -> None:
    """Runs one command: exit code 0 on success, 2 with one line on standard error for anything the user can mend.

    What is left is a fault of ours: one line that asks for a report, with the traceback in a file, and exit code 70.

    Args:
        interruptible: Whether to turn interrupts into `KeyboardInterrupt` from here on, which an entry point that was
            not to be interrupted while it loaded this module asks for.
    """
    try:
        if interruptible:
            sys.unraisablehook = _interrupt_again
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # units and names go to any terminal
        code = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(USAGE_ERROR)
    except click.ClickException as error:
        sys.exit(_complain(error.format_message()))
    except AnnetteError as error:
        sys.exit(_complain(str(error)))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except OSError as error:
        where = f" {error.filename!r}" if error.filename else ""
        sys.exit(_complain(f"cannot read or write{where}: {error.strerror or error}"))
    except Exception as error:  # the last guard hides nothing: it keeps the traceback
        if os.environ.get(_UNGUARDED):
            raise
        sys.exit(_report_fault(error))
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Delivers an interrupt once more that fell into a callback, from where nothing can be raised: a moment later."""
    if unraisable.exc_type is KeyboardInterrupt:
        threading.Timer(_MOMENT_S, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(unraisable)


def _complain(message: str) -> int:
    complain(message)
    return USAGE_ERROR


def _report_fault(error: Exception) -> int:
    """Keeps the traceback in a file and asks for a report of it."""
    where = "with what was done"
    with (
        suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", prefix="annette-fault-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file,
    ):
        file.write(f"annette {__version__}, Python {sys.version}\n{sys.argv[1:]!r}\n\n")
        file.write("".join(traceback.format_exception(error)))
        where = f"with the file {file.name!r}, which has the details"
    what = f"{type(error).__name__}: {' '.join(str(error).split())}"
    _complain(f"this is a fault of annette, not of yours ({shortened(what)}): please report it {where}")
    return _FAULT
