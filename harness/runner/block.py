"""One block: fresh workers and a fresh namespace, measured, drained, checked, recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from harness.clock import utc_now
from harness.errors import HarnessError
from harness.results.record.run import BlockRecord
from harness.runner.ahead import BlockStart
from harness.runner.block_record import record_block
from harness.runner.faults.arming import arm
from harness.runner.faults.targets import Targets
from harness.runner.job import BlockJob
from harness.runner.measuring import results_left
from harness.runner.measuring.costs import CostMeter
from harness.runner.measuring.logs import keep_logs
from harness.runner.prepare import cellspec
from harness.runner.prepare.first_calls import FailingTaskError
from harness.runner.sessions.readiness import wait_ready
from harness.runner.sessions.session import Measured, MeasuredBlock, Session
from harness.runner.sessions.starting import Crew
from harness.runner.telling.interrupts import Interrupts
from harness.scenario.loads.registry import SESSIONS
from harness.scenario.models.scenario import Cell
from harness.services.base import Service
from harness.services.provide import BlockSpace, Services
from harness.working_place import WorkingPlace


def run_block(
    start: BlockStart,
    services: Services,
    interrupts: Interrupts,
    over: Callable[[Measured], None] = lambda measured: None,  # noqa: ARG005 - its signature
) -> BlockRecord:
    """Measure one block and leave its samples and logs on disk.

    `over` is called when nothing is measured any more and its processes have still to end, unless
    the block went wrong. A block that cannot be run is a record with status `failed` and the
    reason; what it had measured by then is in it. OSError and RecordError (disk full ...) are not
    caught.
    """
    job, started_at = start.job, started_now()
    start.make_folder()
    job.courier.follow(job.events, job.shape)
    job.courier.stage("starting")
    try:
        with start.namespace:
            measured = _measure(start, services, interrupts, over)
            measured = with_left_over(measured, start, interrupts)
    except HarnessError as error:
        measured = not_measured(error)
    job.courier.stage("recording")
    return recorded(start, measured, started_at, services)


def started_now() -> str:
    """The time as a block's record has it."""
    return utc_now().isoformat(timespec="milliseconds")


def not_measured(error: HarnessError) -> Measured:
    """What is seen of a block that cannot be run."""
    if isinstance(error, FailingTaskError):
        return Measured(trouble=str(error), failing=error.labels)
    return Measured(trouble=str(error), workers_alive=False)


def recorded(
    start: BlockStart, measured: Measured, started_at: str, services: Services
) -> BlockRecord:
    """The record of a block that is over; its samples and logs are written."""
    keep_logs(start.logs, start.job.path / "logs", services.redact)
    return record_block(start.job, measured, started_at, start.isolation, services.redact)


def _measure(
    start: BlockStart,
    services: Services,
    interrupts: Interrupts,
    over: Callable[[Measured], None],
) -> Measured:
    job = start.job
    with start.processes as stack:
        session = ready_session(start, services, interrupts, stack)
        network, asked = start.begun().network, job.cell.configuration.network
        network_facts = network.measured(asked) if network is not None else {}
        with interrupts.deferred():
            measured = session.run()
            job.courier.stage("stopping")
            if not (measured.trouble or measured.cut_short):
                over(measured)
        if network is not None:
            network_facts |= network.packets()
    return replace(measured, network=network_facts)


def ready_session(
    start: BlockStart,
    services: Services,
    interrupts: Interrupts,
    stack: ExitStack,
    *,
    by_turns: bool = False,
) -> Session:
    """The session of a block whose processes are ready. `stack` ends what looks on; `by_turns`: its
    load is put on in turn with another block's."""
    job, cell = start.job, start.job.cell
    broker, backend = services.of(cell.configuration)
    begun = start.begun()
    space, network, crew = begun.space, begun.network, begun.crew
    meter = CostMeter(broker, backend, space.broker, by_turns=by_turns)
    stack.enter_context(closing(meter))
    _wait_ready(job, crew)
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
        by_turns=by_turns,
    )
    return _session_of(cell)(room, crew.workers, crew.clients, interrupts)


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
        job.events,
        job.cell.measure.startup_timeout,
        job.environ,
        stores_results=job.shape.stores_results,
        rtt_s=asked.rtt if asked is not None else 0.0,
    )


def with_left_over(measured: Measured, start: BlockStart, interrupts: Interrupts) -> Measured:
    """What broker and result backend hold when the workers are gone: nothing more is stored."""
    job, space = start.job, start.begun().space
    depths = space.broker.depths() or {}
    return replace(
        measured,
        left=_results_left(job, space, start.logs, interrupts),
        waiting=max(sum(depths.values()), measured.waiting),
        left_in_queues=depths,
        strays=space.broker.strays() if len(space.queues) > 1 else {},
        left_unacknowledged=space.broker.unacknowledged() or 0,
    )


def _results_left(
    job: BlockJob, space: BlockSpace, logs: Path, interrupts: Interrupts
) -> results_left.Left:
    environ = cellspec.environ_for("client", job.spec, {**job.environ, **space.environ})
    place = WorkingPlace(job.workspace, logs, environ, job.interpreter)
    with interrupts.deferred():
        return results_left.look(job.cell, space.backend, place, lambda: not interrupts.requested)


def _server_pids(broker: Service, backend: Service | None) -> dict[str, tuple[int, ...]]:
    # An emulator may be both.
    apart = backend is not None and backend is not broker and backend.pids() != broker.pids()
    return {"broker": broker.pids(), "backend": backend.pids() if backend and apart else ()}
