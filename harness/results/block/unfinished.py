"""What was still under way when a block was over, task by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from harness.probe.recording.events import UNLOCK, Kind, name_of
from harness.results.arrays import Truths
from harness.results.events.eventlog import (
    EVENT,
    Events,
    all_of_kind,
    chunks,
    ident_of,
    identity_of,
    idents,
    logs_in,
    of_kind,
)
from harness.results.record.stored import Stored

_RECENT_NS = 5_000_000_000
"""What ran within so much of the end was moving."""
UNKNOWN = "a task of another app"
_KINDS = (
    Kind.STARTED,
    Kind.FINISHED,
    Kind.RETRIED,
    Kind.SPAWNED,
    Kind.TASK,
    Kind.AGAIN,
    Kind.UNLOCK_SENT,
    Kind.UNLOCKED,
)


class Unfinished(Stored):
    """One task that had not come to rest."""

    executions: int = 0
    """How often it was started, by all messages."""
    messages: int = 0
    """How many those were."""
    never_run: int = 0
    """Messages that other tasks published and that were not run."""

    @property
    def again(self) -> int:
        """Executions beyond the first of a message."""
        return self.executions - self.messages


def unfinished(
    folder: Path, over_ns: int, fallen: Collection[int] = ()
) -> Mapping[str, Unfinished]:
    """What was still under way at `over_ns` (CLOCK_MONOTONIC), by name of the task: those that ran
    in the last seconds before it, were running then, were published by another one and not run, or
    asked to be run again and were not. What workers that have ended were running, by the ids
    of their main processes (`fallen`), is under way no more. Reads the event logs in `folder`
    once."""
    events, dead = _events(folder, frozenset(fallen))
    names = _names(events[Kind.TASK])
    started, spawned = events[Kind.STARTED], events[Kind.SPAWNED]
    ended = np.concatenate([events[Kind.FINISHED], events[Kind.RETRIED]])
    run, over = idents(started), idents(ended)
    moving = (started["time_ns"] > over_ns - _RECENT_NS) | ~np.isin(run, over)
    moving &= ~dead
    waiting = ~np.isin(idents(spawned), run)
    # Each look for a chord's header has an id of its own, and is counted for itself.
    looks = np.isin(idents(events[Kind.AGAIN]), idents(events[Kind.UNLOCK_SENT]))
    later = _not_run_again(events[Kind.AGAIN][~looks], started)
    numbers = {*started["unit"][moving].tolist(), *spawned["unit"][waiting].tolist(), *later}
    found = {}
    for number in sorted(numbers):
        mine = started["unit"] == number
        found[names.get(number, UNKNOWN)] = Unfinished(
            executions=int(mine.sum()),
            messages=len(np.unique(run[mine])),
            never_run=int((waiting & (spawned["unit"] == number)).sum()),
        )
    return found | _unlocks(events[Kind.UNLOCK_SENT], events[Kind.UNLOCKED])


def left_running(folder: Path, pid: int) -> tuple[str, ...]:
    """Names of the tasks that a process which has ended had begun and not ended, going by its own
    event log in `folder`; a prefork worker's tasks are its children's."""
    names = _names(all_of_kind(folder, Kind.TASK))
    open_: dict[bytes, int] = {}
    for path in logs_in(folder):
        if identity_of(path).get("pid") != pid:
            continue
        for chunk in chunks(path):
            for event in chunk[np.isin(chunk["kind"], _OF_A_RUN)]:
                if event["kind"] == Kind.STARTED:
                    open_[ident_of(event)] = int(event["unit"])
                else:
                    open_.pop(ident_of(event), None)
    return tuple(sorted({names[number] for number in open_.values() if number in names}))


_OF_A_RUN = (Kind.STARTED, Kind.FINISHED, Kind.RETRIED)


def _not_run_again(again: Events, started: Events) -> set[int]:
    """Numbers of the tasks that had asked to be run again, and were not."""
    runs, asked = Counter(map(ident_of, started)), Counter(map(ident_of, again))
    return {
        int(event["unit"])
        for event, ident in zip(again, map(ident_of, again), strict=True)
        if runs[ident] <= asked[ident]
    }


def _unlocks(sent: Events, over: Events) -> dict[str, Unfinished]:
    """Chords whose headers Celery was still looking for, which it does by a task of its own."""
    looks = Counter(map(ident_of, over))
    left = [one for one, times in Counter(map(ident_of, sent)).items() if times > looks[one]]
    if not left:
        return {}
    looked = [looks[one] for one in left if looks[one]]
    never_run = len(left) - len(looked)
    return {UNLOCK: Unfinished(executions=sum(looked), messages=len(looked), never_run=never_run)}


def _events(folder: Path, fallen: frozenset[int]) -> tuple[dict[Kind, Events], Truths]:
    """The events by kind, and of each STARTED whether a worker that has ended wrote it."""
    parts: dict[Kind, list[Events]] = {kind: [np.empty(0, dtype=EVENT)] for kind in _KINDS}
    dead = [np.empty(0, dtype=bool)]
    for path in logs_in(folder):
        identity = identity_of(path)
        ended = not fallen.isdisjoint((identity.get("pid", 0), identity.get("ppid", 0)))
        for chunk in chunks(path):
            for kind in _KINDS:
                parts[kind].append(of_kind(chunk, kind).copy())
            dead.append(np.full(len(parts[Kind.STARTED][-1]), ended))
    return {kind: np.concatenate(some) for kind, some in parts.items()}, np.concatenate(dead)


def _names(events: Events) -> dict[int, str]:
    """Number -> name. Every worker of a block tells the same ones."""
    parts: dict[int, dict[int, bytes]] = {}
    for event in events:
        parts.setdefault(int(event["unit"]), {})[int(event["position"])] = ident_of(event)
    return {
        number: name_of(some[place] for place in sorted(some)) for number, some in parts.items()
    }
