"""What goes to a cluster and comes back, with a client that stands for Dask's."""

import sys
from collections import deque

import pytest

from annette import cluster as module
from annette.cluster import Cluster, Tls, connected
from annette.errors import ClusterError


class Future:
    """Done when it is asked for its result; ``value`` may be an error, or None for one that never comes."""

    def __init__(self, value):
        self.value, self.cancelled = value, False

    def result(self, timeout):
        assert timeout <= module._GLANCE_S
        if self.value is None:
            raise TimeoutError
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value

    def done(self):
        return self.value is not None

    def cancel(self):
        self.cancelled = True


class Client:
    """Runs what is submitted at once."""

    def __init__(self, workers=1, broken=None):
        self.workers = {f"tcp://{number}": {"nthreads": 1, "resources": {}} for number in range(workers)}
        self.futures, self.broken, self.sent, self.versions = [], broken or {}, [], {}

    def scheduler_info(self, n_workers):
        assert n_workers == -1
        return {"workers": self.workers}

    def run(self, call, *arguments, workers, on_error):
        assert on_error == "return"
        return {worker: self.versions.get(worker, call(*arguments)) for worker in workers}

    def submit(self, call, *arguments, key, pure, **where):
        assert not pure
        values = [each.value if isinstance(each, Future) else each for each in arguments]
        assert all(isinstance(each, bytes) for each in values)
        self.sent.append((call, key, where))
        future = Future(self.broken.get(len(self.futures)) or call(*values))
        self.futures.append(future)
        return future


def shout(payload, shared):
    return payload.upper() + shared


def test_answers_come_in_order_with_what_is_shared():
    client = Client(workers=2)
    answers = list(Cluster("tcp://x", client).map(shout, (f"a{n}".encode() for n in range(30)), b"!"))
    assert answers == [f"A{n}!".encode() for n in range(30)]
    assert len({key for _, key, _ in client.sent}) == 31


def test_what_is_shared_is_prepared_once_by_a_worker():
    client = Client(workers=2)
    answers = list(Cluster("tcp://x", client).map(shout, [b"a", b"b"], b"!", lambda shared: shared * 2))
    assert answers == [b"A!!", b"B!!"]
    assert len(client.sent) == 3


@pytest.mark.parametrize(("workers", "most"), [(1, 3), (4, 12)])
def test_few_payloads_are_under_way_at_a_time(workers, most):
    """However many there are: what is taken and not yet given back stays bounded, so that memory stays flat."""
    taken = deque()

    def endless():
        while True:
            taken.append(None)
            yield b"x"

    answers = Cluster("tcp://x", Client(workers)).map(shout, endless())
    for given in range(1000):
        next(answers)
        assert len(taken) - given <= most
    answers.close()


def test_what_is_under_way_is_given_up_with_the_rest():
    client = Client(workers=2)
    answers = Cluster("tcp://x", client).map(shout, (b"x" for _ in range(100)))
    next(answers)
    answers.close()
    assert [future.cancelled for future in client.futures] == [True, False, *[True] * 5]


def test_a_cluster_without_workers_is_no_use():
    with pytest.raises(ClusterError, match=r"'tcp://x' has no workers: dask worker tcp://x starts one"):
        next(Cluster("tcp://x", Client(0)).map(shout, [b"x"]))


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.0", "the worker at 'tcp://1' has annette 0.0, and this is annette .*: install the same there"),
        (None, "the worker at 'tcp://1' has no annette that can be imported"),
        (SyntaxError("x"), "the worker at 'tcp://1' has no annette that can be imported"),
    ],
)
def test_workers_without_our_annette_are_sent_nothing(version, message):
    """Dask ends a worker that cannot import what it is sent."""
    client = Client(workers=2)
    client.versions["tcp://1"] = version
    with pytest.raises(ClusterError, match=message):
        next(Cluster("tcp://x", client).map(shout, [b"x"]))
    assert not client.sent


@pytest.mark.parametrize(
    ("came", "message"),
    [
        (ModuleNotFoundError("No module named 'annette'"), "failed: ModuleNotFoundError: No module named 'annette'"),
        ({"code": 1}, "answered with 'dict': it has another annette"),
    ],
)
def test_what_is_no_answer_is_an_error(came, message):
    client = Client(broken={1: came})
    with pytest.raises(ClusterError, match=message):
        list(Cluster("tcp://x", client).map(shout, [b"x"]))


def test_workers_that_are_lost_are_waited_for_and_not_for_ever(monkeypatch):
    client = Client()
    answers = Cluster("tcp://x", client).map(shout, [b"x"])
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))

    def submit(*_, **how):
        del how
        client.workers.clear()
        return Future(None)

    client.submit = submit
    with pytest.raises(ClusterError, match="has lost all its workers"):
        next(answers)
    assert next(clock) == 80, "a minute and a look"


def test_an_answer_whose_worker_is_lost_is_not_waited_for():
    task = Cluster("tcp://x", Client(broken={0: None}))._submit(bytes, b"")
    task.future.value = None
    with pytest.raises(TimeoutError):
        task.result(1e9)


def test_says_how_to_install_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"not installed: pip install 'annette\[cluster\]'"), connected("tcp://x"):
        pass


def test_certificates_that_are_not_given_are_left_to_dask():
    assert Tls().settings == {}
    assert Tls(ca_file="a", key="k").settings == {"tls_ca_file": "a", "tls_client_key": "k"}
