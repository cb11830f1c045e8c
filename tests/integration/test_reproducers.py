"""Files that broke annette once: each ends in an estimate or in one line that says what is wrong with it.

Those under 4 kB are kept in ``tests/data/reproducers``. Larger ones (datasets, platforms) are looked at where they lie
beside the checkout; the tests of datasets and platforms build their like.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import resource
import sys
from pathlib import Path

import pytest

import annette
from annette.cli.main import main
from annette.errors import ModelError, NetworkSizeError

KEPT = Path(__file__).parents[1] / "data" / "reproducers"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "reproducers"
PLATFORMS = tuple(entry.name for entry in annette.list_platforms())
MEMORY_BYTES = 2 * 2**30
"""What a test may allocate beyond what the process has: bombs asked for 4 to 32 GiB."""

REFUSED = {
    "attention_rank1.onnx": r"node 'y' \(Attention\) cannot read operands of shapes",
    "empty_too_big.onnx": "its number of elements overflows",
    "escape_domain.onnx": r"operator \\x1b\]0;pwn\\x07\\x1b\[31m.f, which annette does not know",
    "function_laughs.onnx": r"node 'y' \(f0\) asks for more work",
    "loop_nest.onnx": "tensor 'd' in graph 'b' is produced twice",
    "net_esc_type.json": r"layer 'pool1' 'evil\\x1b\]0;pwn\\x07' is empty, too long, or holds characters",
    "newline_op.onnx": r"operator ai.onnx.a\\nb, which annette does not know",
    "reshape_float_shape.onnx": "has input 1 of type float32, which its operator does not take",
    "split_bomb.onnx": r"has 2 outputs where its num_outputs is 9007199254740993",
    "topk_bomb.onnx": "takes its number of elements from 2 numbers",
}
PRICED = (
    "ethos_gap16384.onnx", "ethos_gap65536.onnx", "ethos_pool_hang.onnx", "loop_scalar_scan.onnx",
    "ncs2_w2147483648.onnx", "ncs2_w33554432.onnx", "tile_bomb.onnx",
)  # fmt: skip
IMPORTED = {
    "import_inf.csv": "in_channels is 'inf', not a number",
    "import_operands.csv": "operands is '2147483648'",
    "import_resize_after_fc.csv": "activation is 'resize_nearest'; known: ",
}
SUITES = {
    "suite_inf.csv": "line 2 of '.+': latency_s '1e-310' is no time",
    "suite_longname.json": "no network file and no network of the zoo is called 'xxx",
}
PROGRAMS = {
    "fail.sh": r"exit code 3: line2 \\x1b\[2J",
    "fork.sh": "",
    "forkhang.sh": "gave no result in 1 s",
    "p_deepjson.py": "nested too deeply",
    "p_layersint.py": "layers is 5",
    "p_surr2.py": "surrogate",
    "p_zero.py": "output is .0.: it must be a number of 1e-09",
}
DATASETS = {
    "ds_details.sqlite.gz": "details",
    "ds_env.sqlite.gz": "environment",
    "ds_envjson.sqlite.gz": "environment",
    "ds_graph.sqlite.gz": "graph",
    "ds_json.sqlite.gz": "is not valid JSON|samples|calibration",
    "ds_neg.sqlite.gz": "latency_s is -",
    "ds_nonet.sqlite.gz": "network",
    "ds_round.sqlite.gz": "round",
    "ds_status.sqlite.gz": "status",
    "trigger.sqlite.gz": "trigger",
    "view_bomb.sqlite.gz": "view",
}


@pytest.fixture(autouse=True)
def limited_memory():
    """The process may grow so far and no further."""
    used = int(re.search(r"VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))[1]) * 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.fixture
def command(capsys, monkeypatch):
    """Runs ``annette``, without its last guard: exit code, output, and what it complains of in one line."""
    monkeypatch.setenv("ANNETTE_UNGUARDED", "1")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["annette", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        assert all(line.isprintable() for line in captured.err.splitlines())
        return stop.value.code, captured.out, captured.err

    return run


def refused(outcome, message):
    code, _, err = outcome
    assert code == 2
    assert len(err.splitlines()) == 1
    assert re.search(message, err), err


def test_every_file_has_its_test():
    others = {"esc3.json", "ncs2_hang.onnx", "ncs2_tiles.onnx", "reshape_only.onnx"}
    known = {*REFUSED, *PRICED, *IMPORTED, *SUITES, *PROGRAMS, *others}
    assert {file.name for file in KEPT.iterdir()} == known


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_are_refused(command, name):
    refused(command("estimate", KEPT / name, "--platform", "ncs2-openvino", "--fallback", "roofline"), REFUSED[name])


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", PRICED)
def test_networks_that_are_priced(name, platform):
    estimate = annette.estimate(KEPT / name, platform, fallback="roofline")
    assert 0 < estimate.latency_s < math.inf


@pytest.mark.parametrize("platform", PLATFORMS)
def test_views_are_priced_or_free(platform):
    priced_or_free(KEPT / "reshape_only.onnx", platform)


def priced_or_free(network, platform):
    """What nothing computes is free on some platforms, which is an error that says so."""
    try:
        latency_s = annette.estimate(network, platform, fallback="roofline").latency_s
    except ModelError as error:
        assert "costs nothing on platform" in str(error)  # noqa: PT017 - platforms differ
    else:
        assert 0 < latency_s < math.inf


@pytest.mark.parametrize("platform", PLATFORMS)
def test_billions_of_samples_are_priced_in_no_time(platform):
    network = annette.load_network(KEPT / "ncs2_hang.onnx")
    assert 0 < annette.estimate(network, platform, fallback="roofline").latency_s < math.inf


@pytest.mark.parametrize("platform", PLATFORMS)
def test_hundreds_of_thousands_of_tiles_are_refused_where_they_are_placed(platform):
    network = annette.load_network(KEPT / "ncs2_tiles.onnx")
    if platform == "ncs2-openvino":
        with pytest.raises(NetworkSizeError, match="layer 'y', which the engine computes in 262144 tiles"):
            annette.estimate(network, platform)
    else:
        assert 0 < annette.estimate(network, platform, fallback="roofline").latency_s < math.inf


@pytest.mark.parametrize("name", IMPORTED)
def test_layer_tables(command, tmp_path, name):
    words = ("--device", "d", "--runtime", "r", "--precision", "fp32", "--out", tmp_path / "d.sqlite")
    refused(command("import", KEPT / name, *words), IMPORTED[name])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SUITES)
def test_suites(command, name):
    refused(command("evaluate", "--platform", "ncs2-openvino", "--suite", KEPT / name), SUITES[name])


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(command, tmp_path, name):
    call = f"command={KEPT / name} {{model}}"
    words = ("--option", call, "--option", "run_timeout_s=1", "--rounds", "1", "--out", tmp_path / "d.sqlite", "--json")
    outcome = command("measure", "squeezenet1_1", "--backend", "command", *words)
    if PROGRAMS[name]:
        refused(outcome, PROGRAMS[name])
    else:
        assert (outcome[0], json.loads(outcome[1])["latency_s"]) == (0, 1.5e-3)
    assert not list(left_behind())


def left_behind():
    """The sleeping programs that the reproducers start in sessions of their own."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == b"sleep" and re.fullmatch(rb"33[3-7]\.7", words[1]):
            yield words


def test_a_document_that_is_no_platform(command):
    refused(command("platforms", "show", KEPT / "esc3.json"), "this is not a platform file")


@pytest.fixture
def shared(tmp_path):
    """A file of the collection beside the checkout, unpacked."""

    def unpacked(name):
        source = SHARED / name
        if not source.exists():
            pytest.skip("the collection of larger files is not beside the checkout")
        if source.suffix != ".gz":
            return source
        target = tmp_path / source.stem
        target.write_bytes(gzip.decompress(source.read_bytes()))
        return target

    return unpacked


@pytest.mark.parametrize("name", DATASETS)
def test_datasets(command, shared, tmp_path, name):
    path = shared(name)
    refused(command("dataset", path), DATASETS[name])
    refused(command("fit", path, "--out", tmp_path / "p.json"), DATASETS[name])


def test_a_dataset_with_scripts_in_its_texts(command, shared, tmp_path):
    code, out, _ = command("dataset", shared("xss.sqlite.gz"), "--html", tmp_path / "page.html")
    assert code == 0
    assert all(line.isprintable() for line in out.splitlines())
    assert "<script>alert" not in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["esc.json", "esc2.json", "zcu102-dnndk-original.json"])
def test_platforms_with_commands_for_terminals(command, shared, name):
    code, out, err = command("estimate", "resnet18", "--platform", shared(name))
    assert code == 0 or re.match("annette: platform file", err)
    assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", ["concat_many.onnx", "tflite-struct-4ca6e8e5.tflite"])
def test_larger_networks(shared, name, platform):
    priced_or_free(shared(name), platform)
