"""One run of a scenario: provide the servers, measure block after block, keep the record."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from harness.affinity import ANYWHERE, Affinity
from harness.clock import monotonic_ns, utc_now
from harness.environments.interpreter import Interpreter
from harness.results.block.salvage import drop_logs, salvaged
from harness.results.diagnoses import plugged_in
from harness.results.events.unit_shape import unit_shape
from harness.results.judge.gates import MeasuredRun
from harness.results.judge.run_differences import environment_differences, server_differences
from harness.results.judge.target import target_of
from harness.results.judge.whole_run import judged
from harness.results.outlook.last_runs import last_runs
from harness.results.outlook.outlook import Outlook
from harness.results.record.comparison import DesignRecord
from harness.results.record.environment import Server
from harness.results.record.run import RunRecord, RunStatus
from harness.results.store.continuing import check_resumable, refuse_unlike, remaining
from harness.results.store.run_folders import RunFolder, new_run_id, read_run
from harness.runner.adaptive import Budget, check_sides
from harness.runner.ahead import Meanwhile, NextBlocks
from harness.runner.block_record import with_block
from harness.runner.faults import arming
from harness.runner.forecast import Forecast
from harness.runner.job import BlockJob
from harness.runner.measuring.logs import keep_logs
from harness.runner.order import at_once, interleaved, next_left
from harness.runner.prepare.beginning import cells_as_now, opened, pythons_of, with_commits
from harness.runner.prepare.disk import check_room
from harness.runner.prepare.environment import fingerprint
from harness.runner.prepare.first_calls import calling_alike
from harness.runner.prepare.outlook import outlook_of
from harness.runner.prepare.own_apps import check_apps
from harness.runner.prepare.preflight import check_descriptors, check_networks, neighbours
from harness.runner.prepare.stored_plan import plan_of, stored_cell
from harness.runner.sessions.session import Measured
from harness.runner.telling.courier import Courier
from harness.runner.telling.events import (
    BlockEnded,
    BlockStarts,
    Listener,
    RunEnded,
    RunPlanned,
    ServersReady,
    Swept,
    TargetTold,
    TwinsParted,
)
from harness.runner.telling.interrupts import Interrupts
from harness.runner.twins import TwinsApartError, parted, run_at_once
from harness.scenario.checks.sizes import check_message_sizes
from harness.scenario.checks.twins import possible_twins
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.bounds import AtMost, at_most
from harness.scenario.vendors.base import Provider
from harness.scenario.vendors.prices import list_prices
from harness.services.provide import Services, provide
from harness.services.sweep import sweep
from harness.workspace import Workspace, open_workspace


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
    meanwhile: Callable[[], None] = lambda: None
    """What is done, once, when no further block is known of, while the last one's processes end."""
    kept: bool = True
    """False: the run's folder goes with its workspace; `results` only tells of last runs."""


def run(plan: Plan, options: RunOptions, listener: Listener) -> tuple[RunRecord, RunFolder]:
    """Measure every block of the plan; all of it is on disk when this returns.

    An interrupt ends it early, with status `partial` and what was measured. Raises
    HarnessError where a server, the disk or the plan's environment does not allow to go on;
    the record then says `failed` and keeps the finished blocks.
    """
    return _run(plan, options, listener, None)


def resume(path: Path, options: RunOptions, listener: Listener) -> tuple[RunRecord, RunFolder]:
    """Measure what a run that was broken off has left to do, into its own folder; as `run`.

    Its plan is the stored one. RecordError if nothing is left, if the run still goes on, or if
    machine or software have changed since (unless `options.force`).
    """
    record = salvaged(path, read_run(path))
    check_resumable(record)
    plan, here = plan_of(record), fingerprint(options.project, options.affinity)
    cells = cells_as_now(record, plan, options.environ)
    now = record.model_copy(update={"environment": here, "cells": cells})
    refuse_unlike(environment_differences(record, now), force=options.force)
    return _run(plan, options, listener, (path, record))


def _run(
    plan: Plan, options: RunOptions, listener: Listener, begun: tuple[Path, RunRecord] | None
) -> tuple[RunRecord, RunFolder]:
    check_descriptors()
    plugged_in()  # what cannot be used is told before anything is measured
    check_networks(plan.cells, options.environ)
    with Interrupts() as interrupts, Courier(listener) as courier:
        if removed := tuple(sweep(options.environ)):
            courier.tell(Swept(removed))
        with open_workspace(options.environ) as workspace:
            pythons = pythons_of(plan, options.project, options.environ, workspace, courier)
            record = planned(plan, options) if begun is None else begun[1]
            record = with_commits(record, pythons, begun=begun is not None, force=options.force)
            told, pythons = check_apps(plan.cells, pythons, workspace, options.environ, record.seed)
            new = (one for one in told if one not in record.warnings)  # a resumed run has some
            record = record.model_copy(update={"warnings": (*record.warnings, *new)})
            results = options.results if options.kept else workspace.folder("results")
            record, folder = opened(record, results, begun and begun[0])
            with closing(folder):
                execution = _Execution(
                    plan, options, courier, record, folder, workspace, interrupts, pythons
                )
                try:
                    execution.execute()
                except KeyboardInterrupt:
                    execution.end("partial")
                except BaseException:
                    execution.end("failed")
                    raise
    # As `harness report` will say it: an interrupt may have left a block in its event logs only.
    return salvaged(folder.path, execution.record), folder


class _Execution:
    """The state of a run while it runs."""

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        courier: Courier,
        record: RunRecord,
        folder: RunFolder,
        workspace: Workspace,
        interrupts: Interrupts,
        pythons: Sequence[Interpreter],
    ) -> None:
        self._plan = plan
        self._budget = Budget(plan)
        self._options = options
        self._courier = courier
        self._ahead = _ahead(plan, record, options)
        self._forecast = Forecast([cell.block_s for cell in self._ahead.cells])
        self.record = record
        self._folder = folder
        self._workspace = workspace
        self._interrupts = interrupts
        self._pythons = pythons
        self._meanwhile = Meanwhile(options.meanwhile)
        self._prices = plan.scenario.prices or list_prices()

    def execute(self) -> None:
        """Say what is ahead, provide the servers, run the blocks, end."""
        ahead = RunPlanned(self.record, self._folder.path, self._ahead.at_most, self._ahead)
        self._courier.tell(ahead)
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
                self._notice_neighbours()
                with NextBlocks(services) as next_blocks:
                    self._run_blocks(services, next_blocks)
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
        """Write the run's final record with its status, and tell that it is over."""
        ended_at = utc_now().isoformat(timespec="milliseconds")
        self._keep(self.record.model_copy(update={"status": status, "ended_at": ended_at}))
        self._courier.tell(RunEnded(self.record, self._folder.path))

    def _run_blocks(self, services: Services, next_blocks: NextBlocks) -> None:
        given_up: set[int] = set()
        done = {block.number for block in self.record.blocks}
        for number in self._order():
            # Again where one of twins could not be measured; what failed once fails again, and is
            # given up, but the others still count.
            while not self._interrupts.requested and (
                numbers := self._at_once(number, done, given_up)
            ):
                self._run_at_once(numbers, services, next_blocks, done, given_up)

    def _at_once(self, number: int, done: Set[int], given_up: Set[int]) -> tuple[int, ...]:
        """Numbers of the blocks to be measured when it is the turn of this one."""
        twins = self.record.design.twins if self.record.design else ()
        return at_once(self.record.order, twins, number, done, given_up)

    def _run_at_once(
        self,
        numbers: Sequence[int],
        services: Services,
        next_blocks: NextBlocks,
        done: set[int],
        given_up: set[int],
    ) -> None:
        check_room(self._folder.path)
        for number in numbers:
            self._courier.tell(self._block_starts(number, given_up))
        began_ns = monotonic_ns()
        starts = next_blocks.take(self._jobs(numbers))
        following = next_left(self.record.order, numbers[-1], done, given_up)
        coming = () if following is None else self._at_once(following, done, given_up)
        over = partial(self._begin, next_blocks, [start.job for start in starts], coming)
        design = self.record.design
        may_part = design is not None and design.asked == "auto"
        try:
            blocks = run_at_once(starts, services, self._interrupts, over, may_part=may_part)
        except TwinsApartError as apart:
            if next_blocks.may_try_again(starts):
                return
            record, twins = parted(self.record, numbers[0], str(apart))
            self._keep(record)
            self._courier.tell(TwinsParted(twins))
            return
        self._meanwhile.wait()
        for block in blocks:
            self.record = with_block(self.record, block)
        self._keep(self.record)  # of twins both, or none: one alone would be half a pair
        drop_logs(self._folder.path, [block.number for block in blocks])
        self._notice_neighbours()
        for block in blocks:
            done.add(block.number)
            self._forecast.note(block.cell, (monotonic_ns() - began_ns) / 1e9 / len(blocks))
            cell = self._plan.cells[block.cell]
            self._courier.tell(BlockEnded(block, cell))
            if block.status == "failed":
                given_up |= {block.cell, *calling_alike(self._plan.cells, cell, block.failing)}

    def _begin(
        self, blocks: NextBlocks, after: Sequence[BlockJob], numbers: Sequence[int], seen: Measured
    ) -> None:
        """Begin blocks, if there are any, while those `after` end."""
        if not numbers:
            self._meanwhile.begin()
        elif not self._interrupts.requested:
            blocks.begin(after, self._jobs(numbers), seen.worker_peak_rss_bytes)

    def _notice_neighbours(self) -> None:
        """Once is enough: whoever measures beside us makes all figures doubtful."""
        known = {warning.code for warning in self.record.warnings}
        found = [one for one in neighbours(str(self._workspace.path)) if one.code not in known]
        if found:
            warnings = (*self.record.warnings, *found)
            self._keep(self.record.model_copy(update={"warnings": warnings}))

    def _block_starts(self, number: int, given_up: Collection[int]) -> BlockStarts:
        order = self.record.order
        left = [index for index in order[number:] if index not in given_up]
        return BlockStarts(
            number=number,
            total=len(order),
            cell=self._plan.cells[order[number]],
            expected_s=self._forecast.block_s(order[number]),
            remaining_s=self._forecast.remaining_s(left),
        )

    def _order(self) -> Iterator[int]:
        """Number of every block; grows while comparisons are inconclusive."""
        started_ns = monotonic_ns()
        before_s = sum(one.measured_s for one in self.record.resumptions[-1:])
        number = 0
        while number < len(self.record.order):
            yield number
            number += 1
            if number == len(self.record.order) and not self._interrupts.requested:
                elapsed_s = before_s + (monotonic_ns() - started_ns) / 1e9
                self._tell_target(elapsed_s)
                more = self._budget.more(self.record, elapsed_s)
                if more:
                    order = (*self.record.order, *more)
                    self._keep(self.record.model_copy(update={"order": order}))
                    bound = _at_most(self._plan, self.record)
                    self._courier.tell(RunPlanned(self.record, self._folder.path, bound))

    def _tell_target(self, elapsed_s: float) -> None:
        """At the first look: what this machine can find in the scenario's time."""
        if self.record.target is None and (target := target_of(self.record, elapsed_s)):
            self._keep(self.record.model_copy(update={"target": target}))
            self._courier.tell(TargetTold(target))

    def _jobs(self, numbers: Sequence[int]) -> list[BlockJob]:
        return [self._job(number, self.record.order[number]) for number in numbers]

    def _job(self, number: int, index: int) -> BlockJob:
        short_id = self.record.run_id.rpartition("-")[2]
        # AWS takes no queue of a name that was deleted within the last minute.
        again = f"r{len(self.record.resumptions)}" if self.record.resumptions else ""
        return BlockJob(
            number=number,
            repetition=self.record.order[:number].count(index),
            cell_index=index,
            cell=self._plan.cells[index],
            shape=unit_shape(self.record.cells[index], self.record.seed),
            label=f"{short_id}-{number:03d}{again}",
            folder=self._folder,
            workspace=self._workspace,
            environ=self._options.environ,
            prices=self._prices,
            interpreter=self._pythons[index],
            seed=self.record.seed,
            provider=self._options.provider,
            affinity=self._options.affinity,
            courier=self._courier,
        )

    def _name_servers(self, services: Services) -> None:
        cells = []
        for cell, stored in zip(self._plan.cells, self.record.cells, strict=True):
            broker, backend = services.of(cell.configuration)
            arming.check(cell, broker, backend)
            if broker.info.provider != "external":  # it may have been set to take more
                check_message_sizes(cell, broker.info.version)
            servers = {"broker": Server(**asdict(broker.info))}
            if backend is not None:
                servers["backend"] = Server(**asdict(backend.info))
            cells.append(stored.model_copy(update={"servers": servers}))
        with_servers = self.record.model_copy(update={"cells": tuple(cells)})
        if self.record.resumptions:
            refuse_unlike(server_differences(self.record, with_servers), force=self._options.force)
        self._keep(with_servers)
        self._courier.tell(ServersReady(self.record))

    def _keep(self, record: RunRecord) -> None:
        self.record = record
        self._folder.write(record)


def _at_most(plan: Plan, record: RunRecord) -> AtMost:
    return at_most(plan.cells, [record.order.count(index) for index in range(len(plan.cells))])


def _ahead(plan: Plan, record: RunRecord, options: RunOptions) -> Outlook:
    """Of a run that goes on, of what is left of it."""
    left = [record.order[number] for number in remaining(record)] if record.resumptions else None
    runs = last_runs(options.results, record.environment)
    return outlook_of(plan, runs, record.environment, provider=options.provider, left=left)


def planned(plan: Plan, options: RunOptions) -> RunRecord:
    """The record of a run that has measured nothing yet."""
    check_sides(plan)
    now = utc_now()
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    compare, twins = plan.scenario.compare, possible_twins(plan)
    return RunRecord(
        run_id=new_run_id(plan.scenario.name, now, secrets.token_hex(3)),
        status="running",
        started_at=now.isoformat(timespec="milliseconds"),
        seed=seed,
        source=plan.source,
        scenario=plan.scenario.model_dump(mode="json"),
        environment=fingerprint(options.project, options.affinity),
        provider=options.provider,
        order=interleaved(Budget(plan).blocks(), seed, twins),
        design=DesignRecord(asked=compare.design, twins=twins) if compare and twins else None,
        cells=tuple(map(stored_cell, plan.cells)),
    )
