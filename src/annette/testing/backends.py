"""The contract of backends as a test suite.

An author of a backend subclasses `BackendContract`, overrides the fixture ``backend``, and runs pytest::

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self):
            return MyBackend(MyOptions(board="10.0.0.7"))
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import pytest

from annette.bench.backend import Backend, BackendOptions, Subject
from annette.bench.profile_matching import match_profile
from annette.network.builder import NetworkBuilder

if TYPE_CHECKING:
    from annette.bench.backend import CompiledNetwork
    from annette.network import Network

__all__ = ["BackendContract", "example_network"]

_OPTION_TYPES = ("int", "float", "str", "bool")


def example_network(name: str = "example") -> Network:
    """A small network with what most networks have: convolutions, a shortcut, pooling, a classifier."""
    net = NetworkBuilder(name)
    x = net.relu(net.conv(net.input("image", (1, 3, 32, 32)), 32, 3, stride=2, padding=1, name="stem"))
    y = net.conv(net.relu(net.conv(x, 32, 3, padding=1, name="conv1")), 32, 3, padding=1, name="conv2")
    x = net.relu(net.add(x, y, name="add"), name="activation")
    x = net.max_pool(x, 2, stride=2, name="pool")
    x = net.flatten(net.global_average_pool(x, name="mean"), name="flatten")
    return net.build(net.fully_connected(x, 10, name="classifier"))


class BackendContract:
    """What every backend must satisfy.

    Override ``backend``; ``network`` where the backend cannot run the example; ``least_matched_share`` where its
    report is known to leave more open.
    """

    least_matched_share = 0.97

    @pytest.fixture
    def backend(self) -> Backend:
        """The backend under test, open."""
        raise NotImplementedError("override the fixture 'backend' with the backend to test")

    @pytest.fixture
    def network(self) -> Network:
        """A network that the backend can run."""
        return example_network()

    def test_says_whether_it_is_usable(self, backend: Backend) -> None:
        """The one under test is; the reason is one line."""
        state = type(backend).available()
        assert state.usable
        assert state.reason
        assert "\n" not in state.reason + state.install

    def test_options_are_frozen_and_explained(self, backend: Backend) -> None:
        """A frozen dataclass of plain types, each with a default and a help text."""
        options_type = type(backend).options_type
        assert issubclass(options_type, BackendOptions)
        for field in dataclasses.fields(options_type):
            kind = field.type if isinstance(field.type, str) else field.type.__name__
            assert kind in _OPTION_TYPES
            assert field.default is not dataclasses.MISSING
            assert field.metadata.get("help")
            with pytest.raises(FrozenInstanceError):
                setattr(backend.options, field.name, field.default)

    def test_environment_is_text_and_does_not_change(self, backend: Backend) -> None:
        """Names and values are text; two readings agree."""
        environment = dict(backend.environment())
        assert environment["runtime"]
        assert all(isinstance(part, str) for pair in environment.items() for part in pair)
        assert dict(backend.environment()) == environment

    def test_runs_as_often_as_asked(self, backend: Backend, network: Network) -> None:
        """At least one finite positive time per run, in seconds; ``before`` is called before each."""
        calls = []
        with backend.compile(Subject(network)) as compiled:
            for repeats in (1, 3):
                samples = compiled.run(repeats)
                assert len(samples) >= repeats
                assert all(math.isfinite(sample) and sample > 0 for sample in samples)
            if not type(backend).deterministic:
                compiled.run(2, before=lambda: calls.append(1))
                assert len(calls) == 2

    def test_profile_is_plausible(self, backend: Backend, network: Network) -> None:
        """Every kernel has a name and as many times as the others; together they are not far from the whole."""
        with backend.compile(Subject(network)) as compiled:
            whole_s = min(compiled.run(5))
            profile = compiled.profile(5)
        if profile is None:
            pytest.skip("the backend has no report per kernel")
        assert profile.entries
        assert len({len(entry.latency_s) for entry in profile.entries}) == 1
        assert all(time_s >= 0 for entry in profile.entries for time_s in entry.latency_s)
        assert all(entry.name for entry in profile.entries)
        assert sum(min(entry.latency_s) for entry in profile.entries) < 100 * whole_s

    def test_profile_names_only_what_the_network_has(self, backend: Backend, network: Network) -> None:
        """Layers and tensors in a profile are the network's."""
        with backend.compile(Subject(network)) as compiled:
            profile = compiled.profile(1)
        names = {layer.name for layer in network.layers}
        for entry in () if profile is None else profile.entries:
            assert set(entry.layers) <= names
            assert {*entry.inputs, *entry.outputs} <= set(network.tensors)

    def test_kernels_are_matched_to_layers(self, backend: Backend, network: Network) -> None:
        """Nearly all of the profiled time belongs to layers, and no layer runs twice."""
        with backend.compile(Subject(network)) as compiled:
            profile = compiled.profile(3)
        if profile is None:
            pytest.skip("the backend has no report per kernel")
        matched = match_profile(network, profile.entries)
        assert matched.matched_share >= self.least_matched_share, matched.unmatched
        claimed = [layer for kernel in matched.kernels for layer in kernel.layers]
        assert len(claimed) == len(set(claimed))

    def test_closes_twice(self, backend: Backend, network: Network) -> None:
        """Closing frees what is held; a second time does nothing."""
        compiled: CompiledNetwork = backend.compile(Subject(network))
        compiled.run(1)
        compiled.close()
        compiled.close()

    def test_several_networks_are_open_at_once(self, backend: Backend, network: Network) -> None:
        """Compiled networks do not disturb each other."""
        with backend.compile(Subject(network)) as first, backend.compile(Subject(network)) as second:
            assert first.run(1)
            assert second.run(1)
            assert first.run(1)

    def test_deterministic_backends_repeat_themselves(self, backend: Backend, network: Network) -> None:
        """Two compilations of one network give the same times."""
        if not type(backend).deterministic:
            pytest.skip("the backend measures")
        with backend.compile(Subject(network)) as first, backend.compile(Subject(network)) as second:
            assert first.run(1) == second.run(1)
            assert first.profile(1) == second.profile(1)
