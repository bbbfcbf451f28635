"""Losses, duplicates, wrong results and reordering, all in one block: found, all of them, and
nothing else.

While the workers stand still the messages that wait are taken out of the queue and put back in
another order, some not at all, some twice. The workers' accomplice alters results.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.probe.recording.ids import parsed
from harness.results.events.merged import MISSING
from harness.selftest.accomplices.misdeeds import deed_of
from harness.selftest.bench import Bench, Order
from harness.selftest.check_result import CheckResult
from harness.selftest.inside import Inside
from harness.selftest.queues import queue_of
from harness.selftest.samples import Taken

RATE = 100.0
WAITING = 60
"""Messages that are taken out and put back."""
LOST, TWICE = 3, 4
TIMEOUT_S = 15
"""A unit may take that long, also while its queue is rearranged on a machine that does much else:
what is lost is waited for until then."""
_OUTCOMES = {
    "value": ("wrong", None),
    "type": ("wrong", None),
    "raise": ("failed", None),
    "forget": ("lost", "finished_not_stored"),
}
"""Deed -> outcome of the unit, and where it was lost."""
_SOUND: tuple[str, str | None, int] = ("ok", None, 1)


@dataclass(frozen=True)
class Rearranged:
    """What was done to the queue. Numbers of units."""

    lost: frozenset[int]
    twice: frozenset[int]
    order: tuple[int, ...]
    """Units that were put back, as they are to be received; each once."""


def check(bench: Bench, broker: str, *, short: bool) -> Iterator[CheckResult]:
    """One block, and what the ledger makes of it."""
    duration_s = 2.0 if short else 10.0
    order = Order(
        name="planted",
        workload={"workload": "add"},
        load={"load": "rate", "rate": RATE, "senders": 1},
        measure={"duration": duration_s, "warmup": 0, "timeout": TIMEOUT_S},
        # Not solo: on RabbitMQ its loop may stand still for two seconds with messages waiting.
        worker={"pool": "threads", "concurrency": 1},
        settings={
            "imports": ["harness.selftest.accomplices.misdeeds"],
            "worker_prefetch_multiplier": 1,
        },
    )
    taken = bench.measure(broker, order, _plant)
    yield judge_ledger(taken)
    yield judge_order(taken)


def _plant(inside: Inside) -> Rearranged:
    inside.wait_begin()
    inside.pause(0.3)
    with queue_of(inside.settings) as queue, inside.standing("worker"):
        inside.wait(lambda: queue.waiting() >= WAITING, f"{WAITING} waiting messages")
        ids, order = queue.rearrange(WAITING, arranged)
    units = [_unit(task_id) for task_id in ids]
    put_back = [units[index] for index in order]
    return Rearranged(
        lost=frozenset(units) - frozenset(put_back),
        twice=frozenset(unit for unit in put_back if put_back.count(unit) > 1),
        order=tuple(dict.fromkeys(put_back)),
    )


def arranged(ids: Sequence[str]) -> list[int]:
    """Every message but some, some twice, shuffled. Those that a worker will spoil are only moved,
    so that every unit has one thing planted."""
    chance = random.Random(1)  # noqa: S311 - not a secret
    sound = [index for index, task_id in enumerate(ids) if deed_of(task_id) is None]
    chosen = chance.sample(sound, min(LOST + TWICE, len(sound)))
    lost, twice = set(chosen[:LOST]), chosen[LOST:]
    order = [index for index in range(len(ids)) if index not in lost] + twice
    chance.shuffle(order)
    return order


# --- judging ------------------------------------------------------------------------------------


def judge_ledger(taken: Taken) -> CheckResult:
    """Outcome, stage of a loss and executions of every unit, against what was planted on it."""
    planted = _planted(taken)
    found = _found(taken)
    apart = [unit for unit in found if found[unit] != planted.get(unit, _SOUND)]
    missed = [unit for unit in planted if unit not in found]
    kinds = [what[0] if what[2] < 2 else "twice" for what in planted.values()]
    counts = {kind: kinds.count(kind) for kind in ("lost", "twice", "wrong", "failed")}
    expected = {"lost": counts["lost"], "wrong": counts["wrong"], "failed": counts["failed"]}
    block = taken.block
    said = {name: getattr(block.outcomes, name) for name in expected}
    ledger = {**said, "duplicated": block.duplicated, "timed_out": block.outcomes.timed_out}
    return CheckResult(
        check="planted trouble",
        broker=taken.broker,
        planted=f"{counts['lost']} lost, {counts['twice']} delivered twice, "
        f"{counts['wrong']} wrong, {counts['failed']} failures, of {len(found)} units",
        expected="these units and no others in the ledger",
        measured=", ".join(f"{count} {name}" for name, count in ledger.items())
        + f"; {len(apart) + len(missed)} units differ",
        ok=not apart
        and not missed
        and all(counts.values())
        and ledger == {**expected, "duplicated": counts["twice"], "timed_out": 0},
    )


def judge_order(taken: Taken) -> CheckResult:
    """Order of receiving against order of publishing, within the messages that were moved, and
    within all the others."""
    moved = taken.planted.order
    received = _in_order_of_receiving(taken)
    among = [unit for unit in received if unit in set(moved)]
    others = [unit for unit in received if unit not in set(moved)]
    planted, found, elsewhere = inversions(moved), inversions(among), inversions(others)
    return CheckResult(
        check="planted reordering",
        broker=taken.broker,
        planted=f"{len(moved)} messages shuffled in the queue, {planted} pairs out of order",
        expected="received in just this order, the others as published, no outcome changed by it",
        measured=f"{found} pairs out of order, {elsewhere} among the other {len(others)}",
        ok=planted > 0 and tuple(among) == tuple(moved) and elsewhere == 0,
    )


def inversions(order: Sequence[int]) -> int:
    """Pairs of units that were received in another order than they were published in. Units are
    numbered in the order of publishing."""
    numbers = np.asarray(order, dtype=np.int64)
    return int(sum((numbers[index + 1 :] < number).sum() for index, number in enumerate(numbers)))


def _planted(taken: Taken) -> dict[int, tuple[str, str | None, int]]:
    """Unit -> outcome, stage of the loss, executions; only of units with something planted."""
    rearranged: Rearranged = taken.planted
    planted: dict[int, tuple[str, str | None, int]] = {}
    for deed in taken.confessed:
        planted[_unit(deed["task"])] = (*_OUTCOMES[deed["deed"]], 1)
    planted |= dict.fromkeys(rearranged.lost, ("lost", "never_received", 0))
    return planted | dict.fromkeys(rearranged.twice, ("ok", None, 2))


def _found(taken: Taken) -> dict[int, tuple[str, str | None, int]]:
    executions = _executions(taken)
    return {
        int(unit): (
            str(outcome),
            str(lost_at) if outcome == "lost" else None,
            executions[int(unit)],
        )
        for unit, outcome, lost_at in zip(
            taken.units["unit"], taken.units["outcome"], taken.units["lost_at"], strict=True
        )
    }


def _executions(taken: Taken) -> Mapping[int, int]:
    pairs = zip(taken.tasks["unit"], taken.tasks["executions"], strict=True)
    return {int(unit): int(count) for unit, count in pairs}


def _in_order_of_receiving(taken: Taken) -> list[int]:
    received_ns = taken.tasks["received_ns"]
    there = received_ns != MISSING
    order = np.argsort(received_ns[there], kind="stable")
    return [int(unit) for unit in taken.tasks["unit"][there][order]]


def _unit(task_id: str) -> int:
    known = parsed(task_id)
    if known is None:
        raise ValueError(f"a task that no client of the block published: {task_id}")
    return known[1]
