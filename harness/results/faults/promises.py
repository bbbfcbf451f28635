"""What a configuration promises for each kind of fault, and whether it kept it.

A promise is what Celery's and the brokers' documentation say follows from the settings; it rules
out some kinds of trouble and allows others. docs/faults.md has the table with its sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.results.events.ran_with import RanWith, ran_or_planned
from harness.results.faults.attribution import Blame, FaultyBlock
from harness.results.record.faults import Kept, PromiseRecord, Trouble
from harness.scenario.models.faults import Subject
from harness.scenario.vendors.registry import BACKENDS, BROKERS, share_server

Because = dict[str, Any]
"""Settings, or what a configuration has like one -> value: why something is promised."""
_ALL = ("lost", "failed", "wrong", "duplicated")
_SOME = "of some tasks"
_PERSISTENT = (None, 2, "persistent")


@dataclass(frozen=True)
class PromiseRule:
    """A code, what it rules out, and the settings that it follows from."""

    code: str
    rules_out: tuple[str, ...]
    because: Mapping[str, Any]


def promises(
    config: Mapping[str, Any], ran: RanWith, faulty: FaultyBlock, judged: Blame, held_by_broker: int
) -> tuple[PromiseRecord, ...]:
    """What became of each promise about what was broken in the block. `config`: the configuration,
    as plain data; `ran`: what the block's workers made of it."""
    found = []
    for about in dict.fromkeys(note.kind.about for note in faulty.notes):
        indices = [i for i, note in enumerate(faulty.notes) if note.kind.about == about]
        promise = promise_for(config, about, ran)
        troubles = [judged.trouble(index, faulty.refused) for index in indices]
        touched = np.zeros(len(faulty.merged.units.unit), dtype=bool)
        for index in indices:
            touched |= judged.met[index]
        found.append(_judge(promise, about, troubles, int(touched.sum()), held_by_broker))
    return tuple(found)


def promise_for(
    config: Mapping[str, Any], about: Subject, ran: RanWith | None = None
) -> PromiseRule:
    """The promise of a configuration for one kind of thing that is broken; without the workers'
    own word what is planned."""
    held = ran_or_planned((), config) if ran is None else ran
    return next(SUBJECTS[about].rules(_Configuration(config, held)))


def _judge(
    promise: PromiseRule, about: str, troubles: Sequence[Trouble], touched: int, held_by_broker: int
) -> PromiseRecord:
    totals = {name: sum(getattr(one, name) for one in troubles) for name in _ALL}
    totals["timed_out"] = sum(one.timed_out for one in troubles)
    broken = {name: totals[name] for name in promise.rules_out if totals[name]}
    allowed = {
        name: count
        for name, count in totals.items()
        if count and name not in promise.rules_out and name != "timed_out"
    }
    kept: Kept = "kept"
    if broken:
        kept = "broken"
    elif totals["timed_out"]:
        kept = "open"
        allowed["timed_out"] = totals["timed_out"]
    elif not touched:
        kept = "untested"
    if held_by_broker and kept == "open":
        allowed["held_by_broker"] = held_by_broker
    return PromiseRecord(
        promise=promise.code,
        about=about,
        because=dict(promise.because),
        kept=kept,
        touched=touched,
        broken_by=broken,
        allowed=allowed,
    )


# --- the rules ----------------------------------------------------------------------------------


class _Configuration:
    """What of a configuration decides."""

    def __init__(self, config: Mapping[str, Any], ran: RanWith) -> None:
        self.broker = BROKERS[config["broker"]["service"]]
        self.late = ran.options("acks_late", default=False)
        self.rejects = ran.options("reject_on_worker_lost", default=False)
        self.persistence = str(config["broker"].get("persistence", "none"))
        self.persistent = ran.setting("task_default_delivery_mode", None) in _PERSISTENT
        asked = self.broker.confirmed_by
        self.confirms = not asked or ran.transport_option(asked, default=False) is True
        self.retries = ran.setting("result_backend_always_retry", default=False) is True
        self.backend = config["backend"]
        self.apart = not share_server(config["broker"], self.backend)
        default_s = self.broker.default("visibility_timeout")
        self.visibility_s = ran.transport_option("visibility_timeout", default_s)

    @property
    def acks(self) -> Because:
        """Said for every promise that depends on acknowledgements."""
        said: Because = {"task_acks_late": _said(self.late)}
        if True in self.late and self.broker.redelivery_s is not None:
            said["visibility_timeout"] = self.visibility_s
        return said


def _said(values: frozenset[Any]) -> bool | str:
    """Of an option of tasks: its value, if it is the same for all that were measured."""
    return _SOME if len(values) > 1 else True in values


def _of_worker(one: _Configuration) -> Iterator[PromiseRule]:
    if len(one.late) > 1:  # what one kind of task rules out, the other may do
        yield PromiseRule("by_task", ("wrong",), one.acks)
    if True in one.late:
        yield PromiseRule("at_least_once", ("lost", "failed", "wrong"), one.acks)
    yield PromiseRule("at_most_once", ("duplicated", "wrong"), one.acks)


def _of_cold_stop(one: _Configuration) -> Iterator[PromiseRule]:
    """Celery cancels what runs (celery/apps/worker.py, on_cold_shutdown): a message that was not
    acknowledged is the broker's again, one that was is gone with its task."""
    yield from _of_worker(one)


def _of_pool(one: _Configuration) -> Iterator[PromiseRule]:
    said = one.acks | {"task_reject_on_worker_lost": _said(one.rejects)}
    if len(one.late) > 1 or (True in one.late and len(one.rejects) > 1):
        yield PromiseRule("by_task", ("wrong",), said)
    if True in one.late and True in one.rejects:
        yield PromiseRule("at_least_once", ("lost", "failed", "wrong"), said)
    yield PromiseRule("tells", ("lost", "duplicated", "wrong"), said)


def _of_broker(one: _Configuration) -> Iterator[PromiseRule]:
    if one.broker.kept_by == "persistence":
        said: Because = {"persistence": one.persistence}
        if one.persistence == "aof":
            yield PromiseRule("keeps_queue", ("lost", "wrong"), said)
        yield PromiseRule("may_lose_queue", ("wrong",), said)
    said = {"delivery_mode": "persistent" if one.persistent else "transient"}
    if not one.persistent:
        yield PromiseRule("may_lose_queue", ("wrong",), said)
    if one.broker.confirmed_by:
        said[one.broker.confirmed_by] = one.confirms
    if one.confirms:
        yield PromiseRule("keeps_queue", ("lost", "wrong"), said)
    yield PromiseRule("may_lose_unconfirmed", ("wrong",), said)


def _of_backend(one: _Configuration) -> Iterator[PromiseRule]:
    said: Because = {"result_backend_always_retry": one.retries}
    lasting = True
    if BACKENDS[one.backend["service"]].kept_by == "persistence":
        said["persistence"] = one.backend.get("persistence", "none")
        lasting = said["persistence"] == "aof"
    if one.retries and lasting:
        yield PromiseRule("stores_later", _ALL, said)
    yield PromiseRule("may_lose_results", ("wrong",), said)


def _of_memory(one: _Configuration) -> Iterator[PromiseRule]:
    if one.broker.refuses_when_full:
        said = {**one.broker.refuses_when_full, "results_apart": one.apart}
        lost = ("lost",) if one.apart else ()  # else results find no room either
        yield PromiseRule("refuses", (*lost, "wrong", "duplicated"), said)
    yield PromiseRule("only_delays", _ALL, {"blocks": "publishers"})


def _of_network(one: _Configuration) -> Iterator[PromiseRule]:
    if not one.confirms:
        said = {one.broker.confirmed_by: False}
        yield PromiseRule("may_lose_unconfirmed", ("wrong",), said)
    yield from _of_worker(one)


def _only_delays(_: _Configuration) -> Iterator[PromiseRule]:
    """A warm shutdown, a worker that stands still and a slow network take time, nothing else."""
    yield PromiseRule("only_delays", _ALL, {})


@dataclass(frozen=True)
class Promised:
    """What a configuration promises about one thing that faults break."""

    words: str
    """What is broken, for a report: `a killed worker`."""
    rules: Callable[[_Configuration], Iterator[PromiseRule]]
    """Gives promises for a configuration, by its settings; the first one is the configuration's."""


SUBJECTS: Mapping[Subject, Promised] = {
    "worker": Promised("a killed worker", _of_worker),
    "pool": Promised("a killed pool process", _of_pool),
    "pause": Promised("a worker that stands still", _only_delays),
    "shutdown": Promised("a warm shutdown", _only_delays),
    "cold": Promised("a shutdown that does not wait for every task", _of_cold_stop),
    "broker": Promised("a broker that restarts", _of_broker),
    "backend": Promised("a backend that restarts", _of_backend),
    "memory": Promised("a full broker", _of_memory),
    "slowness": Promised("a slow network", _only_delays),
    "network": Promised("a cut network", _of_network),
}
"""What a kind of fault is about (`FaultKind.about`) -> what is promised of it."""
