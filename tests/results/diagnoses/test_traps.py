"""Traps told from records made by hand: where the line is, and what stays silent beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.probe.recording.events import (
    NO_ID,
    RAISED,
    TIMED_SIGNALS,
    ChildEnd,
    Kind,
    Limit,
    Outcome,
    Reception,
    UnitFlag,
)
from harness.probe.recording.recorder import Recorder
from harness.report.words.warnings import warning_detail
from harness.results.arrays import Times
from harness.results.diagnoses.clues import Held, Raised, Unlocked, clues_in
from harness.results.events.children import Child
from harness.results.events.eventlog import EVENT, Events
from harness.results.events.merged import MISSING
from harness.results.events.mix import Mix
from harness.scenario.models.configuration import Worker
from harness.scenario.models.faults import Network
from harness.scenario.models.messages import MessageOptions
from harness.scenario.vendors.rabbitmq import RabbitmqBroker
from harness.scenario.vendors.redis import RedisBroker
from harness.scenario.vendors.sqs import SqsBroker
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.own_tasks import OwnTaskWorkload, Part
from harness.scenario.workloads.registry import WORKLOADS
from tests.results.diagnoses.test_diagnoses import ADD, MS, told
from tests.results.events.histories import Record, Task, Unit, ident_of

S = 1000 * MS
ONE_SLOT = Worker(concurrency=1)
RABBITMQ = RabbitmqBroker(service="rabbitmq")


def unit(number: int, sent: int, received: int, started: int, ended: int) -> Unit:
    """An add, by its times in ms."""
    begin, end = started * MS, ended * MS
    task = Task(ident_of(number, 0), [received * MS], [begin], [(end, False)], [end], [end + MS])
    made = Unit(number, UnitFlag.MEASURED, sent * MS, [task], published=sent * MS + 1)
    made.seen, made.seen_at = Outcome.OK, end + 2 * MS
    return made


def events(kind: Kind, *times_ms: float, unit: int = 0) -> Events:
    made = np.zeros(len(times_ms), dtype=EVENT)
    made["kind"], made["unit"] = kind, unit
    made["time_ns"] = [int(one * MS) for one in times_ms]
    return made


def times(*times_ms: float) -> Times:
    return events(Kind.CONNECTED, *times_ms)["time_ns"].astype(np.int64)


# --- reserved messages --------------------------------------------------------------------------


def in_a_row(run_ms: int, *, twice: bool = True) -> list[Unit]:
    """Four tasks that one slot runs one after the other; the last one runs once more."""
    units = [unit(place, 1, 2, 3 + place * run_ms, 3 + (place + 1) * run_ms) for place in range(4)]
    if twice:
        units[-1].tasks[0].started.append(units[-1].tasks[0].finished[0][0] + 10 * MS)
        units[-1].tasks[0].received.append(units[-1].tasks[0].started[0] + 10 * MS)
    return units


@pytest.mark.parametrize(
    ("case", "told_so"),
    [
        ({}, True),
        ({"late": True}, True),
        ({"twice": False}, False),
        ({"visibility_s": 5.0}, False),  # something else delivered it twice
        ({"broker": RabbitmqBroker(service="rabbitmq")}, False),
        ({"broker": SqsBroker(service="sqs")}, True),
        ({"visibility_s": 0.4}, False),  # each run is longer by itself
        ({"countdown_s": 1.0}, False),  # that has a diagnosis of its own
    ],
)
def test_reserved_beyond_the_visibility_timeout(case: dict[str, Any], told_so: bool) -> None:
    options = {"visibility_timeout": case.get("visibility_s", 1.0)}
    settings = {"broker_transport_options": options, "task_acks_late": case.get("late", False)}
    workload = ADD.model_copy(update={"options": MessageOptions(countdown=case.get("countdown_s"))})
    found = told(
        in_a_row(500, twice=case.get("twice", True)),
        workload,
        ONE_SLOT,
        "redis",
        broker=case.get("broker"),
        settings=settings,
    )
    assert ("reserved_beyond_visibility" in found) is told_so
    if told_so:
        assert found["reserved_beyond_visibility"] == {
            "tasks": 1,
            "duplicated": 1,
            "reserved_s": 1.501,
            "run_s": 0.5,
            "visibility_timeout_s": 1.0,
            "window": 4,
        }


# --- a loop that sleeps -------------------------------------------------------------------------


def bursts_of_a_solo_worker(pause_ms: int, *, busy: bool = False) -> list[Unit]:
    """Twelve tasks of 5 ms, all sent at once, taken four at a time; after each four there is a
    pause, which the fourth one fills where it is `busy`."""
    units = []
    for place in range(12):
        began = 10 + place * 6 + place // 4 * pause_ms
        ended = began + 5 + (pause_ms if busy and place % 4 == 3 else 0)
        units.append(unit(place, 1, began, began, ended))
    return units


@pytest.mark.parametrize(
    ("case", "told_so"),
    [
        ({}, True),
        ({"workers": 2}, True),
        ({"pause_ms": 200}, False),  # a busy machine does that
        ({"busy": True}, False),
        ({"units": 8}, False),  # two pauses may be chance
        ({"countdown_s": 30.0}, False),  # nothing was due
        ({"pool": "threads"}, False),
        ({"broker": RedisBroker(service="redis")}, False),
        ({"rtt": 0.5}, True),
        ({"rtt": 0.9}, False),  # messages and acknowledgements are under way for so long
        ({"received_early": True}, False),  # what comes before the task runs is the app's own
        ({"handlers": True}, False),  # so is what comes behind it
    ],
)
def test_a_solo_worker_that_sleeps_until_its_next_timer(
    case: dict[str, Any], told_so: bool
) -> None:
    units = bursts_of_a_solo_worker(case.get("pause_ms", 1900), busy=case.get("busy", False))
    units = [*units[: case.get("units", 12)], unit(12, 1, 8000, 8000, 8005)]
    ended_ms = [one.tasks[0].finished[0][0] / MS for one in units]
    if case.get("received_early"):
        for one, before_ms in zip(units[1:12], ended_ms, strict=False):
            one.tasks[0].received[0] = int((before_ms + 1) * MS)
    handled = events(Kind.HANDLED, *(at_ms + 1899 for at_ms in ended_ms[3::4]), unit=1_898_000)
    workload = ADD.model_copy(update={"options": MessageOptions(countdown=case.get("countdown_s"))})
    found = told(
        units,
        workload,
        Worker(pool=case.get("pool", "solo"), concurrency=1, count=case.get("workers", 1)),
        "redis",
        broker=case.get("broker", RABBITMQ),
        known={"network": Network(rtt=case.get("rtt", 0.0))}
        | ({"handled": handled} if case.get("handlers") else {}),
    )
    assert ("solo_timer" in found) is told_so
    if told_so:
        data = found["solo_timer"]
        assert data["pauses"] == 3
        assert data["pause_p50_s"] == pytest.approx(1.9)
        assert data["longest_s"] == pytest.approx(4.118)


# --- messages that are held ---------------------------------------------------------------------

MIX = OwnTaskWorkload(
    workload="task", app="shop", mix=(Part(task="shop.slow"), Part(task="shop.quick"))
)
PARTS = next(mix.parts(np.arange(64)) for mix in [Mix.of(MIX, 0)] if mix is not None)


def held_and_waiting(flags: Reception, held: int = 4, until_ms: int = 2000) -> dict[str, Any]:
    """Units of `shop.slow` that a worker holds for two seconds; one of `shop.quick` waits for as
    long in the queue. Records of the event log."""
    parts = PARTS
    slow, quick = np.flatnonzero(parts == 0)[:held], int(np.flatnonzero(parts == 1)[0])
    units = [unit(number, 1, 2, until_ms, until_ms + 1) for number in slow.tolist()]
    units.append(unit(quick, 10, until_ms + 1, until_ms + 2, until_ms + 3))
    records: list[Record] = []
    for one in units[:-1]:
        one.tasks[0].received.clear()
        records.append((Kind.RECEIVED, one.tasks[0].ident, 2 * MS, 0, 0, int(flags)))
    return {"units": sorted(units, key=lambda one: one.number), "others": records}


@pytest.mark.parametrize(
    ("made", "settings", "told_so"),
    [
        (held_and_waiting(Reception.LIMITED), {}, True),
        (held_and_waiting(Reception.LIMITED | Reception.ETA), {}, True),
        (held_and_waiting(Reception.ETA), {}, False),
        (held_and_waiting(Reception.LIMITED, held=3), {}, False),  # there was room
        (held_and_waiting(Reception.LIMITED), {"worker_prefetch_multiplier": 0}, False),
        (held_and_waiting(Reception.LIMITED, until_ms=200), {}, False),
    ],
)
def test_rate_limits_that_starve_others(
    made: dict[str, Any], settings: dict[str, Any], told_so: bool
) -> None:
    found = told(made["units"], MIX, ONE_SLOT, "redis", settings=settings, others=made["others"])
    assert ("rate_limit_starves" in found) is told_so
    if told_so:
        data = found["rate_limit_starves"]
        assert data["limited"] == ["shop.slow"]
        assert data["waiting_units"] == 1
        assert data["longest_wait_s"] == pytest.approx(1.99, abs=0.01)


@pytest.mark.parametrize(
    ("broker", "told_so"), [(SqsBroker(service="sqs"), True), (RedisBroker(service="redis"), False)]
)
def test_a_worker_that_sleeps_behind_a_window_full_of_limits(broker: Any, told_so: bool) -> None:
    """Every second one of four places is free, and 0.9 s later the next message is taken: on SQS
    the worker slept because it had found no room."""
    parts = PARTS
    slow, quick = np.flatnonzero(parts == 0)[:7].tolist(), int(np.flatnonzero(parts == 1)[0])
    taken = [900, 900, 900, 900, 1900, 2900, 3900]
    units = [
        unit(one, 800, taken[place], 1000 * (place + 1), 1000 * (place + 1) + 1)
        for place, one in enumerate(slow)
    ]
    others: list[Record] = []
    for one, at in zip(units, taken, strict=True):
        one.tasks[0].received.clear()
        others.append((Kind.RECEIVED, one.tasks[0].ident, at * MS, 0, 0, int(Reception.LIMITED)))
    units.append(unit(quick, 850, 4900, 4901, 4902))
    units.sort(key=lambda one: one.number)
    found = told(units, MIX, ONE_SLOT, "redis", broker=broker, others=others)
    assert ("rate_limit_starves" in found) is told_so
    if told_so:
        assert found["rate_limit_starves"]["waiting_units"] == 1
        assert found["rate_limit_starves"]["blocked_s"] == pytest.approx(3.98, abs=0.05)


QUORUM = {"task_default_queue_type": "quorum"}


@pytest.mark.parametrize(
    ("broker", "settings", "flags", "told_so"),
    [
        (RABBITMQ, QUORUM, Reception.ETA, True),
        (RABBITMQ, {}, Reception.ETA, True),  # the app itself may say it
        (RABBITMQ, {"task_default_queue_type": "classic"}, Reception.ETA, False),
        (RABBITMQ, QUORUM, Reception(0), False),
        (RABBITMQ, QUORUM, Reception.ETA | Reception.LIMITED, False),
        (RedisBroker(service="redis"), {}, Reception.ETA, False),
        (RedisBroker(service="redis"), {"worker_eta_task_limit": 4}, Reception.ETA, True),
        (RedisBroker(service="redis"), {"worker_eta_task_limit": 5}, Reception.ETA, False),
    ],
)
def test_etas_that_fill_a_window(
    broker: Any, settings: dict[str, Any], flags: Reception, told_so: bool
) -> None:
    made = held_and_waiting(flags)
    found = told(
        made["units"],
        MIX,
        ONE_SLOT,
        "redis",
        broker=broker,
        settings=settings,
        others=made["others"],
    )
    assert ("eta_fills_window" in found) is told_so
    if told_so:
        assert found["eta_fills_window"]["held"] == 4
        assert found["eta_fills_window"]["waiting_units"] == 1


@pytest.mark.parametrize(
    ("settings", "queues", "told_so"),
    [
        ({"task_default_queue_type": "classic"}, {"orders": {"type": "quorum"}}, True),
        ({"task_default_queue_type": "classic"}, {"orders": {"type": "classic"}}, False),
        ({"task_default_queue_type": "classic"}, {"from_app": True}, True),  # who knows
        (
            {
                "task_default_queue_type": "classic",
                "task_create_missing_queue_type": "quorum",
            },
            {},
            True,
        ),
    ],
)
def test_a_quorum_queue_has_many_names(
    settings: dict[str, Any], queues: dict[str, Any], told_so: bool
) -> None:
    made = held_and_waiting(Reception.ETA)
    found = told(
        made["units"],
        MIX,
        ONE_SLOT,
        "redis",
        broker=RABBITMQ,
        settings=settings,
        others=made["others"],
        known={"queues": queues},
    )
    assert ("eta_fills_window" in found) is told_so


@pytest.mark.parametrize(
    ("broker", "settings", "told_so"),
    [
        (RABBITMQ, QUORUM, True),
        (RABBITMQ, {"task_default_queue_type": "classic"}, False),
        (RedisBroker(service="redis"), {"worker_eta_task_limit": 4}, False),  # it is meant to
    ],
)
def test_etas_that_fill_a_window_for_each_other(
    broker: Any, settings: dict[str, Any], told_so: bool
) -> None:
    """All wait for as long: none is late by it, and whatever else came would be. What was held
    before it was measured does not count."""
    workload = ADD.model_copy(update={"options": MessageOptions(countdown=2.1)})
    units = [unit(number, 100, 102, 2202, 2203) for number in range(4)]
    units.append(unit(4, 300, 2204, 2402, 2403))
    received = [(ident_of(50, 0), 1), *((one.tasks[0].ident, 102) for one in units[:4])]
    others: list[Record] = [
        (Kind.RECEIVED, ident, at * MS, 0, 0, int(Reception.ETA)) for ident, at in received
    ]
    for kind in (Kind.STARTED, Kind.FINISHED):
        others.append((kind, ident_of(50, 0), 9 * MS, 0, 0, 0))
    for one in units[:4]:
        one.tasks[0].received.clear()
    found = told(
        units, workload, ONE_SLOT, "redis", broker=broker, settings=settings, others=others
    )
    assert ("eta_fills_window" in found) is told_so
    if told_so:
        data = found["eta_fills_window"]
        assert (data["held"], data["waiting_units"], data["none_due"]) == (4, 1, True)
        assert data["longest_wait_s"] == pytest.approx(1.902, abs=0.001)


def hoard(count: int, workers: int = 1) -> Held:
    received = events(Kind.RECEIVED, *range(1, count + 1))
    received["flags"] = Reception.ETA
    started_ns = np.full(count, 5 * S, dtype=np.int64)
    return Held(received, started_ns, np.arange(count) % workers)


@pytest.mark.parametrize(
    ("held", "grown_mib", "told_so"),
    [
        (hoard(600), 12, True),
        (hoard(1200, workers=2), 24, True),
        (hoard(400), 12, False),
        (hoard(900, workers=2), 12, False),
        (hoard(600), 1, False),
        (hoard(600), None, False),
    ],
)
def test_etas_that_fill_the_memory(held: Held, grown_mib: int | None, told_so: bool) -> None:
    grown = None if grown_mib is None else grown_mib * 2**20
    units = [unit(0, 1, 2, 5000, 5001)]
    found = told(units, ADD, ONE_SLOT, "redis", known={"held": held, "grown_bytes": grown})
    assert ("eta_hoard" in found) is told_so
    if told_so:
        assert found["eta_hoard"]["held"] == 600
        assert found["eta_hoard"]["bytes_each"] == 20 * 2**20 / 1000


# --- processes ----------------------------------------------------------------------------------


def child(pid: int, ready_ms: int, last_ms: int, tasks: int = 1, cut: bytes = b"") -> Child:
    return Child(pid, 1, ready_ms * MS, tasks, last_ms * MS, cut)


def recycled(pid: int, begin_ms: int, end_ms: int, cut: bytes) -> Child:
    """The only process of a pool, which had run its one task, or was killed in it."""
    one = replace(child(pid, begin_ms - 1, end_ms, cut=cut), first_ns=begin_ms * MS, slot=0)
    one = replace(one, forked_ns=(begin_ms - 2) * MS, gone_ns=(end_ms + 1) * MS)
    if cut:
        return one
    return replace(one, leaves_ns=end_ms * MS, leaving=ChildEnd.MOST_TASKS)


@pytest.mark.parametrize(
    ("cuts", "told_so"),
    [((0, 0, 0), True), ((0, 0, 1, 1), True), ((0, 1, 2, 3), False), ((0, 0), False), ((), False)],
)
def test_tasks_that_take_their_process_along(cuts: tuple[int, ...], told_so: bool) -> None:
    units = [unit(number, 1, 2, 3, 4) for number in range(4)]
    children = tuple(
        child(place, 0, 10 + place, cut=ident_of(number, 0)) for place, number in enumerate(cuts)
    )
    found = told(units, MIX, ONE_SLOT, "redis", known={"children": children})
    assert ("poison_task" in found) is told_so
    if told_so:
        assert found["poison_task"]["processes"] == len(cuts)
        assert found["poison_task"]["messages"] == len(set(cuts))
        assert set(found["poison_task"]["tasks"]) <= {"shop.slow", "shop.quick"}


@pytest.mark.parametrize(("hold_s", "told_so"), [(3.0, True), (0.5, False)])
def test_a_retry_beyond_the_visibility_timeout(hold_s: float, told_so: bool) -> None:
    """Nobody asked for a countdown but the task itself, when it asked to be run again."""
    one = unit(0, 1, 2, 3, 4)
    again = (5 + int(hold_s * 1000)) * MS
    one.tasks[0].started += [again, again + 9 * MS]
    others: list[Record] = [
        (Kind.RETRIED, ident_of(0, 0), 4 * MS, 0, 0, 0),
        (Kind.RECEIVED, ident_of(0, 0), 5 * MS, 0, 0, int(Reception.ETA)),
    ]
    settings = {"broker_transport_options": {"visibility_timeout": 2}}
    found = told([one], ADD, ONE_SLOT, "redis", settings=settings, others=others)
    assert ("eta_beyond_visibility" in found) is told_so


@pytest.mark.parametrize(("times_back", "told_so"), [(5, True), (4, False)])
def test_messages_that_are_put_back(times_back: int, told_so: bool) -> None:
    """By Reject(requeue=True): each execution ends in a way of its own."""
    one = unit(0, 1, 2, 3, 400)
    others: list[Record] = []
    for place in range(times_back):
        at = (10 + place * 5) * MS
        others.append((Kind.RETRIED, ident_of(0, 0), at, 0, 0, 0))
        others.append((Kind.RECEIVED, ident_of(0, 0), at + 1, 0, 0, int(Reception.REDELIVERED)))
        others.append((Kind.STARTED, ident_of(0, 0), at + 2, 0, 0, 0))
    found = told([one], MIX, ONE_SLOT, "redis", others=others)
    assert ("poison_task" in found) is told_so
    if told_so:
        assert (found["poison_task"]["put_back"], found["poison_task"]["processes"]) == (5, 0)


def test_a_poison_task_that_a_task_published() -> None:
    strange = tuple(child(place, 0, 10, cut=bytes(range(16))) for place in range(3))
    found = told([unit(0, 1, 2, 3, 4)], MIX, ONE_SLOT, "redis", known={"children": strange})
    assert found["poison_task"]["tasks"] == [""]


@pytest.mark.parametrize(
    ("pool", "limit_ms", "which", "soft_s", "told_so"),
    [
        ("threads", 1000, Limit.HARD, None, True),
        ("solo", 1000, Limit.SOFT, 1, True),
        ("gevent", 1000, Limit.SOFT, 1, True),
        ("prefork", 1000, Limit.HARD, None, False),
        ("prefork", 1000, Limit.HARD, 20, True),  # it looks at that one first
        ("prefork", 1000, Limit.SOFT, 1, False),
        ("threads", 1950, Limit.HARD, None, False),  # nobody is stopped at once
        ("threads", 0, 0, None, False),
    ],
)
def test_time_limits_that_a_pool_does_not_keep(
    pool: Any, limit_ms: int, which: int, soft_s: int | None, told_so: bool
) -> None:
    one = unit(0, 1, 2, 3, 2003)
    one.tasks[0].received.clear()
    others: list[Record] = [(Kind.RECEIVED, ident_of(0, 0), 2 * MS, limit_ms, which, 0)]
    settings = {"task_soft_time_limit": soft_s}
    found = told([one], ADD, Worker(pool=pool), "redis", settings=settings, others=others)
    assert ("time_limit_ignored" in found) is told_so
    if told_so:
        assert found["time_limit_ignored"].get("soft_limit_s") == (20 if soft_s == 20 else None)
        data = found["time_limit_ignored"]
        assert (data["limit"], data["limit_s"]) == (Limit(which).name.lower(), 1.0)
        assert (data["longest_s"], data["tasks"]) == (2.0, 1)


def test_a_retry_is_no_run_beyond_the_limit() -> None:
    """Two runs of a millisecond, and a countdown of two seconds between them."""
    one = unit(0, 1, 2, 3, 2003)
    one.tasks[0].received.clear()
    one.tasks[0].started.append(2002 * MS)
    others: list[Record] = [
        (Kind.RECEIVED, ident_of(0, 0), 2 * MS, 1000, int(Limit.HARD), 0),
        (Kind.RETRIED, ident_of(0, 0), 4 * MS, 0, 0, 0),
        (Kind.RECEIVED, ident_of(0, 0), 5 * MS, 1000, int(Limit.HARD), int(Reception.ETA)),
    ]
    assert "time_limit_ignored" not in told(
        [one], ADD, Worker(pool="threads"), "redis", others=others
    )


@pytest.mark.parametrize(
    ("gap_ms", "sent_at_once", "cut", "told_so"),
    [
        (300, True, b"", True),
        (50, True, b"", False),
        (300, False, b"", False),  # nobody waited for them
        (300, True, ident_of(0, 0), False),  # they were killed
    ],
)
def test_processes_that_are_replaced(
    gap_ms: int, sent_at_once: bool, cut: bytes, told_so: bool
) -> None:
    """Five tasks of 400 ms, each in a process of its own."""
    round_ms = 400 + gap_ms
    starts = [10 + place * round_ms for place in range(5)]
    units = [
        unit(place, 1 if sent_at_once else begin - 2, begin - 1, begin, begin + 400)
        for place, begin in enumerate(starts)
    ]
    children = tuple(recycled(place, at, at + 400, cut) for place, at in enumerate(starts))
    found = told(units, ADD, ONE_SLOT, "redis", known={"children": children})
    assert ("children_replaced" in found) is told_so
    if told_so:
        data = found["children_replaced"]
        assert (data["replaced"], data["tasks_each"]) == (4, 1)
        assert data["gap_s"] == pytest.approx(0.3)


# --- connections --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "limit", "told_so"),
    [
        (40, 0, True),
        (20, None, True),
        (19, 0, False),
        (10, 0, False),
        (40, 10, False),  # reconnecting, while the broker was gone
    ],
)
def test_connections_for_each_message(opened: int, limit: int | None, told_so: bool) -> None:
    """Ten are what a pool may open; those before the measuring do not count."""
    settings = {"broker_pool_limit": limit}
    units = [unit(number, 10 + number, 60, 61, 62) for number in range(40)]
    moments = {Kind.CONNECTED: times(*([1] * 50), *range(10, 10 + opened))}
    known = {"client_moments": moments}
    found = told(units, ADD, ONE_SLOT, "redis", settings=settings, known=known)
    assert ("connection_per_publish" in found) is told_so
    if told_so:
        assert found["connection_per_publish"]["connections"] == opened


@pytest.mark.parametrize(
    ("waits", "waited_ms", "opened", "told_so"),
    [(20, 30, 0, True), (20, 10, 0, False), (5, 100, 0, False), (20, 30, 20, False)],
)
def test_callers_that_wait_for_a_connection(
    waits: int, waited_ms: int, opened: int, told_so: bool
) -> None:
    """Of publish calls that took 40 ms each."""
    units = [unit(number, 10, 60, 61, 62) for number in range(20)]
    for one in units:
        one.published = 50 * MS
    waited = events(Kind.POOL_WAITED, *([45] * waits), unit=waited_ms * 1000)
    known = {"pool_waits": waited, "client_moments": {Kind.CONNECTED: times(*([20] * opened))}}
    found = told(units, ADD, ONE_SLOT, "redis", known=known, settings={"broker_pool_limit": 1})
    assert ("pool_wait" in found) is told_so
    if told_so:
        assert found["pool_wait"] == {
            "calls": 20,
            "share": pytest.approx(0.75),
            "longest_s": 0.03,
            "limit": 1,
        }


@pytest.mark.parametrize(
    ("count", "heard", "tasks", "told_so"),
    [(4, 40, 4, True), (1, 40, 4, False), (4, 10, 4, False), (4, 40, 20, False)],
)
def test_workers_that_talk_about_themselves(
    count: int, heard: int, tasks: int, told_so: bool
) -> None:
    units = [unit(number, 1, 2, 3, 9000) for number in range(tasks)]
    moments = {
        Kind.HEARTBEAT: times(*range(100, 110)),
        Kind.GOSSIP: times(*range(100, 100 + heard)),
    }
    worker = Worker(concurrency=1, count=count)
    found = told(units, ADD, worker, "redis", known={"moments": moments})
    assert ("worker_chatter" in found) is told_so
    if told_so:
        data = found["worker_chatter"]
        assert (data["sent"], data["heard"], data["task_messages"]) == (10, 40, 2 * tasks)


# --- handlers of signals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "calls", "took_ms", "share"),
    [
        ("task_postrun", 10, 90, 0.9),  # runs of 10 ms
        ("task_postrun", 10, 1, None),
        ("task_postrun", 4, 90, None),  # the machine may have stalled
        ("task_prerun", 5, 90, 450 / 550),
        ("before_task_publish", 10, 15, 0.75),  # calls of 20 ms
        ("before_task_publish", 10, 1, None),
        ("task_received", 10, 90, 0.45),  # of two seconds
        ("task_received", 10, 10, None),
    ],
)
def test_handlers_that_take_long(
    signal: str, calls: int, took_ms: int, share: float | None
) -> None:
    """Ten tasks in two seconds; what handlers took before they were published does not count."""
    units = [unit(place, 10, 1990, 2000, 2010) for place in range(10)]
    for one in units:
        one.published = 30 * MS
    number = TIMED_SIGNALS.index(signal)
    handled = events(Kind.HANDLED, *([5] * 10), *([100] * calls), unit=took_ms * 1000)
    handled["position"] = number
    ran = {"began_ns": times(*[2000] * 10), "ended_ns": times(*[2010] * 10)}
    found = told(units, ADD, ONE_SLOT, "redis", known={"handled": handled, **ran})
    assert ("slow_handlers" in found) is (share is not None)
    if share is not None:
        assert found["slow_handlers"]["signals"] == {
            signal: {
                "calls": calls,
                "p50_s": took_ms / 1000,
                "share": pytest.approx(share, rel=0.01),
            }
        }
        assert f"{signal}: {calls} times" in warning_detail("slow_handlers", found["slow_handlers"])


@pytest.mark.parametrize(
    ("side_ms", "share"),
    [
        (200, None),  # 150 tasks of 0.2 s, before each of which a handler takes 5 ms
        (10, 155 * 5 / (155 * 5 + 150 * 10 + 5 * 10)),
        (None, None),  # none of them was seen to end
    ],
)
def test_handlers_are_measured_against_side_tasks_too(
    side_ms: int | None, share: float | None
) -> None:
    """Five units of 10 ms, each of which spawns thirty tasks of its own."""
    units = [unit(place, 10, 20, 20, 30) for place in range(4)] + [unit(4, 10, 6980, 6980, 6990)]
    others: list[Record] = []
    for place in range(150):
        ident, at = b"sidetask%8d" % place, (40 + 40 * place) * MS
        others.append((Kind.STARTED, ident, at, 0, 0, 0))
        if side_ms is not None:
            others.append((Kind.FINISHED, ident, at + side_ms * MS, 0, 0, 0))
    number = TIMED_SIGNALS.index("task_prerun")
    others += [(Kind.HANDLED, NO_ID, (40 + 40 * n) * MS, 5000, number, 0) for n in range(155)]
    found = told(units, ADD, ONE_SLOT, "redis", others=others)
    assert ("slow_handlers" in found) is (share is not None)
    if share is not None:
        signals = found["slow_handlers"]["signals"]
        assert signals.keys() == {"task_prerun"}
        assert signals["task_prerun"]["calls"] == 155
        assert signals["task_prerun"]["share"] == pytest.approx(share, rel=0.001)


def test_handlers_of_publishing_are_the_clients_and_of_tasks_the_workers(tmp_path: Path) -> None:
    """A task may publish others, of which no publish call is known."""
    for took, role in enumerate(("client", "worker", "child"), start=1):
        (tmp_path / role).mkdir()
        recorder = Recorder(str(tmp_path / role), role)
        for number in range(len(TIMED_SIGNALS)):
            recorder.record(Kind.HANDLED, NO_ID, 10, took * 1000, number)
        recorder.record(Kind.HANDLED, NO_ID, 10, 1, 0, RAISED)
        recorder.record(Kind.STARTED, SECOND, 5)
        recorder.close()
        clues = clues_in(tmp_path / role)
        names = [TIMED_SIGNALS[one] for one in clues.handled["position"].tolist()]
        publishing = [name for name in TIMED_SIGNALS if name.endswith("_publish")]
        others = [name for name in TIMED_SIGNALS if name not in publishing]
        assert names == (publishing if role == "client" else others)
        assert [one.times for one in clues.raised] == [1], "told wherever they were called"
        assert clues.began_ns.tolist() == [5]


def test_handlers_that_raise() -> None:
    """Named, the most frequent first; a report shows three."""
    raised = tuple(
        Raised("task_postrun", f"shop.signals.handler{number}", "KeyError", "'x'", 20 - number)
        for number in range(12)
    )
    units = [unit(0, 1, 2, 3, 4)]
    assert "handlers_raised" not in told(units, ADD, ONE_SLOT, "redis")
    data = told(units, ADD, ONE_SLOT, "redis", known={"raised": raised})["handlers_raised"]
    assert data["times"] == sum(range(9, 21))
    assert data["unnamed"] == 2
    assert data["handlers"][0] == {
        "signal": "task_postrun",
        "handler": "shop.signals.handler0",
        "error": "KeyError",
        "message": "'x'",
        "times": 20,
    }
    words = warning_detail("handlers_raised", data)
    assert words.startswith(
        "shop.signals.handler0 (task_postrun) raised KeyError: 'x', 20 times; shop"
    )
    assert words.endswith(
        "19 times; shop.signals.handler2 (task_postrun) raised KeyError: 'x', "
        "18 times; and 9 more in run.json"
    )


# --- chords -------------------------------------------------------------------------------------

BODY, FIRST, SECOND = (bytes([number] * 16) for number in (1, 2, 3))
RAN: dict[int, int] = {Kind.RECEIVED: 10 * MS, Kind.STARTED: 11 * MS, Kind.FINISHED: 12 * MS}
STORED: dict[int, int] = {**RAN, Kind.STORED: 13 * MS}
LATE: dict[int, int] = {**RAN, Kind.FINISHED: 2600 * MS}


@pytest.mark.parametrize(
    ("looks", "first", "body", "raised_ms", "running", "told_so"),
    [
        (3, RAN, {}, None, False, True),  # it stores no result
        (1, RAN, {}, None, False, True),
        (3, STORED, {}, None, False, False),  # the next look finds it
        (3, LATE, {}, None, False, False),  # it has only just ended
        (3, RAN, {Kind.STORED: 400}, None, False, False),  # the chord failed
        (3, {Kind.RECEIVED: 10}, {}, 5, False, False),  # a worker holds it
        (3, {}, {}, 5, False, True),  # it never came, and something before it failed
        (1, {}, {}, 5, False, False),
        (3, {}, {}, 2500, False, False),  # it failed only just now
        (3, {}, {}, 5, True, False),  # something before it may be running yet
        (3, {}, {}, None, False, False),  # nothing failed
    ],
)
def test_chords_without_an_end(
    looks: int,
    first: dict[int, int],
    body: dict[int, int],
    raised_ms: int | None,
    running: bool,
    told_so: bool,
) -> None:
    known = {
        "unlocked": (
            Unlocked(
                BODY, tuple(place * S for place in range(1, looks + 1)), frozenset((FIRST, SECOND))
            ),
        ),
        "chord_events": {BODY: body, FIRST: first, SECOND: STORED},
        "last_raised_ns": MISSING if raised_ms is None else raised_ms * MS,
        "began_ns": np.array([1, 50 * MS] if running else [1]),
        "ended_ns": np.array([5]),
    }
    found = told([unit(0, 1, 2, 3, 4)], ADD, ONE_SLOT, "sqlite", known=known)
    assert ("endless_chord" in found) is told_so
    if told_so:
        data = found["endless_chord"]
        assert (data["chords"], data["looks"]) == (1, looks)
        assert data["header_unstored"] == (1 if first else 0)
        assert data["header_never_came"] == (0 if first else 1)


# --- message groups -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "fifo", "overlap", "told_so"),
    [
        (1, True, True, True),
        (None, True, True, True),  # kombu puts all into one
        (1, True, False, False),
        (4, True, True, False),  # each in a group of its own
        (1, False, True, False),
    ],
)
def test_message_groups(groups: int | None, fifo: bool, overlap: bool, told_so: bool) -> None:
    step_ms = 50 if overlap else 110
    units = [
        unit(number, 1 + number, 9, 10 + number * step_ms, 110 + number * step_ms)
        for number in range(4)
    ]
    workload = AddWorkload(workload="add", options=MessageOptions(message_groups=groups))
    broker = SqsBroker(service="sqs", fifo=fifo)
    found = told(units, workload, Worker(concurrency=4), "redis", broker=broker)
    assert ("fifo_groups_overlap" in found) is told_so
    if told_so:
        assert found["fifo_groups_overlap"] == {
            "overlaps": 3,
            "out_of_order": 0,
            "pairs": 3,
            "groups": 1,
        }


def test_message_groups_are_those_of_each_queue_and_part() -> None:
    """Eight units side by side, each in the one group of its part: one part's queue is FIFO."""
    parts = [
        {"workload": "add", "name": name, "queue": queue, "options": {"message_groups": 1}}
        for name, queue in (("a", "a.fifo"), ("b", "b"))
    ]
    mix = WORKLOADS["mix"].model_validate({"workload": "mix", "parts": parts})
    units = [unit(n, 1 + n, 9, 10 + n * 10, 210 + n * 10) for n in range(8)]
    found = told(units, mix, Worker(concurrency=8), "redis", broker=SqsBroker(service="sqs"))
    data = found["fifo_groups_overlap"]
    assert (data["pairs"], data["overlaps"], data["groups"]) == (3, 3, 1)


def test_a_message_group_out_of_order() -> None:
    """One after the other, and not as they were sent."""
    units = [unit(number, 9 - number, 9, 10 + number * 9, 15 + number * 9) for number in range(4)]
    broker = SqsBroker(service="sqs", fifo=True)
    found = told(units, ADD, Worker(concurrency=1), "redis", broker=broker)
    assert found["fifo_groups_overlap"]["out_of_order"] == 3
    assert found["fifo_groups_overlap"]["overlaps"] == 0


# --- reading ------------------------------------------------------------------------------------


def test_clues_of_event_logs(tmp_path: Path) -> None:
    """A message that arrives twice, and a chord that is looked at; what was not held is not."""
    twice, once = ident_of(1, 0), ident_of(2, 0)
    recorder = Recorder(str(tmp_path), "worker")
    for at in (10, 30):
        recorder.record(Kind.RECEIVED, twice, at, 0, 0, Reception.ETA)
        recorder.record(Kind.STARTED, twice, at + 5)
        recorder.record(Kind.RETRIED, twice, at + 6)
    recorder.record(Kind.RECEIVED, once, 11, 2000, Limit.SOFT, Reception.REDELIVERED)
    recorder.record(Kind.STARTED, once, 12)
    recorder.record(Kind.FINISHED, once, 13, 0, 0, RAISED)
    recorder.record(Kind.RECEIVED, twice, 50, 0, 0, Reception.LIMITED)
    for looks in range(2):
        recorder.record(Kind.UNLOCKING, BODY, 60 + looks, looks)
        for member in (once, SECOND) if not looks else ():
            recorder.record(Kind.HEADER, member, 60)
    recorder.record(Kind.GOSSIP, NO_ID, 70)
    recorder.close()
    dying = Recorder(str(tmp_path), "child")
    dying.record(Kind.PROCESS_READY, NO_ID, 5)
    dying.record(Kind.STARTED, once, 20)
    dying.close()
    clues = clues_in(tmp_path)
    assert clues.held.received_ns.tolist() == [10, 30, 50]
    assert clues.held.started_ns.tolist() == [15, 35, MISSING]
    assert len(clues.held.because_of(Reception.ETA, but=Reception.LIMITED)) == 2
    assert clues.limited["unit"].tolist() == [2000]
    assert clues.began_ns.tolist() == [12, 15, 20, 35]
    assert clues.ended_ns.tolist() == [13, 16, 36]
    assert clues.last_raised_ns == 13
    assert [(one.looks_ns, one.header) for one in clues.unlocked] == [
        ((60, 61), frozenset((once, SECOND)))
    ]
    assert clues.chord_events[once] == {Kind.RECEIVED: 11, Kind.STARTED: 20, Kind.FINISHED: 13}
    assert clues.chord_events[SECOND] == {}
    assert clues.moments[Kind.GOSSIP].tolist() == [70]
    (died,) = clues.children
    assert (died.ready_ns, died.tasks, died.last_ns, died.cut) == (5, 1, 20, once)


def test_a_block_without_any_of_it(tmp_path: Path) -> None:
    assert clues_in(tmp_path).unlocked == ()
    assert len(clues_in(tmp_path).held) == 0
