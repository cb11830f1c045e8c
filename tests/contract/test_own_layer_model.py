"""A layer-model family from outside the package: the example of docs/platform-format.md keeps the contract."""

import re
from pathlib import Path

import pytest

from annette.testing.layer_models import LayerModelContract

PAGE = Path(__file__).resolve().parents[2] / "docs" / "platform-format.md"


def documented():
    """The class in the page's example."""
    (example,) = re.findall(r"```python\n(from dataclasses .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {"__name__": __name__}
    exec(example, names)  # noqa: S102 - our own page
    return names["PerByte"]


class TestTheDocumentedFamily(LayerModelContract):
    @pytest.fixture
    def model(self):
        return documented()(bytes_per_s=1e9, offset_s=1e-6)
