"""What exporters say in a user's process."""

import logging
import warnings

import pytest

from annette.network.readers.frameworks.quiet import quiet


def say():
    print("progress")  # noqa: T201 - what exporters do
    logging.getLogger("exporter").error("unsupported")
    warnings.warn("soon gone", FutureWarning, stacklevel=1)


def test_exporters_are_silent_and_nobody_else_is(capsys, caplog):
    with quiet():
        say()
    with pytest.raises(ValueError, match="no export"), quiet():
        raise ValueError("no export")
    assert (*capsys.readouterr(), caplog.text) == ("", "", "")
    with pytest.warns(FutureWarning):
        say()
    assert capsys.readouterr().out == "progress\n"
    assert "unsupported" in caplog.text
