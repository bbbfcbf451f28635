"""How beat kept to its schedule: fires against the plan, per entry, from a block's event logs.

The plan of an interval is begin + n x interval, counted from the moment at which the entry's
schedule began; that of a crontab are the moments it names. `docs/measuring.md` has the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import Kind, UnitFlag
from harness.results.arrays import Times
from harness.results.events.eventlog import all_of_kind
from harness.results.events.merged import MISSING, Merged
from harness.results.record.distributions import Distribution
from harness.results.record.periodic import Periodic
from harness.results.record.run import RecordedWarning
from harness.results.record.typed_work import stored_workload
from harness.scenario.workloads.periodic import PeriodicWorkload
from harness.stats.percentiles import describe

NO_POINT = np.iinfo(np.int64).min
_CRONTAB_TOLERANCE_NS = 30_000_000_000
"""Half of the least time between two moments of a crontab."""
FEWEST_INTERVALS = 30
"""Ordinary intervals that each entry needs for a drift per hour. All entries share one beat, so
that a hundred of them with four intervals each are four samples, not four hundred; one late round
would become minutes."""


@dataclass(frozen=True)
class Fires:
    """Every fire of a block's beat, warm-up included, in the order of its numbers."""

    unit: Times
    entry: Times
    due_ns: Times
    """What beat aimed at."""
    tick_ns: Times
    """When it noticed."""
    publish_ns: Times
    published_ns: Times
    """MISSING where the call raised, or never returned."""
    point_ns: Times
    """The moment of the plan that it is for, NO_POINT for none."""
    measured: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Kept:
    """How one entry, or all of them, kept to the plan."""

    expected: int = 0
    """Fires of the plan that lie in the span."""
    fires: int = 0
    """Fires that were published."""
    missed: int = 0
    """Fires of the plan that nothing was published for."""
    doubled: int = 0
    """Fires beyond the first for one moment of the plan."""
    ordinary: int = 0
    """Intervals between two fires that were neither a pause nor a double."""
    ordinary_ns: int = 0
    """Sum of the ordinary intervals."""
    too_long_ns: int = 0
    """By how much the ordinary intervals were longer together than asked for."""
    behind_ns: int | None = None
    """By how much all intervals, pauses included, were longer together than asked for; None without
    a fire."""


@dataclass(frozen=True)
class Schedule:
    """What beat was to publish, and the span of time in which it is counted."""

    entries: int
    every_ns: int | None
    begin_ns: int
    """Begin of the measured time (CLOCK_MONOTONIC ns)."""
    end_ns: int
    silent_ns: int
    """Until when beat was watched."""


@dataclass(frozen=True)
class Plans:
    """The schedule, and the moments it gives."""

    schedule: Schedule
    begins: Mapping[int, int]
    """Entry -> when its schedule began."""
    points: Times
    """What a crontab names in the measured time; empty for an interval."""


def fires_in(folder: Path, begins: Mapping[int, int], every_ns: int | None) -> Fires:
    """Put together what beat wrote into the logs in `folder`."""
    ticks = all_of_kind(folder, Kind.TICK)
    order = np.argsort(ticks["unit"], kind="stable")
    unit = ticks["unit"][order].astype(np.int64)
    entry = ticks["position"][order].astype(np.int64)
    tick_ns = ticks["time_ns"][order].astype(np.int64)

    def stamps(kind: Kind) -> Times:
        return _by_unit(all_of_kind(folder, kind), unit, "time_ns", MISSING)

    due_ns = stamps(Kind.DUE)
    flags = _by_unit(all_of_kind(folder, Kind.PUBLISH), unit, "flags", UnitFlag.WARMUP)
    return Fires(
        unit=unit,
        entry=entry,
        due_ns=due_ns,
        tick_ns=tick_ns,
        publish_ns=stamps(Kind.PUBLISH),
        published_ns=stamps(Kind.PUBLISHED),
        point_ns=_interval_points(entry, tick_ns, begins, every_ns)
        if every_ns is not None
        else _crontab_points(due_ns, points_in(folder)),
        measured=flags == UnitFlag.MEASURED,
    )


def _by_unit(events: npt.NDArray[np.void], unit: Times, column: str, absent: int) -> Times:
    """One value of each fire, `absent` where there is no such record."""
    found = np.full(len(unit), absent, dtype=np.int64)
    rows = np.searchsorted(unit, events["unit"].astype(np.int64))
    known = rows < len(unit)
    known[known] = unit[rows[known]] == events["unit"][known]
    found[rows[known]] = events[column][known]
    return found


def begins_in(folder: Path) -> dict[int, int]:
    """When the schedule of each entry began; the first time, should that have been twice."""
    events = all_of_kind(folder, Kind.SCHEDULED)
    order = np.argsort(events["time_ns"], kind="stable")[::-1]
    return dict(
        zip(events["position"][order].tolist(), events["time_ns"][order].tolist(), strict=True)
    )


def points_in(folder: Path) -> Times:
    """The moments that a crontab names, of the measured time."""
    return np.unique(all_of_kind(folder, Kind.POINT)["time_ns"].astype(np.int64))


def _interval_points(
    entry: Times, tick_ns: Times, begins: Mapping[int, int], every_ns: int
) -> Times:
    """The nearest of begin + n x interval."""
    begin_ns = np.array([begins[number] for number in entry.tolist()], dtype=np.int64)
    nearest: Times = begin_ns + (tick_ns - begin_ns + every_ns // 2) // every_ns * every_ns
    return nearest


def _crontab_points(due_ns: Times, points: Times) -> Times:
    """The moment that beat aimed at."""
    if not len(points):
        return np.full(len(due_ns), NO_POINT, dtype=np.int64)
    places = np.clip(np.searchsorted(points, due_ns), 1, max(1, len(points) - 1))
    below, above = points[places - 1], points[np.minimum(places, len(points) - 1)]
    nearest = np.where(due_ns - below <= above - due_ns, below, above)
    return np.where(np.abs(nearest - due_ns) < _CRONTAB_TOLERANCE_NS, nearest, NO_POINT)


def kept_interval(ticks: Times, begin_ns: int, schedule: Schedule) -> Kept:
    """How one entry kept to begin + n x interval. `ticks`: all its fires, ascending.

    The begin stands for a fire before the first: beat counts from it.
    """
    every_ns = schedule.every_ns
    assert every_ns is not None  # noqa: S101 - the caller knows
    first = max(1, -(-(schedule.begin_ns - begin_ns) // every_ns))
    last = max(first, -(-(schedule.end_ns - begin_ns) // every_ns))
    number = (ticks - begin_ns + every_ns // 2) // every_ns
    within = (number >= first) & (number < last)
    gap_ns = np.diff(ticks, prepend=begin_ns)
    ordinary = within & (2 * gap_ns >= every_ns) & (2 * gap_ns < 3 * every_ns)
    again = np.diff(number, prepend=0) == 0
    empty = np.setdiff1d(np.arange(first, last), number)
    after = np.searchsorted(number, empty)
    around = np.concatenate([[begin_ns], ticks, [max(schedule.silent_ns, ticks.max(initial=0))]])
    paused = 2 * (around[after + 1] - around[after]) >= 3 * every_ns
    return Kept(
        expected=last - first,
        fires=int(within.sum()),
        missed=int(paused.sum()),
        doubled=int((within & again & (2 * gap_ns < every_ns)).sum()),
        ordinary=int(ordinary.sum()),
        ordinary_ns=int(gap_ns[ordinary].sum()),
        too_long_ns=int((gap_ns[ordinary] - every_ns).sum()),
        behind_ns=int((gap_ns[within] - every_ns).sum()) if within.any() else None,
    )


def kept_crontab(points: Times, fired: Times) -> Kept:
    """How one entry kept to the moments of a crontab. `fired`: the moment of each of its fires."""
    mine = fired[np.isin(fired, points)]
    different = len(np.unique(mine))
    return Kept(
        expected=len(points),
        fires=len(mine),
        missed=len(points) - different,
        doubled=len(mine) - different,
    )


def periodic(
    fires: Fires,
    plans: Plans,
    merged: Merged,
    beat_cpu_ns: int | None = None,
) -> Periodic:
    """The figures of a block's record. `beat_cpu_ns` is what beat used in the measured time."""
    kept = [_kept_by(number, fires, plans) for number in range(plans.schedule.entries)]
    fired = sum(one.fires for one in kept)
    ordinary = sum(one.ordinary for one in kept)
    too_long_ns = sum(one.too_long_ns for one in kept)
    behind_ns = [one.behind_ns for one in kept if one.behind_ns is not None]
    expected = sum(one.expected for one in kept)
    missed, doubled = sum(one.missed for one in kept), sum(one.doubled for one in kept)
    ordinary_ns = sum(one.ordinary_ns for one in kept)
    enough = ordinary >= FEWEST_INTERVALS * plans.schedule.entries
    return Periodic(
        entries=plans.schedule.entries,
        expected=expected,
        fires=fired,
        missed=missed,
        doubled=doubled,
        slipped=expected - fired - missed + doubled,
        **_lateness(fires, merged),
        drift_per_fire_s=too_long_ns / ordinary / 1e9 if ordinary else None,
        drift_per_hour_s=too_long_ns / ordinary_ns * 3600 if enough else None,
        behind_s=sum(behind_ns) / len(behind_ns) / 1e9 if behind_ns else None,
        behind_max_s=max(behind_ns) / 1e9 if behind_ns else None,
        beat_cpu_ms_per_fire=beat_cpu_ns / fired / 1e6
        if beat_cpu_ns is not None and fired
        else None,
    )


class _Lateness(TypedDict):
    due_to_tick_s: Distribution
    due_to_sent_s: Distribution
    sent_to_started_s: Distribution
    due_to_started_s: Distribution


def _kept_by(number: int, fires: Fires, plans: Plans) -> Kept:
    mine = fires.entry == number
    if plans.schedule.every_ns is None:
        return kept_crontab(plans.points, fires.point_ns[mine])
    if number not in plans.begins:
        return Kept()
    return kept_interval(np.sort(fires.tick_ns[mine]), plans.begins[number], plans.schedule)


def _lateness(fires: Fires, merged: Merged) -> _Lateness:
    """Of all measured fires, and of those that were started."""
    mine, units, started_ns = fires.measured, merged.units, merged.tasks.started_ns
    started = started_ns != MISSING
    return {
        "due_to_tick_s": _distribution((fires.tick_ns - fires.due_ns)[mine]),
        "due_to_sent_s": _distribution((fires.publish_ns - fires.due_ns)[mine]),
        "sent_to_started_s": _distribution((started_ns - units.publish_ns)[started]),
        "due_to_started_s": _distribution((started_ns - units.due_ns)[started]),
    }


def _distribution(samples: Times) -> Distribution:
    return Distribution.model_validate(describe(samples))


def kept_schedule(
    folder: Path, workload: Mapping[str, Any], merged: Merged, beat_cpu_ns: int | None = None
) -> tuple[Periodic, Fires] | None:
    """How the beat of a block kept to its schedule, by the event logs in `folder`; None for a
    workload that has no schedule."""
    planned = stored_workload(workload)
    if not isinstance(planned, PeriodicWorkload):
        return None
    every_ns = None if planned.every is None else round(planned.every * 1e9)
    begins = begins_in(folder)
    fires = fires_in(folder, begins, every_ns)
    schedule = Schedule(planned.entries, every_ns, *_measured_time(fires, merged, every_ns))
    points = points_in(folder)  # told for the whole time, which may have been cut short
    within = (points >= schedule.begin_ns) & (points < schedule.end_ns)
    plans = Plans(schedule, begins, points[within])
    return periodic(fires, plans, merged, beat_cpu_ns), fires


def schedule_warnings(one: Periodic | None) -> Iterator[RecordedWarning]:
    """What a reader of a schedule's figures has to know."""
    if one is not None and one.missed:
        data = {"missed": one.missed, "expected": one.expected}
        yield RecordedWarning(code="schedule_missed", data=data)
    if one is not None and one.doubled:
        yield RecordedWarning(code="schedule_doubled", data={"fires": one.doubled})


def _measured_time(fires: Fires, merged: Merged, every_ns: int | None) -> tuple[int, int, int]:
    """Begin, end, and until when beat was watched. A harness that was killed has told no end."""
    if merged.measure_begin_ns == MISSING:
        return 0, 0, 0
    end_ns = merged.measure_end_ns
    if end_ns == MISSING:
        end_ns = max(merged.measure_begin_ns, int(fires.tick_ns.max(initial=0)))
    if every_ns is not None and fires.measured.any():
        # Cut short, it may end between a fire and the moment that the fire is nearest to.
        end_ns = max(end_ns, int(fires.point_ns[fires.measured].max()) + 1)
    return merged.measure_begin_ns, end_ns, end_ns + (every_ns or 0) // 2
