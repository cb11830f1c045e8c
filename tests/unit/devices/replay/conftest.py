import pytest

from tests.unit.bench import scripted as helpers


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """The scripted backend, usable under its name here and in workers."""
    return helpers.install(tmp_path / "plug-in", monkeypatch)
