"""The probe in real life: every pool, every workload, both loads, on a real server."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from harness.probe.recording.events import Kind, Outcome
from harness.results.block.ledger import BlockEnd, settle
from harness.results.events.eventlog import Tail
from harness.results.events.merged import MISSING, Merged
from harness.results.record.distributions import Outcomes
from tests.probe.live import IN_FLIGHT, Site, Talk, client, valkey, wait_for, worker

POOLS = ("prefork", "threads", "gevent", "solo")
PRODUCT = 608281864034267560872252163321295376887552831379210240000000000
"""The tutorial's heavy_task(50)."""

TUTORIAL: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "add": ({"workload": "add", "x": 4, "y": 5, "payload_bytes": 0}, [9]),
    "group": (
        {
            "workload": "group",
            "size": 2,
            "volume": 7,
            "count": 5,
            "collect": "join",
            "payload_bytes": 0,
        },
        [7, 5],
    ),
    "chain": (
        {"workload": "chain", "length": 2, "id": 1, "payload_bytes": 0},
        ["Пётр 1Первый", "Здравствуй, Пётр 1Первый!"],  # noqa: RUF001 - Russian, and meant so
    ),
    "heavy": ({"workload": "heavy_task", "n": 50, "sleep": 0.0002}, [PRODUCT]),
    "error": (
        {"workload": "heavy_task", "n": "Сейчас будет ошибка", "sleep": 0.0002},
        ["'str' object cannot be interpreted as an integer"],
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


def new_site(folder: Path, server: str, **settings: Any) -> Site:
    (folder / "events").mkdir()
    prefix = f"{uuid.uuid4().hex[:8]}:"
    options = {"global_keyprefix": prefix}
    fixed = {
        "broker_url": f"{server}/0",
        "result_backend": f"{server}/1",
        "broker_transport_options": options,
        "result_backend_transport_options": options,
        "broker_connection_retry_on_startup": False,
    }
    return Site(folder, fixed | settings)


@pytest.fixture(scope="module", params=POOLS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: str
) -> Iterator[Site]:
    """A worker of each pool; clients of several tests use it one after the other."""
    site = new_site(tmp_path_factory.mktemp(request.param), server)
    with worker(site, request.param, 1 if request.param == "solo" else 2):
        yield site


def task_ids(merged: Merged) -> list[uuid.UUID]:
    halves = zip(*merged.task_ids(), strict=True)
    return [uuid.UUID(int=(int(hi) << 64) | int(lo)) for hi, lo in halves]


def stored(site: Site, merged: Merged) -> list[dict[str, Any]]:
    """What the backend really holds for each task, asked without Celery."""
    url, prefix = (
        site.settings["result_backend"],
        site.settings["result_backend_transport_options"]["global_keyprefix"],
    )
    with redis.Redis.from_url(url) as connection:
        values = []
        for task_id in task_ids(merged):
            value = connection.get(f"{prefix}celery-task-meta-{task_id}")
            assert isinstance(value, bytes), f"no result of {task_id} in the backend"
            values.append(json.loads(value))
        return values


def assert_complete_and_ordered(merged: Merged, executions: int = 1) -> None:
    """Each task has all its stamps, in the only order they can have."""
    tasks, units = merged.tasks, merged.units
    path = [
        units.publish_ns[tasks.row],
        *(tasks.received_ns, tasks.started_ns, tasks.finished_ns),
        *(tasks.storing_ns, tasks.stored_ns),
    ]
    for earlier, later in itertools.pairwise(path):
        assert (earlier != MISSING).all()
        assert (earlier <= later).all()
    assert (units.publish_ns <= units.published_ns).all()
    assert (tasks.executions == executions).all()
    assert merged.measure_begin_ns <= units.publish_ns.min()
    assert merged.measure_end_ns >= units.published_ns.max()


def settle_down(site: Site, finished: int, before: int) -> None:
    """Wait until workers have stored `finished` results more than `before`."""
    tail = Tail(site.events)

    def reached() -> bool:
        tail.refresh()
        return tail.count(Kind.STORED) >= before + finished

    wait_for(reached, f"{finished} stored results")


def count_stored(site: Site) -> int:
    """How many results were stored so far. The last ones of the test before were seen already, and
    the worker may still be about to say so: it is waited for."""
    tail = Tail(site.events)

    def at_rest() -> bool:
        tail.refresh()
        return tail.count(Kind.STORED) >= tail.count(Kind.STORING)

    wait_for(at_rest, "the last call that stores a result")
    return tail.count(Kind.STORED)


@pytest.mark.parametrize("name", TUTORIAL)
def test_closed_load_gives_the_tutorials_results(site: Site, tmp_path: Path, name: str) -> None:
    workload, values = TUTORIAL[name]
    units, before = 6, count_stored(site)
    with client(site, f"closed-{name}", workload=workload, units=units, warmup=2) as talk:
        assert talk.ask("probe", count=2, hold_s=0.01, timeout_s=30.0) == {"back": 2, "errors": {}}
        warmed_up = talk.ask("warmup")
        assert warmed_up.pop("unit_s") > 0
        assert warmed_up == {"gave_up": False, "failures": {}, "called": 0}
        answer = talk.ask("measure")
        assert answer.pop("client_cpu_ns") > 0
        assert answer == {
            "unresolved": 0,
            "unresolved_tasks": 0,
            "gave_up": False,
            "out_of_numbers": False,
            "publish_errors": {},
        }
        assert talk.ask("check", limit_s=5.0) == {}
        # A client may have the result before the worker's call that stored it returns.
        settle_down(site, 2 + (2 + units) * len(values), before)
        merged = talk.merged(tmp_path / "events")
    assert_complete_and_ordered(merged)
    # Two probes and two warm-up units came before.
    assert merged.units.unit.tolist() == list(range(4, 4 + units))
    tasks_per_unit = len(values)
    assert merged.tasks.position.tolist() == list(range(tasks_per_unit)) * units
    wanted = Outcome.FAILED_AS_MEANT if name == "error" else Outcome.OK
    assert (merged.units.seen == wanted).all()
    assert (merged.units.checked == Outcome.NONE).all()
    last = np.full(units, MISSING)
    np.maximum.at(last, merged.tasks.row, merged.tasks.finished_ns)
    assert (merged.units.seen_ns > last).all()
    assert merged.units.seen_ns.max() <= merged.measure_end_ns
    assert (merged.tasks.raised == (name == "error")).all()
    # Greenlets take turns within a call; other pools tell its CPU time.
    assert ((merged.tasks.cpu_ns > 0) == ("gevent" not in site.folder.name)).all()
    assert_backend_agrees(site, merged, values, failed=name == "error")


def assert_backend_agrees(site: Site, merged: Merged, values: list[Any], *, failed: bool) -> None:
    for number, meta in enumerate(stored(site, merged)):
        expected = values[number % len(values)]
        if failed:
            assert meta["status"] == "FAILURE"
            assert meta["result"]["exc_type"] == "TypeError"
            assert meta["result"]["exc_message"] == [expected]
        else:
            assert meta["status"] == "SUCCESS"
            assert meta["result"] == expected


@pytest.mark.parametrize("name", TUTORIAL)
def test_backlog_is_checked_when_all_is_over(site: Site, tmp_path: Path, name: str) -> None:
    workload, values = TUTORIAL[name]
    units, before = 10, count_stored(site)
    load = {"load": "backlog"}
    with client(site, f"backlog-{name}", workload=workload, load=load, units=units) as talk:
        answer = talk.ask("measure")
        assert (answer["unresolved"], answer["unresolved_tasks"]) == (units, units * len(values))
        settle_down(site, units * len(values), before)
        talk.ask("check", limit_s=10.0)
        merged = talk.merged(tmp_path / "events")
    assert_complete_and_ordered(merged)
    assert (merged.units.seen == Outcome.NONE).all()
    assert (merged.units.seen_ns == MISSING).all()
    wanted = Outcome.FAILED_AS_MEANT if name == "error" else Outcome.OK
    assert (merged.units.checked == wanted).all()
    assert_backend_agrees(site, merged, values, failed=name == "error")


def test_units_carry_values_of_their_own(site: Site, tmp_path: Path) -> None:
    """Without fixed arguments each unit adds other numbers: a mixed-up result would show."""
    workload = {"workload": "add", "x": None, "y": None, "payload_bytes": 0}
    with client(site, "own-values", workload=workload, units=20) as talk:
        talk.ask("measure")
        merged = talk.merged(tmp_path / "events")
    assert [meta["result"] for meta in stored(site, merged)] == [2 * n + 1 for n in range(20)]


def test_duration_ends_the_load(site: Site, tmp_path: Path) -> None:
    with client(site, "duration", units=None, duration_s=1.0) as talk:
        talk.ask("measure")
        merged = talk.merged(tmp_path / "events")
    begun = (merged.units.publish_ns - merged.measure_begin_ns) / 1e9
    assert len(begun) >= 2
    # A caller looks at the clock, then publishes: a stall in between delays one unit of each.
    assert (begun > 1.0).sum() <= IN_FLIGHT
    assert (merged.units.seen == Outcome.OK).all()


def test_stop_ends_the_load_in_order(site: Site, tmp_path: Path) -> None:
    """`stop` while measuring: what was published is still waited for, nothing hangs."""
    with client(site, "stop", units=1_000_000) as talk:
        before = count_stored(site)
        talk.tell("measure")
        settle_down(site, 5, before)
        talk.tell("stop")
        assert talk.answer("measure")["unresolved"] == 0
        merged = talk.merged(tmp_path / "events")
    assert 5 <= len(merged.units.unit) < 1_000_000
    assert (merged.units.seen == Outcome.OK).all()


def test_a_wrong_value_is_called_wrong(server: str, tmp_path: Path) -> None:
    """Results changed behind Celery's back: of five units, the three changed ones are wrong."""
    site = new_site(tmp_path, server)
    prefix = site.settings["result_backend_transport_options"]["global_keyprefix"]
    load = {"load": "backlog"}
    with worker(site, "solo", 1), client(site, "wrong", load=load, units=5) as talk:
        talk.ask("measure")
        settle_down(site, 5, 0)
        with redis.Redis.from_url(site.settings["result_backend"]) as connection:
            before = task_ids(talk.merged(tmp_path / "before"))
            # 9.0 == 9, and is another type
            for ident, value in zip(before, (10, "9", 9.0), strict=False):
                key = f"{prefix}celery-task-meta-{ident}"
                held = connection.get(key)
                assert isinstance(held, bytes)
                connection.set(key, json.dumps(json.loads(held) | {"result": value}))
        talk.ask("check", limit_s=10.0)
        merged = talk.merged(tmp_path / "after")
    assert merged.units.checked.tolist() == [*[Outcome.WRONG] * 3, Outcome.OK, Outcome.OK]


def test_a_chain_broken_in_the_middle_has_failed(server: str, tmp_path: Path) -> None:
    """Its last link never runs, so its state stays PENDING: the reason is an earlier link's."""
    site = new_site(tmp_path, server)
    workload = {"workload": "chain", "length": 3, "id": 1, "payload_bytes": 0}
    load = {"load": "backlog"}
    with worker(site, "solo", 1), client(site, "broken", workload=workload, load=load) as talk:
        publish_with_broken_second_link(site, talk)
        talk.ask("check", limit_s=10.0)
        merged = talk.merged(tmp_path / "after")
    assert merged.units.checked.tolist() == [Outcome.FAILED]


def publish_with_broken_second_link(site: Site, talk: Talk) -> None:
    """Let the first link finish, then make the second one's result a failure, as a worker that
    lost its pool process does."""
    talk.ask("measure")
    settle_down(site, 3, 0)
    prefix = site.settings["result_backend_transport_options"]["global_keyprefix"]
    with redis.Redis.from_url(site.settings["result_backend"]) as connection:
        keys = list(connection.scan_iter(f"{prefix}celery-task-meta-*"))
        links = {json.loads(connection.get(key) or b"")["result"]: key for key in keys}
        by_length = [links[value] for value in sorted(links, key=len)]
        failure = {"exc_type": "RuntimeError", "exc_message": ["x"], "exc_module": "builtins"}
        meta = json.loads(connection.get(by_length[1]) or b"")
        connection.set(by_length[1], json.dumps(meta | {"status": "FAILURE", "result": failure}))
        connection.delete(by_length[2])


def test_without_results_what_ran_is_what_is_known(server: str, tmp_path: Path) -> None:
    """Backend none: nothing can be fetched, and asking for it must not fail the block."""
    site = new_site(tmp_path, server, result_backend="disabled://")
    with worker(site, "solo", 1), client(site, "none", load={"load": "backlog"}, units=5) as talk:
        talk.ask("measure")
        tail = Tail(site.events)

        def finished() -> bool:
            tail.refresh()
            return tail.count(Kind.FINISHED) == 5

        wait_for(finished, "five tasks")
        assert talk.ask("check", limit_s=5.0) == {}
        merged = talk.merged(tmp_path / "after")
    assert (merged.tasks.finished_ns != MISSING).all()
    assert (merged.units.checked == Outcome.NONE).all()
    ledger = settle(merged, BlockEnd(), stores_results=False)
    assert ledger.outcomes() == Outcomes(ok=5)


def test_nobody_consumes_and_the_client_gives_up(server: str, tmp_path: Path) -> None:
    """Without a worker every unit times out; after 2 per caller the load ends by itself."""
    site = new_site(tmp_path, server)
    with client(site, "alone", units=1000, timeout_s=0.2) as talk:
        answer = talk.ask("measure")
        assert answer["gave_up"]
        talk.ask("check", limit_s=1.0)
        merged = talk.merged(tmp_path / "after")
    assert 4 <= len(merged.units.unit) <= 5
    assert (merged.units.seen == Outcome.TIMED_OUT).all()
    assert (merged.units.seen_ns == MISSING).all()
    assert (merged.units.checked == Outcome.NONE).all()
    assert (merged.tasks.received_ns == MISSING).all()


@pytest.mark.parametrize(("units", "tried"), [(3, 3), (1000, 5)])
def test_publishing_into_nothing_is_recorded(tmp_path: Path, units: int, tried: int) -> None:
    """No server: each publish call fails and is counted with its reason; after five in a row
    the client gives up, or a thousand units would take a thousand times the client's retries."""
    site = new_site(
        tmp_path,
        "redis://127.0.0.1:1",
        result_backend="disabled://",
        broker_transport_options={"max_retries": 1, "interval_start": 0, "interval_step": 0},
        task_publish_retry=False,
    )
    with client(site, "nowhere", load={"load": "backlog"}, units=units) as talk:
        answer = talk.ask("measure")
        assert answer["unresolved"] == 0
        assert sum(answer["publish_errors"].values()) == tried
        assert "refused" in " ".join(answer["publish_errors"])
        assert answer["gave_up"] == (tried < units)
        merged = talk.merged(tmp_path / "after")
    assert merged.units.publish_failed.tolist() == [True] * tried
    ledger = settle(merged, BlockEnd(), stores_results=False)
    assert ledger.outcomes() == Outcomes(failed=tried)


def test_recorder_off_records_no_task(server: str, tmp_path: Path) -> None:
    """Off: to measure what the recorder costs. Readiness is still known, and results checked."""
    site = new_site(tmp_path, server)
    with worker(site, "solo", 1, HARNESS_RECORDER="off"), client(site, "off", units=5) as talk:
        talk.ask("measure")
        merged = talk.merged(tmp_path / "after")
    assert (merged.units.seen == Outcome.OK).all()
    assert (merged.tasks.received_ns == MISSING).all()
    assert (merged.tasks.executions == 0).all()
