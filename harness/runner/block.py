"""One block: fresh workers and a fresh namespace, measured, drained, checked, recorded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.affinity import ANYWHERE, Affinity
from harness.clients.process import Client
from harness.clock import utc_now
from harness.environments import OWN, Interpreter
from harness.errors import HarnessError, RecordError
from harness.probe.events import NO_ID, Kind
from harness.probe.recorder import Recorder
from harness.results import samples
from harness.results.eventlog import versions_in
from harness.results.ledger import BlockEnd
from harness.results.merge import merge
from harness.results.record import BlockRecord, BlockStatus, RecordedWarning
from harness.results.store import RunFolder
from harness.results.summary import BlockShape, Digest, digest
from harness.runner import cellspec, costs, depth
from harness.runner.costs import CostMeter, Costs
from harness.runner.drain import Drain
from harness.runner.interrupts import Interrupts
from harness.runner.readiness import wait_ready
from harness.runner.traps import traps
from harness.scenario.models import Cell, Prices
from harness.scenario.prices import list_prices
from harness.services.provide import BlockSpace, Services
from harness.usage import Usage
from harness.workers.process import Workers
from harness.workspace import Workspace

_CHECK_S = 30.0


@dataclass(frozen=True)
class BlockJob:
    """What is to be measured, and where it goes."""

    number: int
    repetition: int
    cell_index: int
    cell: Cell
    shape: BlockShape
    """How its events are to be read."""
    label: str
    """Unique on this machine: names queues, keys and hosts of the block."""
    folder: RunFolder
    workspace: Workspace
    environ: Mapping[str, str]
    interpreter: Interpreter = OWN
    """Which Python runs its clients and workers."""
    prices: Prices = field(default_factory=list_prices)
    """What requests cost."""
    affinity: Affinity = ANYWHERE

    @property
    def path(self) -> Path:
        """The block's folder."""
        return self.folder.block(self.number)

    @property
    def events(self) -> Path:
        """Where its processes write their event logs."""
        return self.path / "events"


@dataclass(frozen=True)
class Measured:
    """What was seen of a block while it ran, beside its event logs."""

    trouble: str = ""
    """Why it went wrong, if it did."""
    cut_short: bool = False
    """The user ended it."""
    gave_up: bool = False
    """The client found that nothing came back any more."""
    workers_alive: bool = True
    waiting: int = 0
    """Messages in the queue when nobody waited any more."""
    left_unacknowledged: int = 0
    """Messages without acknowledgement after the workers had stopped."""
    worker_cpu_ns: int | None = None
    client_cpu_ns: int | None = None
    worker_peak_rss_bytes: int | None = None
    client_peak_rss_bytes: int | None = None
    publish_errors: Mapping[str, int] | None = None
    costs: Costs | None = None


def run_block(job: BlockJob, services: Services, interrupts: Interrupts) -> BlockRecord:
    """Measure one block and leave its samples and logs on disk.

    A block that cannot be run is a record with status `failed` and the reason; what it had
    measured by then is in it. OSError and RecordError (disk full ...) are not caught.
    """
    started_at = utc_now().isoformat(timespec="milliseconds")
    _make_folders(job)
    logs = job.workspace.folder(f"block-{job.number:03d}")
    isolation: Mapping[str, str] = {}
    try:
        with services.open_block(job.cell.configuration, job.label) as space:
            isolation = space.isolation
            meter = CostMeter(*services.of(job.cell.configuration), space.broker)
            with closing(meter):
                measured = _measure(job, space, logs, interrupts, meter)
    except HarnessError as error:
        measured = Measured(trouble=str(error), workers_alive=False)
    keep_logs(logs, job.path / "logs", services.redact)
    return _record(job, measured, started_at, isolation, services.redact)


def _measure(
    job: BlockJob, space: BlockSpace, logs: Path, interrupts: Interrupts, meter: CostMeter
) -> Measured:
    spec = job.workspace.path / f"cell-{job.number:03d}.json"
    cellspec.write(spec, job.cell, space.settings, job.events, job.interpreter.modules)
    worker = job.cell.configuration.worker
    with ExitStack() as stack:
        environ = cellspec.environ_for("worker", spec, job.environ)
        workers = stack.enter_context(
            Workers.start(
                worker,
                job.label,
                environ,
                logs,
                job.workspace,
                job.interpreter,
                job.affinity.workers,
            )
        )
        environ = cellspec.environ_for("client", spec, job.environ)
        client = stack.enter_context(
            Client.start(environ, logs, job.workspace, job.interpreter, job.affinity.client)
        )
        limit_s = job.cell.measure.startup_timeout
        wait_ready(workers, client, worker, job.events, limit_s, job.environ)
        with interrupts.deferred():
            measured = _Session(job, space, workers, client, interrupts, meter).run()
    waiting = space.broker.depth() or 0
    return replace(
        measured,
        waiting=max(waiting, measured.waiting),
        left_unacknowledged=space.broker.unacknowledged() or 0,
    )


class _Session:
    """Warm-up, measurement, drain and check of one block with running processes."""

    def __init__(
        self,
        job: BlockJob,
        space: BlockSpace,
        workers: Workers,
        client: Client,
        interrupts: Interrupts,
        meter: CostMeter,
    ) -> None:
        self._job = job
        self._meter = meter
        self._broker = space.broker
        self._workers = workers
        self._client = client
        self._interrupts = interrupts
        self._drain = Drain(job.events, space.broker, stores_results=job.shape.stores_results)
        self._trouble = ""
        self._told_to_stop = False

    def run(self) -> Measured:
        """The story of a measurement."""
        self._client.ask("warmup", None, self._watch)
        self._meter.begin()
        answer, usage = self._closed() if self._job.shape.watched else self._backlog()
        spent = self._meter.end()
        self._check(unresolved=answer["unresolved"])
        alive = self._workers.all_alive()
        watched, cut_short = self._job.shape.watched, self._interrupts.requested
        return Measured(
            trouble=self._trouble,
            cut_short=cut_short,
            gave_up=answer["gave_up"],
            workers_alive=alive,
            waiting=self._broker.depth() or 0,
            # What a dead worker and its pool had used is known to nobody any more. And when the
            # user ends a backlog, workers still run tasks that no reading covers.
            worker_cpu_ns=usage.cpu_ns if alive and (watched or not cut_short) else None,
            client_cpu_ns=answer["client_cpu_ns"],
            worker_peak_rss_bytes=usage.peak_rss_bytes if alive else None,
            client_peak_rss_bytes=self._client.usage().peak_rss_bytes,
            publish_errors=answer["publish_errors"],
            costs=spent if watched or not cut_short else None,
        )

    def _closed(self) -> tuple[dict[str, Any], Usage]:
        before = self._workers.usage()
        answer = self._client.ask("measure", None, self._watch)
        return answer, _since(before, self._workers.usage())

    def _backlog(self) -> tuple[dict[str, Any], Usage]:
        done_before = self._drain.finished()
        self._workers.hold()
        answer = self._client.ask("measure", None, self._watch)
        before = self._workers.usage()
        recorder = Recorder(str(self._job.events), "harness")
        recorder.open()
        recorder.record(Kind.RELEASE, NO_ID, time.monotonic_ns())
        self._workers.release()
        recorder.close()
        expected = done_before + answer["unresolved_tasks"]
        self._drain.wait(expected, self._job.cell.measure.timeout, self._going_on)
        return answer, _since(before, self._workers.usage())

    def _check(self, *, unresolved: int) -> None:
        """Let what is under way come to rest, then have the missing results looked for."""
        if self._job.shape.watched and unresolved:
            self._drain.wait(None, self._job.cell.measure.timeout, self._going_on)
        self._client.ask("check", None, self._watch, limit_s=_CHECK_S)

    def _going_on(self) -> bool:
        self._watch()
        return not self._trouble and not self._interrupts.requested

    def _watch(self) -> None:
        """Called all the time: a dead worker or the user's Ctrl-C ends the load in order."""
        try:
            self._workers.check()
        except HarnessError as error:
            self._trouble = self._trouble or str(error)
        if (self._trouble or self._interrupts.requested) and not self._told_to_stop:
            self._told_to_stop = True
            self._client.tell("stop")


def _since(before: Usage, after: Usage) -> Usage:
    return Usage(after.cpu_ns - before.cpu_ns, after.peak_rss_bytes)


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
    result = digest(merge(job.events), job.shape, end)
    samples.write(job.path, result.merged, result.ledger, result.phases)
    executions = int(result.merged.tasks.executions.sum())
    cost_fields = costs.fields(measured.costs, executions, job.events, job.prices)
    files = _files(job, measured)
    shutil.rmtree(job.events)  # every stamp of it is in the samples now
    fields = result.fields | {
        "warnings": (
            *result.fields["warnings"],
            *traps(job.cell, result.fields),
            *_warnings(measured, redact),
            *costs.warnings(measured.costs),
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
        **cost_fields,
        **fields,
    )


def _files(job: BlockJob, measured: Measured) -> dict[str, str]:
    """What the block left beside its record; the queue's depths are written here."""
    names = {"units": samples.UNITS_FILE, "tasks": samples.TASKS_FILE, "logs": "logs"}
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
    if measured.publish_errors:
        warnings.append(
            RecordedWarning(
                code="publish_errors",
                data={redact(reason): count for reason, count in measured.publish_errors.items()},
            )
        )
    return warnings
