"""Entry point of the ``annette`` command and of ``python -m annette``."""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> None:
    """Loads the command line and runs it.

    Until it is loaded there is nothing to clean up and nobody to tell: an interrupt then ends the process at once,
    instead of raising `KeyboardInterrupt` in the middle of an import, whose traceback nobody wants.
    """
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from annette.cli.main import main as run_command  # noqa: PLC0415 - see above

    run_command(interruptible=interruptible)


if __name__ == "__main__":
    main()
