"""What a worker of a cluster does for estimates; no cluster is needed for it."""

import msgspec
import pytest

import annette
from annette._version import __version__
from annette.errors import ClusterError, NetworkError, OptionError, PlatformNotFoundError
from annette.network.builder import NetworkBuilder
from annette.network.inputs import InputValue
from annette.platforms import dumps_platform, load_platform
from annette.remote import estimate_on_cluster, serve_estimates
from annette.report.estimates import estimate_document

PLATFORM = "zcu102-dnndk"


def own(width):
    net = NetworkBuilder(f"own{width}")
    return net.build(net.relu(net.conv(net.input("x", (1, 8, 16, 16)), width, 3)))


@pytest.mark.usefixtures("here")
def test_gives_what_one_machine_gives_in_order():
    networks = ["resnet18", *(own(8 * width) for width in range(1, 40)), "mobilenet_v2"]
    found = list(estimate_on_cluster(networks, PLATFORM, scheduler="tcp://x"))
    assert [each.number for each in found] == list(range(len(networks)))
    assert [each.network for each in found[:2]] == ["resnet18", "own8"]
    for network, each in zip(networks, found, strict=True):
        assert each.get() == estimate_document(annette.estimate(network, PLATFORM))


@pytest.mark.usefixtures("here")
def test_an_error_of_one_network_is_in_its_place(tmp_path):
    (tmp_path / "torn.onnx").write_bytes(b"torn")
    networks = ["resnet18", "resnet81", tmp_path / "torn.onnx", str(tmp_path / "missing.onnx"), "resnet34"]
    found = list(estimate_on_cluster(networks, PLATFORM, scheduler="tcp://x", fields=["latency_s"]))
    assert [each.error is None for each in found] == [True, False, False, False, True]
    for network, each in zip(networks[1:4], found[1:4], strict=True):
        with pytest.raises(NetworkError) as known:
            annette.estimate(network, PLATFORM)
        assert (type(each.error), str(each.error)) == (known.type, str(known.value))
    assert found[4].get().keys() == {"latency_s"}


@pytest.mark.usefixtures("here")
def test_options_travel():
    how = {"batch": 4, "model": "roofline", "fallback": "roofline", "confidence": 0.5}
    (found,) = estimate_on_cluster(["resnet18"], PLATFORM, scheduler="tcp://x", **how)
    assert found.get() == estimate_document(annette.estimate("resnet18", PLATFORM, **how))
    shape = {"image": (1, 3, 64, 64)}
    (found,) = estimate_on_cluster(["resnet18"], PLATFORM, scheduler="tcp://x", inputs=shape)
    assert found.get() == estimate_document(annette.estimate("resnet18", PLATFORM, inputs=shape))
    (found,) = estimate_on_cluster(["resnet18"], PLATFORM, scheduler="tcp://x", inputs={"x": InputValue((1, 2))})
    assert "x=[1,2]" in str(found.error)


def test_what_makes_no_sense_is_said_at_the_call():
    with pytest.raises(OptionError, match="no field 'latency'; did you mean 'latency_s'"):
        estimate_on_cluster([], PLATFORM, scheduler="tcp://x", fields=["latency"])
    with pytest.raises(PlatformNotFoundError):
        estimate_on_cluster([], "zcu", scheduler="tcp://x")
    with pytest.raises(OptionError):
        estimate_on_cluster([], PLATFORM, scheduler="tcp://x", confidence=2.0)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": "0.0"}, f"ClusterError: it has annette {__version__}, and was asked by 0.0"),
        ({"how": {"speed": 1}}, "TypeError"),
        ({"code": "x"}, "ValidationError: Object contains unknown field `code`"),
    ],
)
def test_a_worker_refuses_what_is_no_request(change, error):
    request = {"version": __version__, "networks": ["resnet18"], "fields": [], "how": {}, "inputs": {}} | change
    platform = dumps_platform(load_platform(PLATFORM)).encode()
    answer = msgspec.json.decode(serve_estimates(msgspec.json.encode(request), platform))
    assert error in answer["error"]
    assert answer["entries"] == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"{}x", "the answer of a worker of the cluster cannot be read"),
        (b'{"error":"ClusterError: it has annette 0.0"}', "cannot estimate: ClusterError: it has annette 0.0"),
    ],
)
@pytest.mark.usefixtures("here")
def test_an_answer_that_is_none_is_an_error(answer, message, monkeypatch):
    monkeypatch.setattr("annette.remote.serve_estimates", lambda *_: answer)
    with pytest.raises(ClusterError, match=message):
        list(estimate_on_cluster(["resnet18"], PLATFORM, scheduler="tcp://x"))
