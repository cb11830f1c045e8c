"""The ``annette`` command: finds the command's module when it is needed, turns known errors into one line."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Final

import click

from annette._version import __version__
from annette.errors import AnnetteError, nearest

__all__ = ["cli", "main"]

_NAMES: Final = (
    "backends", "bench", "calibrate", "compare", "dataset", "estimate", "evaluate", "fit", "inspect", "measure",
    "platforms",
)  # fmt: skip
_COMMANDS: Final = {**{name: f"annette.cli.{name}" for name in _NAMES}, "import": "annette.cli.import_tables"}
"""Command name to module; the module's ``command`` is the click command. Nothing is imported before it is used."""

_USAGE_ERROR: Final = 2
_INTERRUPTED: Final = 130


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            ctx.fail(f"no command {cmd_name!r}{nearest(cmd_name, _COMMANDS)} (annette --help lists the commands)")
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="annette")
def cli() -> None:
    """Tells how long a neural network takes on a device, layer by layer, without running it there.

    NETWORK is a file (.onnx, or the JSON of the original ANNETTE or of MMdnn) or the name of a network built in.

    \b
    Examples:
      annette estimate resnet50 --platform ncs2-openvino
      annette inspect model.onnx --batch 8
      annette platforms
    """


def main() -> None:
    """Entry point: exit code 0 on success, 2 with one line on standard error for anything the user can mend."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(_USAGE_ERROR)
    except click.ClickException as error:
        sys.exit(_complain(error.format_message()))
    except AnnetteError as error:
        sys.exit(_complain(str(error)))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`annette … | head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> int:
    line = " ".join(message.split())
    click.echo(f"annette: {line}", err=True)
    return _USAGE_ERROR
