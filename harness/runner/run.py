"""One run of a scenario: provide the servers, measure block after block, keep the record."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from harness.affinity import ANYWHERE, Affinity
from harness.clock import monotonic_ns, utc_now
from harness.environments import Interpreter
from harness.results.gates import MeasuredRun
from harness.results.record import BlockRecord, CellRecord, RunRecord, RunStatus, Server
from harness.results.shape import shape_of
from harness.results.store import RunFolder, new_run_id
from harness.runner.adaptive import Budget
from harness.runner.block import BlockJob, keep_logs, run_block
from harness.runner.environment import fingerprint
from harness.runner.faults import arming
from harness.runner.interpreters import interpreters
from harness.runner.interrupts import Interrupts
from harness.runner.judging import judged
from harness.runner.order import interleaved
from harness.scenario.endpoints import Provider
from harness.scenario.models import Cell, Plan
from harness.scenario.prices import list_prices
from harness.services.provide import Services, provide
from harness.services.sweep import sweep
from harness.workspace import Workspace, open_workspace


class Listener(Protocol):
    """Who is told how a run gets on."""

    def swept(self, sentences: Iterable[str]) -> None:
        """What an earlier, killed run had left was removed."""
        ...

    def environment_builds(self, title: str) -> None:
        """A Python environment for clients and workers is missing, and is being built."""
        ...

    def servers_ready(self, record: RunRecord) -> None:
        """The servers answer; the first block is next."""
        ...

    def block_starts(self, number: int, total: int, cell: Cell) -> None:
        """Block `number` (from 0) of `total` is next."""
        ...

    def block_ended(self, block: BlockRecord, cell: Cell) -> None:
        """It is recorded."""
        ...


@dataclass(frozen=True)
class RunOptions:
    """What the command line decides."""

    provider: Provider | None
    results: Path
    """The folder in which the run's folder is made."""
    seed: int | None
    project: Path
    """Folder whose git commit is recorded, and that holds docker-compose.yml."""
    environ: Mapping[str, str]
    baseline: MeasuredRun | None = None
    """What `baseline` in a gate means."""
    force: bool = False
    """Compare with a baseline that was measured in an unlike environment all the same."""
    affinity: Affinity = ANYWHERE
    """Which cores clients, local servers and workers are kept to."""


def run(plan: Plan, options: RunOptions, listener: Listener) -> tuple[RunRecord, RunFolder]:
    """Measure every block of the plan; all of it is on disk when this returns.

    An interrupt ends it early, with status `partial` and what was measured. Raises
    HarnessError where a server, the disk or the plan's environment does not allow to go on;
    the record then says `failed` and keeps the finished blocks.
    """
    listener.swept(sweep(options.environ))
    with Interrupts() as interrupts, open_workspace(options.environ) as workspace:
        pythons = interpreters(
            [cell.configuration for cell in plan.cells],
            project=options.project,
            workspace=workspace,
            environ=options.environ,
            building=listener.environment_builds,
        )
        record = _planned(plan, options)
        folder = RunFolder.create(options.results, record.run_id)
        with closing(folder):
            execution = _Execution(
                plan, options, listener, record, folder, workspace, interrupts, pythons
            )
            try:
                execution.execute()
            except KeyboardInterrupt:
                execution.end("partial")
            except BaseException:
                execution.end("failed")
                raise
    return execution.record, folder


class _Execution:
    """The state of a run while it runs."""

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        listener: Listener,
        record: RunRecord,
        folder: RunFolder,
        workspace: Workspace,
        interrupts: Interrupts,
        pythons: Sequence[Interpreter],
    ) -> None:
        self._plan = plan
        self._budget = Budget(plan)
        self._options = options
        self._listener = listener
        self.record = record
        self._folder = folder
        self._workspace = workspace
        self._interrupts = interrupts
        self._pythons = pythons
        self._prices = plan.scenario.prices or list_prices()

    def execute(self) -> None:
        """Provide the servers, run the blocks, end."""
        logs = self._workspace.folder("server-logs")
        with provide(
            [cell.configuration for cell in self._plan.cells],
            provider=self._options.provider,
            workspace=self._workspace,
            log_dir=logs,
            environ=self._options.environ,
            project_dir=self._options.project,
            cores=self._options.affinity.broker,
        ) as services:
            try:
                self._name_servers(services)
                self._run_blocks(services)
            finally:
                keep_logs(logs, self._folder.logs, services.redact)
        failed = any(block.status == "failed" for block in self.record.blocks)
        cut_short = any(block.status == "partial" for block in self.record.blocks)
        partial = cut_short or len(self.record.blocks) < len(self.record.order)
        self.record = judged(
            self.record, self._folder.path, self._options.baseline, force=self._options.force
        )
        self.end("failed" if failed else "partial" if partial else "complete")

    def end(self, status: RunStatus) -> None:
        """Write the final record."""
        ended_at = utc_now().isoformat(timespec="milliseconds")
        self._keep(self.record.model_copy(update={"status": status, "ended_at": ended_at}))

    def _run_blocks(self, services: Services) -> None:
        given_up: set[int] = set()
        for number, index in self._order():
            if self._interrupts.requested:
                break
            if index in given_up:  # what failed once fails again; the others still count
                continue
            cell = self._plan.cells[index]
            self._listener.block_starts(number, len(self.record.order), cell)
            block = run_block(self._job(number, index), services, self._interrupts)
            self._keep(_with_block(self.record, block))
            self._listener.block_ended(block, cell)
            if block.status == "failed":
                given_up.add(index)

    def _order(self) -> Iterator[tuple[int, int]]:
        """Number and cell of every block; grows while comparisons are inconclusive."""
        started_ns = monotonic_ns()
        number = 0
        while number < len(self.record.order):
            yield number, self.record.order[number]
            number += 1
            if number == len(self.record.order) and not self._interrupts.requested:
                more = self._budget.more(self.record, (monotonic_ns() - started_ns) / 1e9)
                if more:
                    order = (*self.record.order, *more)
                    self._keep(self.record.model_copy(update={"order": order}))

    def _job(self, number: int, index: int) -> BlockJob:
        short_id = self.record.run_id.rpartition("-")[2]
        return BlockJob(
            number=number,
            repetition=self.record.order[:number].count(index),
            cell_index=index,
            cell=self._plan.cells[index],
            shape=shape_of(self.record.cells[index]),
            label=f"{short_id}-{number:03d}",
            folder=self._folder,
            workspace=self._workspace,
            environ=self._options.environ,
            prices=self._prices,
            interpreter=self._pythons[index],
            seed=self.record.seed,
            affinity=self._options.affinity,
        )

    def _name_servers(self, services: Services) -> None:
        cells = []
        for cell, stored in zip(self._plan.cells, self.record.cells, strict=True):
            broker, backend = services.of(cell.configuration)
            arming.check(cell, broker, backend)
            servers = {"broker": Server(**asdict(broker.info))}
            if backend is not None:
                servers["backend"] = Server(**asdict(backend.info))
            cells.append(stored.model_copy(update={"servers": servers}))
        self._keep(self.record.model_copy(update={"cells": tuple(cells)}))
        self._listener.servers_ready(self.record)

    def _keep(self, record: RunRecord) -> None:
        self.record = record
        self._folder.write(record)


def _planned(plan: Plan, options: RunOptions) -> RunRecord:
    now = utc_now()
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    return RunRecord(
        run_id=new_run_id(plan.scenario.name, now, secrets.token_hex(3)),
        status="running",
        started_at=now.isoformat(timespec="milliseconds"),
        seed=seed,
        source=plan.source,
        scenario=plan.scenario.model_dump(mode="json"),
        environment=fingerprint(options.project, options.affinity),
        order=interleaved(Budget(plan).blocks(), seed),
        cells=tuple(map(_cell_record, plan.cells)),
    )


def _cell_record(cell: Cell) -> CellRecord:
    return CellRecord(
        name=cell.name,
        config=cell.configuration.model_dump(mode="json"),
        axes=cell.axes,
        workload=cell.workload.model_dump(mode="json", exclude={"measure"}),
        load=cell.load.model_dump(mode="json", exclude={"measure"}),
        measure=cell.measure.model_dump(mode="json"),
    )


def _with_block(record: RunRecord, block: BlockRecord) -> RunRecord:
    cells = list(record.cells)
    cell = cells[block.cell]
    packages = cell.packages or block.versions
    if block.versions == packages:
        block = block.model_copy(update={"versions": {}})
    update = {"blocks": (*cell.blocks, block), "packages": packages}
    cells[block.cell] = cell.model_copy(update=update)
    return record.model_copy(update={"cells": tuple(cells)})
