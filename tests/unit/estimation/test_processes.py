"""Many networks by several processes: in order, the same as by one, and none lost where a process is killed."""

import itertools
import os

import pytest

import annette
from annette.errors import NetworkError, OptionError
from annette.estimation.processes import _TOGETHER
from annette.network import zoo

NAMES = ["resnet18", "squeezenet1_1", "resnet81", "resnet18@160"]


def latency(estimate):
    return estimate.latency_s


def ending(estimate):
    """Ends the process that it is called in, for one network."""
    if estimate.network == "alexnet":
        os._exit(1)
    return estimate.latency_s


def test_the_same_as_by_one_process_in_the_same_order():
    platform = annette.load_platform("zcu102-dnndk")
    given = [*NAMES, *["resnet18@64"] * _TOGETHER, "squeezenet1_1"]
    one = list(annette.estimate_many(given, platform, keep=latency))
    two = list(annette.estimate_many(given, platform, keep=latency, jobs=2))
    assert [(each.number, each.network, each.value) for each in two] == [
        (each.number, each.network, each.value) for each in one
    ]
    assert str(two[2].error) == str(one[2].error)


def test_networks_are_taken_as_they_are_needed():
    found = annette.estimate_many(itertools.cycle(["resnet18@64"]), "zcu102-dnndk", keep=latency, jobs=2)
    assert len({each.get() for each in itertools.islice(found, 40)}) == 1
    found.close()


def test_a_process_that_is_killed_costs_one_network():
    given = ["resnet18@64", "alexnet", "resnet18@96", *["resnet18@64"] * (2 * _TOGETHER)]
    found = list(annette.estimate_many(given, "zcu102-dnndk", keep=ending, jobs=2))
    assert [each.number for each in found] == list(range(len(given)))
    assert isinstance(found[1].error, NetworkError)
    assert "alexnet" in str(found[1].error)
    assert all(each.get() > 0 for each in found if each.number != 1)


def test_what_processes_cannot_carry_is_refused():
    with pytest.raises(OptionError, match="keep"):
        annette.estimate_many(NAMES, "zcu102-dnndk", jobs=2)
    with pytest.raises(OptionError, match="loaded already"):
        list(annette.estimate_many([zoo.build("resnet18")], "zcu102-dnndk", keep=latency, jobs=2))
