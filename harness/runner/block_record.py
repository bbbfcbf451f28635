"""What a block leaves: its record and the files beside it, made from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.affinity import usable_cores
from harness.probe.recording.ids import UNITS_PER_CLIENT
from harness.results.block.by_group import with_costs
from harness.results.block.by_queue import queues_of_units, takers, with_depths
from harness.results.block.children import Ended, children_record
from harness.results.block.ledger import BlockEnd
from harness.results.block.periodic import Fires, kept_schedule, schedule_warnings
from harness.results.block.summary import Digest, digest
from harness.results.block.timeline import timeline
from harness.results.block.unfinished import Unfinished, left_running, unfinished
from harness.results.costs.capacity import cpu_s, with_capacity
from harness.results.costs.idle_traffic import idle_traffic
from harness.results.diagnoses import Evidence, diagnosed
from harness.results.diagnoses.clues import clues_in
from harness.results.events.eventlog import versions_in
from harness.results.events.merge import merge
from harness.results.events.merged import MISSING, Merged
from harness.results.events.ran_with import RanWith, ran_or_planned, reports_in
from harness.results.faults.notes import Fallen
from harness.results.faults.of_a_block import Aftermath, aftermath, with_faults, with_orphans
from harness.results.record.children import ChildrenRecord
from harness.results.record.parts import CostFigures, LogFigures, ObservedFigures
from harness.results.record.periodic import Periodic
from harness.results.record.queues_and_groups import GroupRecord, QueueRecord
from harness.results.record.run import BlockRecord, BlockStatus, RecordedWarning, RunRecord
from harness.results.record.stored import Plain
from harness.results.samples import writing as samples
from harness.runner.job import BlockJob
from harness.runner.measuring import costs, depth, results_left
from harness.runner.measuring.logs import mismatches_in
from harness.runner.sessions.session import Measured
from harness.scenario.files.wording import listed
from harness.scenario.models.configuration import Configuration, provided
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.tracking import TrackingWorkload


def record_block(
    job: BlockJob,
    measured: Measured,
    started_at: str,
    isolation: Mapping[str, str],
    redact: Callable[[str], str],
) -> BlockRecord:
    """Judge and time what the block's event logs tell, and write its samples. The event logs stay,
    as nothing else has what was measured until the record is on disk: see `salvage.drop_logs`.
    `redact` takes credentials out of what was said."""
    versions = versions_in(job.events)
    if len(versions) > 1:
        measured = replace(measured, trouble=measured.trouble or _mixed(versions))
    reports = reports_in(job.events)
    result = _digested(job, measured, reports)
    read = _read(job, measured, result, reports, redact)
    observed = _observed(measured, _executions(result))
    told = _told(job, measured, result, read, observed, redact)
    figures = _figures(measured, result, told)
    return BlockRecord(
        number=job.number,
        cell=job.cell_index,
        repetition=job.repetition,
        status=_status(measured),
        error=redact(measured.trouble),
        failing=tuple(measured.failing),
        started_at=started_at,
        isolation=dict(isolation),
        versions=versions[0] if versions else {},
        bound_s=measured.bound_s,
        slice_s=measured.slice_s,
        unfinished=dict(read.unfinished),
        beat_fell=measured.beat_fell is not None,
        ran_with=reports,
        periodic=read.periodic,
        children=read.children,
        mismatches=mismatches_in(job.path / "logs"),
        files=dict(read.files),
        **results_left.fields(measured.left),
        **figures,
        **observed,
        **read.costs,
    )


def _figures(
    measured: Measured, result: Digest, warnings: tuple[RecordedWarning, ...]
) -> LogFigures:
    """What the logs tell, with what was seen of queues and groups meanwhile."""
    return {
        **result.fields,
        "warnings": warnings,
        "by_group": _by_group(measured, result),
        "by_queue": _by_queue(measured, result),
    }


@dataclass(frozen=True)
class _Read:
    """What the event logs tell beside the figures, with what they were written to."""

    unfinished: Mapping[str, Unfinished]
    periodic: Periodic | None
    files: Mapping[str, str]
    costs: CostFigures
    diagnoses: Sequence[RecordedWarning]
    children: ChildrenRecord | None
    left_running: Mapping[int, Sequence[str]]
    """By the pid of a worker that ended by itself, the tasks that it had begun and not ended."""


def _read(
    job: BlockJob,
    measured: Measured,
    result: Digest,
    reports: tuple[RanWith, ...],
    redact: Callable[[str], str],
) -> _Read:
    workload = job.cell.workload.model_dump()
    kept = kept_schedule(job.events, workload, result.merged, measured.beat_cpu_ns)
    periodic, fires = kept or (None, None)
    idle = _idle(job, measured, result.merged)
    clues = clues_in(job.events, redact)
    evidence = Evidence(job.cell, result, job.shape, clues, measured.worker_grown_bytes, reports)
    children = _children(job, measured, evidence)
    evidence = replace(evidence, children=children)
    executions = _executions(result)
    return _Read(
        unfinished=_unfinished(job, measured),
        periodic=periodic,
        files=_write(job, measured, result, fires),
        costs=costs.fields(measured.costs, executions, job.events, job.prices, idle),
        diagnoses=tuple(diagnosed(evidence)),
        children=children,
        left_running={one.pid: left_running(job.events, one.pid) for one in measured.fallen},
    )


def _unfinished(job: BlockJob, measured: Measured) -> Mapping[str, Unfinished]:
    if measured.at_rest:
        return {}
    return unfinished(job.events, measured.over_ns, [one.pid for one in measured.fallen])


def _by_group(measured: Measured, result: Digest) -> tuple[GroupRecord, ...]:
    crew, fallen = measured.crew, [one.pid for one in measured.fallen]
    return with_costs(result.fields["by_group"], crew.used, fallen, crew.group_of)


def _by_queue(measured: Measured, result: Digest) -> tuple[QueueRecord, ...]:
    published_ns = result.merged.units.publish_ns
    sending_ns = (int(published_ns.min()), int(published_ns.max())) if len(published_ns) else (0, 0)
    looks = {} if measured.costs is None else measured.costs.depth_by_queue
    return with_depths(result.fields["by_queue"], looks, measured.left_in_queues, sending_ns)


def _children(job: BlockJob, measured: Measured, evidence: Evidence) -> ChildrenRecord | None:
    """What became of pool processes, told apart by who ended them."""
    died = {pid: note for note in measured.faults for pid in note.died}
    workers = {one.pid: MISSING for one in measured.fallen}
    mains = {pid: note for pid, note in died.items() if pid in note.mains}
    workers |= {pid: note.struck_ns or MISSING for pid, note in mains.items()}
    single = [pid for pid, note in died.items() if note.kind.one_process]
    ended = Ended(evidence.span_ns, workers, single)
    known = evidence.clues.children
    return children_record(known, evidence.merged, job.shape, measured.slots, ended)


def _told(
    job: BlockJob,
    measured: Measured,
    result: Digest,
    read: _Read,
    observed: ObservedFigures,
    redact: Callable[[str], str],
) -> tuple[RecordedWarning, ...]:
    """Every warning of the block, those that the figures themselves give rise to last."""
    warnings = (
        *result.fields["warnings"],
        *read.diagnoses,
        *_warnings(measured, read.left_running, redact),
        *_of_groups(job.cell.configuration, measured.crew.fallen),
        *_of_unfinished(measured, read.unfinished),
        *costs.warnings(measured.costs),
        *results_left.warnings(measured.left, redact),
        *schedule_warnings(read.periodic),
    )
    phases = result.fields["load_phases"] if measured.saturation is None else ()
    spent = cpu_s(
        observed["worker_cpu_ms_per_task"],
        observed["client_cpu_ms_per_task"],
        read.costs["broker_cpu_ms_per_task"],
        read.costs["backend_cpu_ms_per_task"],
    )
    tasks, slots = result.merged.tasks, measured.slots
    return with_capacity(warnings, phases, spent, tasks, usable_cores(), slots)


def _digested(job: BlockJob, measured: Measured, reports: Sequence[RanWith]) -> Digest:
    """The figures of the event logs, and of faults, if there were any."""
    shape = job.shape
    merged = merge(job.events, shape.tasks_per_unit, grouped=shape.grouped, members=shape.members)
    end = BlockEnd(measured.waiting, measured.workers_alive, measured.cut_short)
    after = _aftermath(job, measured, merged)
    if after is None:
        return digest(merged, shape, end, measured.plan)
    end = with_orphans(end, merged, after, measured.left_unacknowledged)
    result = digest(merged, shape, end, measured.plan)
    config = provided(job.cell.configuration, job.provider).model_dump(mode="json")
    held = measured.left_unacknowledged + measured.waiting
    ran = ran_or_planned(reports, config)
    return replace(result, fields=with_faults(result, after, config, ran, held))


def _idle(job: BlockJob, measured: Measured, merged: Merged) -> Mapping[str, float]:
    """Traffic that was nobody's work. A caller that looks for its result again and again is at
    work, though no stamp says so; so is a slow network. Where something was broken, silence is no
    idling."""
    spent, workload = measured.costs, job.cell.workload
    unclear = measured.faults or job.cell.configuration.network is not None
    if spent is None or unclear or isinstance(workload, TrackingWorkload):
        return {}
    own = merged if isinstance(workload, OwnTaskWorkload) else None
    return idle_traffic(job.events, spent.looks, (spent.begin_ns, spent.end_ns), own)


def _aftermath(job: BlockJob, measured: Measured, merged: Merged) -> Aftermath | None:
    """What is to be known of a block in which something was broken, or ended by itself."""
    if not measured.faults and not measured.fallen:
        return None
    load_end_ns = max((phase.end_ns for phase in measured.plan), default=0)
    reasons = measured.publish_reasons
    fallen = tuple(Fallen(one.pid, one.name, one.why, one.at_ns) for one in measured.fallen)
    notes, end_ns = measured.faults, measured.over_ns
    who = takers(job.shape, merged)
    return aftermath(job.events, merged, notes, reasons, load_end_ns, fallen, end_ns, who)


def _write(
    job: BlockJob, measured: Measured, result: Digest, fires: Fires | None
) -> dict[str, str]:
    """Write what the block leaves beside its record; by name, from the run's folder."""
    mix = job.shape.mix
    queues = queues_of_units(job.shape, result.merged)
    samples.write(job.path, result.merged, result.ledger, result.phases, measured.plan, mix, queues)
    names = {"units": samples.UNITS_FILE, "tasks": samples.TASKS_FILE, "logs": "logs"}
    seconds = timeline(
        result.merged,
        result.ledger,
        result.phases,
        order=job.shape.order,
        interval_s=job.cell.measure.interval,
    )
    if seconds is not None:
        samples.write_timeline(job.path, seconds)
        names["timeline"] = samples.TIMELINE_FILE
    if result.merged.tracked is not None:
        samples.write_tracking(job.path, result.merged, result.merged.tracked)
        names["tracking"] = samples.TRACKING_FILE
    if fires is not None:
        samples.write_fires(job.path, fires)
        names["fires"] = samples.FIRES_FILE
    if measured.costs is not None and measured.costs.depth:
        depth.write(job.path, measured.costs.depth, measured.costs.depth_by_queue)
        names["depth"] = depth.DEPTH_FILE
    return {name: f"blocks/{job.path.name}/{file}" for name, file in names.items()}


def _observed(measured: Measured, executions: int) -> ObservedFigures:
    return {
        "worker_cpu_ms_per_task": costs.ms_each(measured.worker_cpu_ns, executions),
        "client_cpu_ms_per_task": costs.ms_each(measured.client_cpu_ns, executions),
        "worker_peak_rss_bytes": measured.worker_peak_rss_bytes,
        "client_peak_rss_bytes": measured.client_peak_rss_bytes,
        "depth_exact": measured.costs is None or measured.costs.depth_exact,
        "saturation": measured.saturation,
        "observer": dict(measured.observer or {}),
        "network": dict(measured.network or {}),
    }


def _executions(result: Digest) -> int:
    return int(result.merged.tasks.executions.sum())


def _status(measured: Measured) -> BlockStatus:
    if measured.trouble:
        return "failed"
    return "partial" if _ended_early(measured) or measured.not_all_put_on else "complete"


def _ended_early(measured: Measured) -> bool:
    """Whether the block itself gave its load a reason to end, other than its bound."""
    return measured.cut_short or measured.gave_up or measured.out_of_numbers


def _mixed(versions: Sequence[Mapping[str, str]]) -> str:
    names = sorted({name for one in versions for name in one})
    differing = [name for name in names if len({one.get(name) for one in versions}) > 1]
    words = (
        f"{name} {' and '.join(one.get(name, 'none') for one in versions)}" for name in differing
    )
    return (
        f"clients and workers of this block ran different software: {', '.join(words)}. "
        "Somebody changed the environment while it ran: measure again"
    )


def _of_unfinished(measured: Measured, left: Mapping[str, Unfinished]) -> Iterator[RecordedWarning]:
    tasks = {name: one.model_dump() for name, one in left.items()}
    if measured.out_of_time:
        yield RecordedWarning(
            code="out_of_time", data={"bound_s": measured.bound_s, "tasks": tasks}
        )
    elif tasks:
        yield RecordedWarning(code="never_at_rest", data={"tasks": tasks})


def _warnings(
    measured: Measured, running: Mapping[int, Sequence[str]], redact: Callable[[str], str]
) -> list[RecordedWarning]:
    warnings = []
    if measured.gave_up:
        warnings.append(RecordedWarning(code="gave_up"))
    if measured.out_of_numbers:
        data = {"units": UNITS_PER_CLIENT}
        warnings.append(RecordedWarning(code="out_of_numbers", data=data))
    if measured.not_all_put_on and not (measured.trouble or _ended_early(measured)):
        warnings.append(RecordedWarning(code="twins_ended"))
    warnings += _of_queues(measured)
    if measured.left_unacknowledged:
        data = {"messages": measured.left_unacknowledged}
        warnings.append(RecordedWarning(code="left_unacknowledged", data=data))
    if measured.observer_trouble:
        said = redact(measured.observer_trouble)
        warnings.append(RecordedWarning(code="observer_trouble", data={"text": said}))
    for one in measured.fallen:
        tasks = running[one.pid]
        said = one.told(redact) + (f"; it was running {listed(tasks)}" if tasks else "")
        warnings.append(RecordedWarning(code="worker_fell", data={"text": said}))
    if measured.beat_fell is not None:
        said = measured.beat_fell.told(redact)
        warnings.append(RecordedWarning(code="beat_fell", data={"text": said}))
    if measured.publish_errors:
        warnings.append(
            RecordedWarning(
                code="publish_errors",
                data={redact(reason): count for reason, count in measured.publish_errors.items()},
            )
        )
    return warnings


def _of_groups(configuration: Configuration, fallen: Sequence[str]) -> Iterator[RecordedWarning]:
    """Each of several groups of which nobody is left, with the queues that nobody consumes then."""
    groups = configuration.groups
    if len(groups) < 2:
        return
    living = {
        queue for name, group in groups.items() if name not in fallen for queue in group.queues
    }
    for name in fallen:
        alone = [queue for queue in groups[name].queues if queue not in living]
        yield RecordedWarning(code="group_fell", data={"group": name, "queues": alone})


def _of_queues(measured: Measured) -> Iterator[RecordedWarning]:
    """Messages that nobody took, and queues that nobody had named."""
    if measured.waiting:
        left: Plain = {"messages": measured.waiting}
        if len(measured.left_in_queues) > 1:
            left["queues"] = {name: n for name, n in measured.left_in_queues.items() if n}
        yield RecordedWarning(code="left_in_queue", data=left)
    if measured.strays:
        yield RecordedWarning(code="stray_queues", data={"queues": dict(measured.strays)})


def with_block(record: RunRecord, block: BlockRecord) -> RunRecord:
    """The record with one more block, and with the packages that it ran under."""
    cells = list(record.cells)
    cell = cells[block.cell]
    packages = cell.packages or block.versions
    if block.versions == packages:
        block = block.model_copy(update={"versions": {}})
    update = {"blocks": (*cell.blocks, block), "packages": packages}
    cells[block.cell] = cell.model_copy(update=update)
    return record.model_copy(update={"cells": tuple(cells)})
