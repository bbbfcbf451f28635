"""From merged events to the figures of a block's record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Numbers, Times
from harness.results.block.by_group import by_group, units_of_groups
from harness.results.block.by_queue import by_queue
from harness.results.block.by_task import by_task, cpu_times_ns
from harness.results.block.canvas import canvas
from harness.results.block.ledger import AskedTimes, BlockEnd, Final, Ledger, settle
from harness.results.block.load_phases import (
    SentPhases,
    counted_units,
    phase_of_unit,
    stretches,
    summaries,
    time_of_slices,
    time_of_stretches,
)
from harness.results.block.messages import latencies_by_priority, lateness_ns
from harness.results.block.phases import Phases, phases
from harness.results.block.stops import asked_again, stop_figures
from harness.results.block.tracking import tracking
from harness.results.events.merged import MISSING, Merged
from harness.results.events.unit_shape import UnitShape
from harness.results.record.by_task import PartRecord
from harness.results.record.distributions import Distribution
from harness.results.record.parts import (
    NO_FAULTS,
    LedgerFigures,
    LogFigures,
    OpenLoopFigures,
    RateFigures,
    TimeFigures,
)
from harness.results.record.queues_and_groups import QueueRecord
from harness.results.record.run import RecordedWarning
from harness.results.record.stored import Plain
from harness.stats.percentiles import describe

FEW_SAMPLES = 100
"""Below this many units, p99 is the largest sample and says little."""


@dataclass(frozen=True)
class Digest:
    """Everything computed from one block's events."""

    merged: Merged
    ledger: Ledger
    phases: Phases
    fields: LogFigures
    """Fields of `BlockRecord` by name."""


def digest(merged: Merged, shape: UnitShape, end: BlockEnd, plan: SentPhases = ()) -> Digest:
    """Judge, time and summarise one block. `plan`: the phases of an open-loop load."""
    ledger = settle(
        merged,
        end,
        order=shape.order,
        stores_results=shape.stores_results,
        timeout_s=shape.timeout_s,
        watched=shape.watched,
        asked=_asked(merged, shape),
    )
    timing = phases(
        merged,
        order=shape.order,
        watched=shape.watched,
    )
    counted = counted_units(merged, plan)
    completed = ledger.completed & counted
    usable = timing.known & completed
    window = _window_ns(merged, timing, usable, plan, shape)
    surplus = duplicates(merged, asked_again(merged) if shape.loses_processes else None)
    fields: LogFigures = {
        **_rates(merged, int(completed.sum()), window, shape, len(_slices_ns(merged, plan))),
        **_times(merged, timing, usable, shape),
        **tracking(merged, usable),
        **_ends(merged, ledger, surplus),
        **_open_loop(merged, ledger, timing, plan, shape, whole=_is_whole(end)),
        **NO_FAULTS,
        "calls_per_task": shape.calls_per_task,
        "unlock_looks_per_unit": _per_unit(merged.unlock_looks, merged),
        "by_task": by_task(shape, merged, ledger, timing, counted, surplus, window),
        "by_queue": by_queue(shape, merged, ledger, timing, counted, surplus, window),
        "by_group": by_group(shape, merged, counted, window),
        "warnings": (),
    }
    fields["warnings"] = tuple(_warnings(merged, ledger, timing, fields, shape))
    return Digest(merged, ledger, timing, fields)


def _asked(merged: Merged, shape: UnitShape) -> AskedTimes | None:
    """None where messages ask for nothing, as mostly: that costs no memory."""
    if not (shape.countdown_s or shape.expires_s):
        return None
    units = merged.units.unit
    return AskedTimes(shape.countdowns_ns(units), shape.dropped_after_ns(units))


def _ends(merged: Merged, ledger: Ledger, surplus: npt.NDArray[np.int32]) -> LedgerFigures:
    return {
        "outcomes": ledger.outcomes(),
        "failed_as_meant": int(ledger.as_meant.sum()),
        "failures": ledger.failures(merged),
        "duplicated": int(surplus.sum()),
        "retried": int(merged.tasks.retries.sum() - merged.tasks.replaced.sum()),
        "replaced": int(merged.tasks.replaced.sum()),
        **stop_figures(merged, ledger, np.ones(len(merged.units.unit), dtype=bool)),
        "loss": ledger.losses(),
    }


def duplicates(merged: Merged, asked: Numbers | None = None) -> npt.NDArray[np.int32]:
    """Per task, the executions beyond its first that it had not asked for itself. `asked`: how many
    further ones somebody else had asked for."""
    tasks = merged.tasks
    further = tasks.executions - 1 - tasks.retries - (0 if asked is None else asked)
    surplus: npt.NDArray[np.int32] = np.maximum(further, 0).astype(np.int32)
    return surplus


def _per_unit(count: int | None, merged: Merged) -> float | None:
    return None if count is None else count / len(merged.units.unit)


def _distribution(samples: Times) -> Distribution:
    return Distribution.model_validate(describe(samples))


def _window_ns(
    merged: Merged,
    timing: Phases,
    usable: npt.NDArray[np.bool_],
    plan: SentPhases,
    shape: UnitShape,
) -> int | None:
    """From the first unit due (a closed load's are due when they are published), or from the
    release of a backlog, to the last completed one seen, or finished, and to the end of what the
    tasks had set going at once: that work is theirs. Of a search what was tried between the tries
    of the rate that it found is left out, and so are the slices of its twin of one of twins."""
    if not usable.any():
        return None
    due_ns = merged.units.due_ns
    ended_ns = merged.units.seen_ns if shape.watched else timing.end_ns
    of_phase = stretches(plan)
    if of_phase.max(initial=0) > 0:
        stretch = of_phase[phase_of_unit(merged, plan)]
        return time_of_stretches(stretch, due_ns, ended_ns, usable) or None
    if any(phase.slices for phase in plan):
        return time_of_slices(plan, due_ns, ended_ns, usable)
    if len(slices_ns := _slices_ns(merged, plan)) > 1:
        begins = np.array(slices_ns, dtype=np.int64)
        slice_ = np.maximum(np.searchsorted(begins, due_ns, side="right") - 1, 0)
        return time_of_stretches(slice_, due_ns, ended_ns, usable) or None
    begin = merged.release_ns if shape.held else due_ns[counted_units(merged, plan)].min()
    end = max(ended_ns[usable].max(), merged.side_end_ns)
    return None if begin == MISSING or end <= begin else int(end - begin)


def _slices_ns(merged: Merged, plan: SentPhases) -> Sequence[int]:
    """When each slice of the load of one of twins began. The steps of a search are none."""
    if not plan:
        return merged.slices_ns
    return [begin_ns for phase in plan for begin_ns, _ in phase.slices]


def _open_loop(
    merged: Merged,
    ledger: Ledger,
    timing: Phases,
    plan: SentPhases,
    shape: UnitShape,
    *,
    whole: bool,
) -> OpenLoopFigures:
    own_ns = _own_times_ns(merged, timing, shape)
    groups = tuple(units_of_groups(shape, merged)) if plan else ()
    found = summaries(merged, ledger, timing, plan, _distribution, own_ns, groups, whole=whole)
    counted = [phase for phase in found if phase.counted]
    duration_s = sum(phase.duration_s for phase in counted)
    planned = sum(phase.planned for phase in counted)
    sent = sum(phase.sent_in_time for phase in counted)
    return {
        "load_phases": found,
        "unsent": sum(phase.unsent for phase in found),
        "planned_per_s": planned / duration_s if counted else None,
        "sent_per_s": sent / duration_s if counted else None,
        "client_limited": any(phase.client_limited for phase in counted),
    }


def _own_times_ns(merged: Merged, timing: Phases, shape: UnitShape) -> Times:
    """How long each unit takes that waits for no worker: its countdown, its run, and the shortest
    wait of its kind for being run again. What of one is not known is taken as nothing."""
    units = merged.units.unit
    own: Times = shape.countdowns_ns(units) + timing.run_ns
    parts = np.zeros_like(units) if shape.mix is None else shape.mix.parts(units)
    retry_ns = timing.retry_ns
    for part in np.unique(parts[timing.known]):
        mine = parts == part
        own[mine] += retry_ns[mine & timing.known].min()
    return own


def _is_whole(end: BlockEnd) -> bool:
    """Whether nothing but the client itself could keep it from sending in time."""
    return end.workers_alive and not end.cut_short and end.orphans is None


def _rate(count: int, window_ns: int | None) -> float | None:
    return None if not window_ns else count / (window_ns / 1e9)


def _rates(
    merged: Merged, completed: int, window_ns: int | None, shape: UnitShape, slices: int
) -> RateFigures:
    return {
        "slices": slices if slices > 1 else 0,
        "units": len(merged.units.unit),
        "tasks": len(merged.tasks),
        "window_s": None if window_ns is None else window_ns / 1e9,
        "throughput_per_s": _rate(completed, window_ns),
        "tasks_per_s": _rate(completed * merged.tasks.per_unit, window_ns),
        "publish_rate_per_s": _publish_rate(merged) if shape.held else None,
    }


def _publish_rate(merged: Merged) -> float | None:
    units = merged.units
    done = units.published_ns != MISSING
    if not done.any():
        return None
    return _rate(int(done.sum()), int(units.published_ns[done].max() - units.publish_ns.min()))


def _times(
    merged: Merged, timing: Phases, usable: npt.NDArray[np.bool_], shape: UnitShape
) -> TimeFigures:
    return {
        "latency_basis": "seen" if shape.watched else "finished",
        "latency_s": _distribution(timing.total_ns[usable]),
        "phases_s": _phase_distributions(timing, usable, shape),
        "negative_phases": _negative(timing, usable),
        "calls_s": _calls(merged),
        "task_cpu_s": _distribution(cpu_times_ns(merged, usable)),
        "canvas_s": canvas(merged, timing, usable, shape),
        "priorities_s": {
            priority: _distribution(times)
            for priority, times in latencies_by_priority(merged, timing, usable, shape)
        },
        "lateness_s": _distribution(lateness_ns(merged, usable, shape)),
    }


def _phase_distributions(
    timing: Phases, usable: npt.NDArray[np.bool_], shape: UnitShape
) -> dict[str, Distribution]:
    return {
        name: _distribution(times[usable])
        for name, times in timing.by_name()
        if shape.watched or name != "result"
    }


def _calls(merged: Merged) -> dict[str, Distribution]:
    units, tasks = merged.units, merged.tasks
    published, stored = units.published_ns != MISSING, tasks.stored_ns != MISSING
    calls = {"publish_call": (units.published_ns - units.publish_ns)[published]}
    if stored.any():
        calls["store_call"] = (tasks.stored_ns - tasks.storing_ns)[stored]
    return {name: _distribution(times) for name, times in calls.items()}


def _negative(timing: Phases, usable: npt.NDArray[np.bool_]) -> dict[str, int]:
    counts = {name: int(((times < 0) & usable).sum()) for name, times in timing.by_name()}
    return {name: count for name, count in counts.items() if count}


def _warnings(
    merged: Merged,
    ledger: Ledger,
    timing: Phases,
    fields: LogFigures,
    shape: UnitShape,
) -> Iterator[RecordedWarning]:
    completed = int(ledger.completed.sum())
    if 0 < completed < FEW_SAMPLES:  # of none there is no p99
        yield RecordedWarning(code="few_samples", data={"units": completed})
    elif few := _few_of_parts(fields["by_task"], fields["by_queue"]):
        yield RecordedWarning(code="few_samples", data=few)
    if merged.foreign_tasks and not shape.own_tasks:
        yield RecordedWarning(code="foreign_tasks", data={"tasks": merged.foreign_tasks})
    if merged.refusals:
        yield RecordedWarning(code="refused_messages", data=dict(merged.refusals))
    if fields["client_limited"]:
        limited = [p for p in fields["load_phases"] if p.client_limited and p.counted]
        worst = min(limited, key=lambda phase: phase.sent_in_time / phase.planned)
        data = {"planned_per_s": worst.planned / worst.duration_s}
        data["sent_per_s"] = worst.sent_in_time / worst.duration_s
        yield RecordedWarning(code="client_limited", data=data)
    untimed = int((ledger.completed & ~timing.known).sum())
    if untimed:
        yield RecordedWarning(code="untimed_units", data={"units": untimed})
    if not shape.stores_results:
        yield RecordedWarning(code="results_unchecked", data={"units": completed})
    yield from _of_retries(merged, ledger)
    yield from _of_parts(merged, fields["by_task"], shape)
    if fields["negative_phases"]:
        yield RecordedWarning(code="negative_phases", data=dict(fields["negative_phases"]))
    if shape.countdown_s:
        data = {"countdown_s": shape.countdown_s}
        yield RecordedWarning(code="countdown_in_latency", data=data)


def _few_of_parts(parts: Sequence[PartRecord], queues: Sequence[QueueRecord]) -> Plain:
    """Parts and queues of which a block with enough units has few, with how many."""
    of_parts = {one.task: one.completed for one in parts if 0 < one.completed < FEW_SAMPLES}
    of_queues = {one.name: one.completed for one in queues if 0 < one.completed < FEW_SAMPLES}
    told = {"parts": of_parts if len(parts) > 1 else {}, "queues": of_queues}
    return {what: counts for what, counts in told.items() if counts}


def _of_retries(merged: Merged, ledger: Ledger) -> Iterator[RecordedWarning]:
    """Units may need longer than they have, because their task waits between its tries."""
    tasks = merged.tasks
    late = (ledger.final == Final.TIMED_OUT) & tasks.some(tasks.retries > tasks.replaced)
    if late.any():
        yield RecordedWarning(code="retried_too_long", data={"units": int(late.sum())})


def _of_parts(
    merged: Merged, parts: Sequence[PartRecord], shape: UnitShape
) -> Iterator[RecordedWarning]:
    if merged.foreign_tasks and shape.own_tasks:
        yield RecordedWarning(code="side_tasks", data={"tasks": merged.foreign_tasks})
    units = {part.task: part.units for part in parts if part.unchecked and part.units}
    if units and shape.stores_results:
        yield RecordedWarning(code="values_unchecked", data=units)
