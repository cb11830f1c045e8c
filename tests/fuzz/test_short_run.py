"""A short campaign: the first cases of a fixed seed in every format. Long ones are run by hand: docs/robustness.md."""

import pytest
from tools.fuzz.campaign import run_campaign
from tools.fuzz.summary import summary

CASES = {
    "onnx": 600, "tflite": 700, "ort": 500, "ir": 400, "pt2": 700, "keras": 900, "saved_model": 1500, "json": 700,
    "platform": 400, "table": 400, "dataset": 250, "command": 600,
}  # fmt: skip
"""About ten seconds for each format, most of them for the start of a worker."""


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_found(name, tmp_path):
    record = run_campaign(tmp_path, seed=1, formats=[name], cases=CASES[name], quiet=True)
    assert not record.known, summary(record)
    figures, _ = record.figures()
    assert figures[name].cases == CASES[name]
    accepted = figures[name].outcomes["estimated"] + figures[name].outcomes["accepted"]
    assert accepted > CASES[name] / 20, "nearly everything is refused: the mutations are too coarse to find much"
