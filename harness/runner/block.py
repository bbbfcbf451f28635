"""One block: fresh workers and a fresh namespace, measured, drained, checked, recorded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from harness.clock import utc_now
from harness.errors import HarnessError, RecordError
from harness.results.record.run import BlockRecord
from harness.runner.block_record import record_block
from harness.runner.faults.arming import arm
from harness.runner.faults.block_network import block_network
from harness.runner.faults.targets import Targets
from harness.runner.job import BlockJob
from harness.runner.measuring import results_left
from harness.runner.measuring.costs import CostMeter
from harness.runner.measuring.logs import keep_logs
from harness.runner.prepare import cellspec
from harness.runner.prepare.first_calls import FailingTaskError
from harness.runner.sessions.readiness import wait_ready
from harness.runner.sessions.session import Measured, MeasuredBlock, Session
from harness.runner.sessions.starting import Crew, start_crew
from harness.runner.telling.courier import Followed
from harness.runner.telling.interrupts import Interrupts
from harness.scenario.loads.registry import SESSIONS
from harness.scenario.models.scenario import Cell
from harness.services.base import Service
from harness.services.provide import BlockSpace, Services


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
    except FailingTaskError as error:
        measured = Measured(trouble=str(error), failing=error.labels)
    except HarnessError as error:
        measured = Measured(trouble=str(error), workers_alive=False)
    job.courier.stage("recording")
    keep_logs(logs, job.path / "logs", services.redact)
    return record_block(job, measured, started_at, isolation, services.redact)


def _measure(
    job: BlockJob, services: Services, space: BlockSpace, logs: Path, interrupts: Interrupts
) -> Measured:
    cell = job.cell
    broker, backend = services.of(cell.configuration)
    with ExitStack() as stack:
        meter = stack.enter_context(closing(CostMeter(broker, backend, space.broker)))
        network = stack.enter_context(
            block_network(cell, space.settings, job.environ, logs, job.workspace)
        )
        crew = start_crew(job, space, network, logs, stack)
        _wait_ready(job, crew)
        asked = cell.configuration.network
        network_facts = network.measured(asked) if network is not None else {}
        faults = arm(cell, Targets(crew.workers, broker, backend, network, job.events, job.seed))
        if faults is not None:
            stack.enter_context(faults)
        room = MeasuredBlock(
            cell=cell,
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
        session = _session_of(cell)(room, crew.workers, crew.clients, interrupts)
        with interrupts.deferred():
            measured = session.run()
        job.courier.stage("stopping")
        if network is not None:
            network_facts |= network.packets()
    measured = replace(measured, network=network_facts)
    return _with_left_over(measured, job, space, logs, interrupts)


def _session_of(cell: Cell) -> type[Session]:
    """Who runs its kind of load, by the row of `scenario.loads.registry`."""
    module, _, name = SESSIONS[cell.load.load].partition(":")
    session: type[Session] = getattr(import_module(module), name)
    return session


def _wait_ready(job: BlockJob, crew: Crew) -> None:
    asked = job.cell.configuration.network
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


def _with_left_over(
    measured: Measured, job: BlockJob, space: BlockSpace, logs: Path, interrupts: Interrupts
) -> Measured:
    """What broker and result backend hold when the workers are gone: nothing more is stored."""
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
