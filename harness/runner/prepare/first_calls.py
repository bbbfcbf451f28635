"""Tasks of the user's own that fail whenever they are called: found before they are measured.

A block of nothing but failures says nothing about a broker. Each task was called at least once
before the measuring, so whoever forgot a table or a credential learns it there and then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import WorkerError
from harness.probe.recording.events import RAISED, Kind, Outcome, UnitFlag, name_of
from harness.results.events.eventlog import Events, all_of_kind, ident_of, idents
from harness.results.events.mix import Mix
from harness.scenario.models.scenario import Cell
from harness.scenario.workloads.own_tasks import OwnTaskWorkload

_FINDINGS = frozenset(
    (
        *("WorkerLostError", "Terminated", "TimeLimitExceeded", "SoftTimeLimitExceeded"),
        *("TaskRevokedError", "Reject", "SystemExit", "EncodeError", "ContentDisallowed"),
    )
)
"""Not what a task's own code raised, but what became of it under this configuration: a poison task,
a time limit, a message that expired, a serializer that does not know a value. Worth measuring."""


@dataclass(frozen=True)
class Failing:
    """A part of a mix of which every call failed."""

    label: str
    error: str
    """The type of the first call's exception, and what it said where that is known."""
    calls: int


class FailingTaskError(WorkerError):
    """A task has failed at each call so far, so that nothing is to be measured."""

    def __init__(self, failing: Collection[Failing]) -> None:
        self.labels = tuple(one.label for one in failing)
        words = "; ".join(
            f"{one.label} fails before it is measured: {one.error} "
            f"({'its only call' if one.calls == 1 else f'all {one.calls} calls'})"
            for one in failing
        )
        super().__init__(
            f"{words}; see the worker's log. What calls it in the same way is not measured"
        )


def refuse_failing(events: Path, mix: Mix, told: Mapping[str, str]) -> None:
    """FailingTaskError if a task of the mix failed at each call of the warm-up. `told`: what units
    failed with in full, by their number, as clients say it."""
    kinds = (Kind.PUBLISH, Kind.SEEN, Kind.FAILURE)
    published, seen, failures = (all_of_kind(events, kind) for kind in kinds)
    if failing := failing_parts(mix, published, seen, failures, told):
        raise FailingTaskError(failing)


def failing_parts(
    mix: Mix, published: Events, seen: Events, failures: Events, told: Mapping[str, str]
) -> list[Failing]:
    """Parts of which every warm-up unit failed unmeant, by their code's own exception."""
    warm = np.sort(published["unit"][published["flags"] == UnitFlag.WARMUP])
    outcomes = dict(zip(seen["unit"].tolist(), seen["flags"].tolist(), strict=True))
    names = _names(failures)
    by_part: dict[int, list[int]] = {}
    for unit, part in zip(warm.tolist(), mix.parts(warm.astype(np.int64)).tolist(), strict=True):
        by_part.setdefault(part, []).append(unit)
    return [
        Failing(mix.labels[part], _said(units[0], names, told), len(units))
        for part, units in sorted(by_part.items())
        if all(
            outcomes.get(unit) == Outcome.FAILED and names.get(unit, "") not in _FINDINGS
            for unit in units
        )
    ]


def refuse_raising(events: Path, mix: Mix, cell: Cell) -> None:
    """FailingTaskError if a task of the mix raised at each call of the warm-up, where no results
    are stored: by what the workers' logs tell of the functions."""
    kinds = (Kind.PUBLISH, Kind.STARTED, Kind.FINISHED, Kind.RAISING)
    found = [all_of_kind(events, kind) for kind in kinds]
    meant = _meant_to_fail(cell)
    if failing := [one for one in raising_parts(mix, *found) if one.label not in meant]:
        raise FailingTaskError(failing)


def raising_parts(
    mix: Mix, published: Events, started: Events, finished: Events, raising: Events
) -> list[Failing]:
    """Parts of which every warm-up unit's function raised an exception of its own code, and never
    returned."""
    warm = published[published["flags"] == UnitFlag.WARMUP]
    warm = warm[np.argsort(warm["unit"])]
    parts = mix.parts(warm["unit"].astype(np.int64))
    raised = (finished["flags"] & RAISED) != 0
    ids, ends, starts = idents(warm), idents(finished), idents(started)
    failed = np.isin(ids, ends[raised]) & ~np.isin(ids, ends[~raised])
    names, found = _raised_names(raising), []
    for part in np.unique(parts).tolist():
        mine = parts == part
        tasks = set(started["unit"][np.isin(starts, ids[mine])].tolist())
        told = [name for task in sorted(tasks) for name in names.get(task, ())]
        if failed[mine].all() and told and not _FINDINGS.intersection(told):
            found.append(Failing(mix.labels[part], " or ".join(told), int(mine.sum())))
    return found


def _raised_names(raising: Events) -> dict[int, list[str]]:
    """By a task's number the types of what it raised, each once."""
    parts: dict[int, list[list[bytes]]] = {}
    for event in raising:
        own = parts.setdefault(int(event["unit"]), [])
        if event["position"] == 0:
            own.append([])
        if own and event["position"] == len(own[-1]):
            own[-1].append(ident_of(event))
    return {task: list(dict.fromkeys(map(name_of, each))) for task, each in parts.items()}


def _meant_to_fail(cell: Cell) -> set[str]:
    workload = cell.workload
    if not isinstance(workload, OwnTaskWorkload):
        return set()
    return {part.label for part in workload.parts if "raises" in part.expect}


def _names(failures: Events) -> dict[int, str]:
    """Of each unit that failed unmeant the type of its exception."""
    parts: dict[int, list[bytes]] = {}
    for event in failures:
        own = parts.setdefault(int(event["unit"]), [])
        if event["position"] == len(own):
            own.append(ident_of(event))
    return {unit: name_of(own) for unit, own in parts.items()}


def _said(unit: int, names: Mapping[int, str], told: Mapping[str, str]) -> str:
    return told.get(str(unit)) or names.get(unit) or "an unknown exception"


def calling_alike(cells: Iterable[Cell], failed: Cell, labels: Collection[str]) -> set[int]:
    """Indices of the cells that call, under the same software, what failed in `failed`."""
    calls = _calls(failed, labels)
    return {
        index
        for index, cell in enumerate(cells)
        if cell.configuration.celery == failed.configuration.celery
        and any(call in calls for call in _calls(cell))
    }


def _calls(cell: Cell, labels: Collection[str] | None = None) -> list[tuple[object, ...]]:
    workload = cell.workload
    if not isinstance(workload, OwnTaskWorkload):
        return []
    return [
        (workload.app, workload.project, part.task, part.args, part.kwargs)
        for part in workload.parts
        if (part.label in labels if labels is not None else "raises" not in part.expect)
    ]
