"""The contract of context stages as a test suite.

An author of a context stage subclasses `ContextStageContract`, overrides the fixture ``stage``, and runs pytest::

    class TestMyStage(ContextStageContract):
        @pytest.fixture
        def stage(self):
            return MyStage(buffer_kib=128)
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from annette.errors import MappingError
from annette.mapping.kernel import CONTEXT_PREFIX, is_context_column
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.testing import ParametersContract
from annette.testing.backends import example_network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.mapping.context import ContextStage
    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["ContextStageContract", "branched_network", "token_network"]


def branched_network() -> Network:
    """Two inputs, branches that are joined and added, depthwise and strided convolutions, views, two outputs."""
    net = NetworkBuilder("branched")
    left, right = net.input("left", (2, 8, 20, 20)), net.input("right", (2, 8, 20, 20))
    x = net.relu(net.add(left, right))
    first = net.conv(net.relu(net.conv(x, 16, 1)), 8, (1, 3), padding=(0, 1, 0, 1))
    second = net.max_pool(x, 3, stride=1, padding=1)
    joined = net.concat([first, second, x])
    gate = net.activation(net.conv(net.global_average_pool(joined), 24, 1), "sigmoid")
    scaled = net.mul(joined, gate)
    low = net.conv(scaled, 24, 3, stride=2, padding=1, groups=24)
    return net.build(net.softmax(net.reshape(low, (2, -1)), axis=1), net.transpose(low, (0, 2, 3, 1)))


def token_network() -> Network:
    """Rank 2 and 3 tensors: matrix products of constants and of two activations, a normalization, a softmax."""
    net = NetworkBuilder("tokens")
    x = net.input("tokens", (1, 10, 32))
    query, key = net.fully_connected(x, 32), net.fully_connected(x, 32)
    scores = net.softmax(net.matmul(query, net.transpose(key, (0, 2, 1))), axis=2)
    y = net.layer_norm(net.add(x, net.matmul(scores, x)))
    return net.build(net.fully_connected(net.activation(y, "gelu"), 8))


class ContextStageContract(ParametersContract):
    """What every context stage must satisfy.

    Override ``stage``; ``kernels`` where the stage wants other kernels than the rules of ``generic`` make.
    """

    refusal = MappingError

    @pytest.fixture
    def stage(self) -> ContextStage:
        """The stage under test."""
        raise NotImplementedError("override the fixture 'stage' with the context stage to test")

    @pytest.fixture
    def described(self, stage: ContextStage) -> ContextStage:
        """The stage, whose parameters are tested."""
        return stage

    @pytest.fixture(params=[example_network, branched_network, token_network], ids=lambda build: build.__name__)
    def network(self, request: pytest.FixtureRequest) -> Network:
        """A network to look at."""
        build: Callable[[], Network] = request.param
        return build()

    @pytest.fixture
    def kernels(self, network: Network) -> Sequence[Kernel]:
        """Its kernels, before any stage."""
        return preset("generic").apply(network)

    def test_has_a_name_and_columns(self, stage: ContextStage) -> None:
        """Lower-case words joined by hyphens; columns are words in lower case, each once."""
        assert all(part.isalnum() and part == part.lower() for part in stage.name.split("-"))
        assert len(set(stage.columns)) == len(stage.columns)
        assert all(is_context_column(CONTEXT_PREFIX + column) for column in stage.columns)

    def test_conserves_layers(self, stage: ContextStage, kernels: Sequence[Kernel], network: Network) -> None:
        """The kernels that came in come out, with the same layers; what is added has none."""
        came = {kernel.name: kernel.layers for kernel in kernels if kernel.layers}
        placed = stage.apply(kernels, network)
        went = {kernel.name: kernel.layers for kernel in placed if kernel.layers}
        assert went == came
        assert sum(bool(kernel.layers) for kernel in placed) == len(came)

    def test_names_no_kernel_twice(self, stage: ContextStage, kernels: Sequence[Kernel], network: Network) -> None:
        """Reports and pairings name kernels."""
        names = [kernel.name for kernel in stage.apply(kernels, network)]
        assert len(set(names)) == len(names)

    def test_keeps_topological_order(self, stage: ContextStage, kernels: Sequence[Kernel], network: Network) -> None:
        """Every tensor that a kernel reads is an input of the network or was written by a kernel before it."""
        written = set(network.inputs) | {name for name, tensor in network.tensors.items() if tensor.constant}
        for kernel in stage.apply(kernels, network):
            assert set(kernel.inputs) <= written, kernel.name
            written.update(kernel.outputs)

    def test_free_kernels_stay_free(self, stage: ContextStage, kernels: Sequence[Kernel], network: Network) -> None:
        """A view that costs nothing does not begin to cost something."""
        free = {kernel.name for kernel in kernels if kernel.free}
        placed = {kernel.name: kernel for kernel in stage.apply(kernels, network)}
        assert all(placed[name].free for name in free)

    def test_gives_declared_numbers_only(
        self, stage: ContextStage, kernels: Sequence[Kernel], network: Network
    ) -> None:
        """Finite numbers under the names in ``columns``."""
        for kernel in stage.apply(kernels, network):
            assert set(kernel.context) <= set(stage.columns), kernel.name
            assert all(math.isfinite(value) for value in kernel.context.values()), kernel.name

    def test_is_deterministic(self, stage: ContextStage, kernels: Sequence[Kernel], network: Network) -> None:
        """The same kernels give the same answer, and are left as they were."""
        before = tuple(kernels)
        assert stage.apply(kernels, network) == stage.apply(kernels, network)
        assert tuple(kernels) == before

    def test_survives_a_round_trip_through_json(
        self, stage: ContextStage, kernels: Sequence[Kernel], network: Network
    ) -> None:
        """Parameters are plain, finite JSON values and give a stage that does the same."""
        text = json.dumps(stage.to_json(), allow_nan=False)
        again = type(stage).from_json(json.loads(text))
        assert json.dumps(again.to_json(), allow_nan=False) == text
        assert again.apply(kernels, network) == stage.apply(kernels, network)
