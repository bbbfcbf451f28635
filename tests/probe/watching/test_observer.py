"""The observer in real life: every way of watching, on real servers, with real workers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from harness.probe.recording.events import Outcome
from harness.probe.watching.polling import DEFAULT_INTERVAL_S
from harness.services.provide import Services
from tests.probe.live import Site, valkey, wait_for, worker
from tests.probe.test_live import TUTORIAL, count_stored, new_site, settle_down
from tests.probe.watching.watched import observer, sender, storing
from tests.services.cases import RABBITMQ

UNITS = 12
OWN_VALUES: dict[str, dict[str, Any]] = {
    "add": {"workload": "add", "x": None, "y": None, "payload_bytes": 0},
    "group": {
        "workload": "group",
        "size": 3,
        "volume": None,
        "count": None,
        "collect": "join",
        "payload_bytes": 0,
    },
    "chain": {"workload": "chain", "length": 3, "id": None, "payload_bytes": 0},
    "heavy": TUTORIAL["heavy"][0],
    "error": TUTORIAL["error"][0],
}
"""Units with values of their own: a result that is taken for another's is wrong."""
OWN_TASKS = {"group": 3, "chain": 3}
"""Tasks per unit, where it is not one."""
PLACES = {"group": [0, 1, 2], "chain": [2]}
"""Positions whose results count, where it is not just the first."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="module")
def redis_site(tmp_path_factory: pytest.TempPathFactory, server: str) -> Iterator[Site]:
    site = new_site(tmp_path_factory.mktemp("redis"), server)
    with worker(site, "threads", 2):
        yield site


@pytest.fixture(scope="module")
def file_site(tmp_path_factory: pytest.TempPathFactory, server: str) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("file")
    (folder / "results").mkdir()
    site = new_site(folder, server, result_backend=f"file://{folder}/results")
    with worker(site, "threads", 2):
        yield site


@pytest.fixture(scope="module")
def rpc_site(tmp_path_factory: pytest.TempPathFactory, local: Services) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rpc")
    (folder / "events").mkdir()
    with local.open_block(RABBITMQ, f"observer-{uuid.uuid4().hex[:8]}") as space:
        site = Site(folder, space.settings)
        with worker(site, "threads", 2):
            yield site


def assert_each_seen_once(site: Site, name: str, **spec: Any) -> dict[str, Any]:
    """Publish units, and find each of their results seen, right, and not before it was stored.
    The answer of `settle`, with what the observer said at its start."""
    workload = OWN_VALUES[name]
    with (
        observer(site, f"observer-{name}", workload=workload, **spec) as watching,
        sender(
            site, f"sender-{name}", UNITS, watching.start["reply_to"], workload=workload
        ) as sending,
    ):
        watching.watch(sending.tag)
        before = count_stored(site)
        sending.publish()
        settle_down(site, UNITS * OWN_TASKS.get(name, 1), before)
        positions = PLACES.get(name, [0])
        answer = watching.settle(UNITS * len(positions))
        seen = watching.sightings(site.events)
    assert set(seen) == {(sending.tag, u, p) for u in range(UNITS) for p in positions}
    wanted = Outcome.FAILED_AS_MEANT if name == "error" else Outcome.OK
    assert {outcome for _, outcome in seen.values()} == {wanted}
    stored = {
        (hi, lo >> 32 & (1 << 30) - 1, lo >> 16 & 0xFFFF): time_ns
        for (hi, lo), time_ns in storing(site).items()
    }
    assert all(time_ns >= stored[place] for place, (time_ns, _) in seen.items())
    assert answer.pop("cpu_ns") > 0
    assert (answer.pop("seen"), answer.pop("trouble")) == (len(seen), "")
    assert (answer.pop("undecodable"), answer.pop("caught_up")) == (0, 0)
    return answer | watching.start


@pytest.mark.parametrize("name", OWN_VALUES)
def test_redis_pushes(redis_site: Site, name: str) -> None:
    assert assert_each_seen_once(redis_site, name) == {
        "method": "psubscribe",
        "resolution_s": 0.0,
        "reply_to": None,
    }


@pytest.mark.parametrize("name", OWN_VALUES)
def test_the_reply_queue_is_consumed(rpc_site: Site, name: str) -> None:
    """For a group Celery's own publisher would consume the queue beside the observer."""
    answer = assert_each_seen_once(rpc_site, name)
    assert uuid.UUID(answer.pop("reply_to"))
    assert answer == {"method": "consumer", "resolution_s": 0.0}


@pytest.mark.parametrize("name", OWN_VALUES)
def test_files_are_polled(file_site: Site, name: str) -> None:
    """What cannot push is asked; the resolution is at least the interval, and measured."""
    answer = assert_each_seen_once(file_site, name)
    assert (answer["method"], answer["reply_to"]) == ("polling", None)
    assert answer["resolution_s"] >= DEFAULT_INTERVAL_S


def test_two_clients_and_a_stranger(redis_site: Site) -> None:
    """Results count under the watched tags, whoever else uses the backend."""
    with (
        observer(redis_site, "observer-tags", workload=OWN_VALUES["add"]) as watching,
        sender(redis_site, "one", 5, None, workload=OWN_VALUES["add"]) as one,
        sender(redis_site, "two", 7, None, workload=OWN_VALUES["add"]) as two,
        sender(redis_site, "stranger", 9, None, workload=OWN_VALUES["add"]) as stranger,
    ):
        watching.watch(one.tag, two.tag)
        before = count_stored(redis_site)
        for client in (stranger, one, two):
            client.publish()
        settle_down(redis_site, 21, before)
        assert watching.settle()["seen"] == 12
        seen = watching.sightings(redis_site.events)
    assert set(seen) == {(one.tag, u, 0) for u in range(5)} | {(two.tag, u, 0) for u in range(7)}
    assert {outcome for _, outcome in seen.values()} == {Outcome.OK}


def test_the_reply_queue_goes_with_the_observer(rpc_site: Site) -> None:
    """Nothing of it outlives a run."""
    url = rpc_site.settings["broker_url"]

    def declared(queue: str) -> bool:
        with Celery(set_as_current=False).connection(url) as connection:
            try:
                connection.default_channel.queue_declare(queue, passive=True)
            except connection.channel_errors:
                return False
            return True

    with observer(rpc_site, "observer-leaves") as watching:
        assert declared(watching.start["reply_to"])
    wait_for(lambda: not declared(watching.start["reply_to"]), "the queue to go")
