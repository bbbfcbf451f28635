"""The processes of one block: its workers and clients, who watches for results, and beat."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.conversation import Client
from harness.crew.beat import Beat, BeatFiles, BeatSeat, embedding
from harness.crew.clients import Clients
from harness.crew.workers import Workers
from harness.runner.faults.block_network import BlockNetwork
from harness.runner.job import BlockJob
from harness.runner.prepare import cellspec
from harness.scenario.loads.open_loop import OpenLoad
from harness.scenario.models.configuration import Worker
from harness.scenario.models.scenario import Cell
from harness.scenario.workloads.periodic import PeriodicWorkload
from harness.services.provide import BlockSpace
from harness.working_place import WorkingPlace


@dataclass(frozen=True)
class Crew:
    """They may not be ready yet."""

    workers: Workers
    clients: Clients
    observer: Client | None
    beat: BeatSeat | None


def start_crew(
    job: BlockJob, space: BlockSpace, network: BlockNetwork | None, logs: Path, stack: ExitStack
) -> Crew:
    """Start everybody; `stack` ends them. They are not ready yet when this returns."""
    files = _beat_files(job)
    specs = _write_specs(job, space, network, files)
    groups = groups_with_beat(job.cell, files, job.interpreter.consumed)
    variables = {**job.environ, **space.environ}

    def place(role: cellspec.Role, spec: Path) -> WorkingPlace:
        environ = cellspec.environ_for(role, spec, variables)
        cores = job.affinity.workers if role == "worker" else job.affinity.client
        return WorkingPlace(job.workspace, logs, environ, job.interpreter, cores)

    workers = Workers.start(groups, job.label, place("worker", specs["workers"]))
    stack.enter_context(workers)
    clients = Clients.start(job.cell.load.clients, place("client", specs["clients"]))
    stack.enter_context(clients)
    observer = None
    if isinstance(job.cell.load, OpenLoad) and job.shape.watched:
        observer = Client.start(place("client", job.spec), "observer")
        stack.enter_context(observer)
    beat = None
    if files is not None:
        beat = _beat(job, files, place("beat", specs["workers"]), stack)
    return Crew(workers, clients, observer, beat)


def groups_with_beat(
    cell: Cell, files: BeatFiles | None, consumed: tuple[str, ...] = ()
) -> dict[str, Worker]:
    """The groups of a cell's workers; where beat is embedded, with it in the first one, which has
    one worker then. What workers of an app consume by themselves (`consumed`) they are told, so
    that it is known by which way each group is reached."""
    groups = dict(cell.configuration.groups)
    for name, group in groups.items():
        if consumed and not group.queues:
            groups[name] = group.model_copy(update={"queues": consumed})
    if files is not None and _embeds_beat(cell):
        first = next(iter(groups))
        groups[first] = embedding(groups[first], files)
    return groups


def _write_specs(
    job: BlockJob,
    space: BlockSpace,
    network: BlockNetwork | None,
    files: BeatFiles | None,
) -> dict[str, Path]:
    """The cell spec of each side. Whoever watches results is no part of a network that is asked
    for, and reaches the servers directly, by `job.spec`."""
    told, settings = None if files is None else files.spec(), space.settings

    def write(path: Path, own: Mapping[str, Any]) -> Path:
        python, queues = job.interpreter, space.queues
        cellspec.write(path, job.cell, own, job.events, python, job.seed, told, queues)
        return path

    direct = write(job.spec, settings)
    if network is None:
        return {"workers": direct, "clients": direct}
    return {
        side: write(job.spec.with_stem(f"{job.spec.stem}-{side}"), network.settings(side, settings))
        for side in ("workers", "clients")
    }


def _beat_files(job: BlockJob) -> BeatFiles | None:
    if not isinstance(job.cell.workload, PeriodicWorkload):
        return None
    return BeatFiles.in_folder(job.workspace.path, job.number)


def _embeds_beat(cell: Cell) -> bool:
    return isinstance(cell.workload, PeriodicWorkload) and cell.workload.through == "worker"


def _beat(job: BlockJob, files: BeatFiles, place: WorkingPlace, stack: ExitStack) -> BeatSeat:
    """Beat, to be started when the workers are warm. One inside a worker has begun with it."""
    beat = stack.enter_context(Beat(files, embedded=_embeds_beat(job.cell)))

    def start() -> None:
        if not beat.embedded:
            beat.start(place)

    return BeatSeat(beat, start)
