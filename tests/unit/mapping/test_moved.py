"""Transpositions run behind the splits that read them where that leaves less to transpose."""

import pytest

from annette.mapping.access import Access
from annette.mapping.kernel import KernelTable
from annette.mapping.model import MappingModel
from annette.mapping.precision import Precision
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder

MOVED = MappingModel("test", preset("views").rules, cuts_at_once=True, moves_transposes=True)
ORDER = (2, 0, 3, 1, 4)


def heads(how, *, then=True, parts=3):
    """Attention's queries, keys and values, (1, 16, 3, 2, 8), in the order of heads, cut, the keys transposed."""
    net = NetworkBuilder("heads")
    source = net.relu(net.input("x", (1, 16, parts, 2, 8)))
    moved = net.transpose(source, ORDER, name="moved")
    if how == "rows":
        cut = [net.layer("gather", [moved], attributes={"axis": 0}, shapes=[(1, 2, 16, 8)])[0] for _ in range(parts)]
    else:
        cut = [net.reshape(part, (1, 2, 16, 8)) for part in net.split(moved, parts, axis=0)]
    if then:
        cut[1] = net.transpose(cut[1], (0, 1, 3, 2), name="keys")
    return net.build(*(net.relu(part) for part in cut))


@pytest.mark.parametrize(("how", "perm"), [("rows", (0, 2, 1, 3)), ("split", ORDER)])
def test_parts_are_cut_first_and_the_keys_moved_once(how, perm):
    network = heads(how)
    kernels = MOVED.apply(network)
    split = next(kernel for kernel in kernels if kernel.kind == "split")
    assert split.inputs == network.producers[split.inputs[0]].outputs
    assert split.access == Access(16, 1)
    moved = [kernel for kernel in kernels if kernel.kind == "transpose" and not kernel.free]
    assert [kernel.anchor.attributes["perm"] for kernel in moved] == [perm, perm, (0, 2, 3, 1)]
    assert [[layer.name for layer in kernel.layers] for kernel in moved] == [["moved"], [], ["keys"]]
    assert {kernel.anchor.workload.output_elements for kernel in moved} == {256}
    layers = [layer.name for kernel in kernels for layer in kernel.layers]
    assert sorted(layers) == sorted(layer.name for layer in network.layers)


def test_their_numbers_are_those_of_what_runs():
    network = heads("rows")
    kernels = [kernel for kernel in MOVED.apply(network) if kernel.rules[-1:] == ("cut-before-transposing",)]
    table = KernelTable.from_kernels(kernels, network, Precision())
    assert table.kinds.tolist() == ["split", "transpose", "transpose", "transpose"]
    assert table["run_length"].tolist() == [16, 8, 8, 1]
    assert table["output_bytes"].tolist() == [3 * 1024, 1024, 1024, 1024]


def wide(*, then):
    """A transposition that is cut into halves, of which one is transposed again."""
    net = NetworkBuilder("wide")
    moved = net.transpose(net.relu(net.input("x", (2, 6, 8))), (0, 2, 1))
    first, second = net.split(moved, 2, axis=1)
    return net.build(net.relu(net.transpose(first, (0, 2, 1)) if then else first), net.relu(second))


def test_larger_parts_are_moved_only_to_another_transposition():
    def rules(network):
        return {rule for kernel in MOVED.apply(network) for rule in kernel.rules}

    assert "cut-before-transposing" in rules(wide(then=True))
    assert "cut-before-transposing" not in rules(wide(then=False))
    assert "cut-before-transposing" in rules(heads("split", then=False))


def test_what_others_read_stays():
    net = NetworkBuilder("test")
    moved = net.transpose(net.relu(net.input("x", (1, 16, 2, 8))), (2, 0, 1, 3))
    parts = net.split(moved, 2, axis=0)
    network = net.build(*(net.relu(part) for part in parts), net.relu(moved))
    assert all("cut-before-transposing" not in kernel.rules for kernel in MOVED.apply(network))


def test_the_model_is_read_as_written():
    assert MappingModel.from_json(MOVED.to_json()) == MOVED
    assert not MappingModel("test").to_json().get("moves_transposes", False)
