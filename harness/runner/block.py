"""One block: fresh workers and a fresh namespace, measured, drained, checked, recorded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from harness.clock import utc_now
from harness.errors import HarnessError, RecordError
from harness.results import samples
from harness.results.diagnoses import Evidence, diagnosed
from harness.results.eventlog import versions_in
from harness.results.faulted import Aftermath, aftermath, with_faults, with_orphans
from harness.results.ledger import BlockEnd
from harness.results.load_phases import PLAN_FILE
from harness.results.merge import Merged, merge
from harness.results.periodic import Fires, kept_schedule, schedule_warnings
from harness.results.record import BlockRecord, BlockStatus, RecordedWarning
from harness.results.summary import Digest, digest
from harness.results.timeline import timeline
from harness.runner import cellspec, costs, depth, results_left
from harness.runner.costs import CostMeter
from harness.runner.courier import Followed
from harness.runner.crew import start_crew
from harness.runner.faults.arming import Targets, arm
from harness.runner.faults.network import block_network
from harness.runner.interrupts import Interrupts
from harness.runner.job import BlockJob
from harness.runner.open_loads import RateSession, SaturateSession
from harness.runner.readiness import wait_ready
from harness.runner.schedule import ScheduleSession
from harness.runner.session import BacklogSession, ClosedSession, Measured, Room, Session
from harness.services.base import Service
from harness.services.provide import BlockSpace, Services

_SESSIONS: Mapping[str, type[Session]] = {
    "closed": ClosedSession,
    "backlog": BacklogSession,
    "rate": RateSession,
    "saturate": SaturateSession,
    "schedule": ScheduleSession,
}


def run_block(job: BlockJob, services: Services, interrupts: Interrupts) -> BlockRecord:
    """Measure one block and leave its samples and logs on disk.

    A block that cannot be run is a record with status `failed` and the reason; what it had
    measured by then is in it. OSError and RecordError (disk full ...) are not caught.
    """
    started_at = utc_now().isoformat(timespec="milliseconds")
    _make_folders(job)
    job.courier.follow(Followed(job.events, job.shape))
    job.courier.stage("starting")
    logs = job.workspace.folder(f"block-{job.number:03d}")
    isolation: Mapping[str, str] = {}
    try:
        with services.open_block(job.cell.configuration, job.label) as space:
            isolation = space.isolation
            measured = _measure(job, services, space, logs, interrupts)
    except HarnessError as error:
        measured = Measured(trouble=str(error), workers_alive=False)
    job.courier.stage("recording")
    keep_logs(logs, job.path / "logs", services.redact)
    return _record(job, measured, started_at, isolation, services.redact)


def _measure(
    job: BlockJob, services: Services, space: BlockSpace, logs: Path, interrupts: Interrupts
) -> Measured:
    broker, backend = services.of(job.cell.configuration)
    with ExitStack() as stack:
        meter = stack.enter_context(closing(CostMeter(broker, backend, space.broker)))
        network = stack.enter_context(
            block_network(job.cell, space.settings, job.environ, logs, job.workspace)
        )
        asked = job.cell.configuration.network
        crew = start_crew(job, space, network, logs, stack)
        wait_ready(
            crew.workers,
            crew.clients,
            job.cell.configuration.worker,
            job.events,
            job.cell.measure.startup_timeout,
            job.environ,
            stores_results=job.shape.stores_results,
            rtt_s=asked.rtt if asked is not None else 0.0,
        )
        network_facts = network.measured(asked) if network is not None else {}
        faults = arm(
            job.cell, Targets(crew.workers, broker, backend, network, job.events, job.seed)
        )
        if faults is not None:
            stack.enter_context(faults)
        room = Room(
            cell=job.cell,
            shape=job.shape,
            events=job.events,
            path=job.path,
            seed=job.seed,
            broker=space.broker,
            observer=crew.observer,
            meter=meter,
            server_pids=_server_pids(broker, backend),
            beat=crew.beat,
            courier=job.courier,
            faults=faults,
        )
        session = _SESSIONS[job.cell.load.load](room, crew.workers, crew.clients, interrupts)
        with interrupts.deferred():
            measured = session.run()
        job.courier.stage("stopping")
        if network is not None:
            network_facts |= network.packets()
        measured = replace(measured, network=network_facts)
    waiting = space.broker.depth() or 0
    return replace(
        measured,
        left=_results_left(job, space, logs, interrupts),
        waiting=max(waiting, measured.waiting),
        left_unacknowledged=space.broker.unacknowledged() or 0,
    )


def _results_left(
    job: BlockJob, space: BlockSpace, logs: Path, interrupts: Interrupts
) -> results_left.Left:
    """The workers are gone: nothing more is stored."""
    environ = cellspec.environ_for("client", job.spec, {**job.environ, **space.environ})
    place = results_left.Place(job.workspace, job.interpreter, environ, logs)
    with interrupts.deferred():
        return results_left.look(job.cell, space.backend, place, lambda: not interrupts.requested)


def _server_pids(broker: Service, backend: Service | None) -> dict[str, tuple[int, ...]]:
    # An emulator may be both.
    apart = backend is not None and backend is not broker and backend.pids() != broker.pids()
    return {"broker": broker.pids(), "backend": backend.pids() if backend and apart else ()}


def _make_folders(job: BlockJob) -> None:
    try:
        job.events.mkdir(parents=True)
    except OSError as error:
        raise RecordError(f"cannot create {job.events}: {error.strerror}") from error


def keep_logs(source: Path, target: Path, redact: Callable[[str], str]) -> None:
    """Copy the logs into the record, without credentials."""
    target.mkdir(exist_ok=True)
    for log in sorted(source.glob("*.log")):
        text = log.read_text(encoding="utf-8", errors="replace")
        (target / log.name).write_text(redact(text), encoding="utf-8")


def _record(
    job: BlockJob,
    measured: Measured,
    started_at: str,
    isolation: Mapping[str, str],
    redact: Callable[[str], str],
) -> BlockRecord:
    end = BlockEnd(measured.waiting, measured.workers_alive, measured.cut_short)
    versions = versions_in(job.events)
    if len(versions) > 1:
        measured = replace(measured, trouble=measured.trouble or _mixed(versions))
    shape = job.shape
    merged = merge(job.events, shape.tasks_per_unit, grouped=shape.grouped)
    after = _aftermath(job, measured, merged)
    if after is not None:
        end = with_orphans(end, merged, after, measured.left_unacknowledged)
    result = digest(merged, shape, end, measured.plan)
    if after is not None:
        config = job.cell.configuration.model_dump(mode="json")
        held = measured.left_unacknowledged + measured.waiting
        result = replace(result, fields=with_faults(result, after, config, held))
    kept = kept_schedule(job.events, job.cell.workload.model_dump(), merged, measured.beat_cpu_ns)
    one, fires = kept or (None, None)
    files = _write(job, measured, result, fires)
    executions = int(merged.tasks.executions.sum())
    cost_fields = costs.fields(measured.costs, executions, job.events, job.prices)
    shutil.rmtree(job.events)  # every stamp of it is in the samples now
    (job.path / PLAN_FILE).unlink(missing_ok=True)
    fields = result.fields | {
        "warnings": (
            *result.fields["warnings"],
            *diagnosed(Evidence(job.cell, result)),
            *_warnings(measured, redact),
            *costs.warnings(measured.costs),
            *results_left.warnings(measured.left, redact),
            *schedule_warnings(one),
        ),
    }
    return BlockRecord(
        number=job.number,
        cell=job.cell_index,
        repetition=job.repetition,
        status=_status(measured),
        error=redact(measured.trouble),
        started_at=started_at,
        isolation=dict(isolation),
        versions=versions[0] if versions else {},
        worker_cpu_ms_per_task=_per_task_ms(measured.worker_cpu_ns, result),
        client_cpu_ms_per_task=_per_task_ms(measured.client_cpu_ns, result),
        worker_peak_rss_bytes=measured.worker_peak_rss_bytes,
        client_peak_rss_bytes=measured.client_peak_rss_bytes,
        files=files,
        depth_exact=measured.costs is None or measured.costs.depth_exact,
        saturation=measured.saturation,
        observer=dict(measured.observer or {}),
        periodic=one,
        network=dict(measured.network or {}),
        **cost_fields,
        **results_left.fields(measured.left),
        **fields,
    )


def _aftermath(job: BlockJob, measured: Measured, merged: Merged) -> Aftermath | None:
    """What is to be known of the faults of a block, if it had any."""
    if not measured.faults:
        return None
    load_end_ns = max((phase.end_ns for phase in measured.plan), default=0)
    reasons = measured.publish_reasons
    fallen = tuple(measured.fallen or ())
    return aftermath(job.events, merged, measured.faults, reasons, load_end_ns, fallen)


def _write(
    job: BlockJob, measured: Measured, result: Digest, fires: Fires | None
) -> dict[str, str]:
    """Write what the block leaves beside its record; by name, from the run's folder."""
    mix = job.shape.mix
    samples.write(job.path, result.merged, result.ledger, result.phases, measured.plan, mix)
    names = {"units": samples.UNITS_FILE, "tasks": samples.TASKS_FILE, "logs": "logs"}
    seconds = timeline(
        result.merged,
        result.ledger,
        result.phases,
        sequential=job.shape.sequential,
        steps=job.shape.steps,
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
        depth.write(job.path, measured.costs.depth)
        names["depth"] = depth.DEPTH_FILE
    return {name: f"blocks/{job.path.name}/{file}" for name, file in names.items()}


def _status(measured: Measured) -> BlockStatus:
    if measured.trouble:
        return "failed"
    return "partial" if measured.cut_short or measured.gave_up else "complete"


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


def _per_task_ms(cpu_ns: int | None, result: Digest) -> float | None:
    executions = int(result.merged.tasks.executions.sum())
    return None if cpu_ns is None or not executions else cpu_ns / 1e6 / executions


def _warnings(measured: Measured, redact: Callable[[str], str]) -> list[RecordedWarning]:
    warnings = []
    if measured.gave_up:
        warnings.append(RecordedWarning(code="gave_up"))
    if measured.waiting:
        warnings.append(RecordedWarning(code="left_in_queue", data={"messages": measured.waiting}))
    if measured.left_unacknowledged:
        data = {"messages": measured.left_unacknowledged}
        warnings.append(RecordedWarning(code="left_unacknowledged", data=data))
    if measured.observer_trouble:
        said = redact(measured.observer_trouble)
        warnings.append(RecordedWarning(code="observer_trouble", data={"text": said}))
    for said in (measured.fallen or {}).values():
        warnings.append(RecordedWarning(code="worker_fell", data={"text": redact(said)}))
    if measured.publish_errors:
        warnings.append(
            RecordedWarning(
                code="publish_errors",
                data={redact(reason): count for reason, count in measured.publish_errors.items()},
            )
        )
    return warnings
