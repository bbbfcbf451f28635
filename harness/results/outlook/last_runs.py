"""What the last runs of this machine say of times, costs and noise.

Only runs of a machine like this one count: the same processor, as many cores. The newest one that
knows something says it; what none knows is None, and somebody else's assumption.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from harness.errors import RecordError
from harness.results.costs.capacity import cpu_s
from harness.results.events.ran_with import stored_groups
from harness.results.outlook.keys import CellKeys, keys_of
from harness.results.outlook.noise import Spread, pooled, spreads_in
from harness.results.record.environment import Environment
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.record.typed_work import stored_workload
from harness.results.store.run_folders import RUN_FILE, read_run
from harness.scenario.models.configuration import Worker, groups_of

MOST_RUNS = 20
"""So many of the newest runs are asked."""
_MOST_LOOKED_AT = 100


@dataclass(frozen=True)
class Known:
    """A number, and where it is from."""

    value: float
    runs: tuple[str, ...] = ()
    """Ids of the stored runs that say so."""
    planned: bool = False
    """The scenario says so itself. Neither: it is assumed."""
    at_per_s: float | None = None
    """At how many tasks per second it was measured, where that is not the rate it is used for."""
    of_other_work: bool = False
    """It is of tasks or rates that are others than those it is used for."""
    of_other_design: bool = False
    """It is of blocks one after the other, used for twins, or the other way round."""


@dataclass(frozen=True)
class MeasuredCell:
    """What one run says of one cell, in the mean of its complete blocks. Unknown: None."""

    run: str
    keys: CellKeys
    extent: tuple[object, ...]
    services: tuple[str, str]
    """Of broker and result backend."""
    pool: str
    clients: int
    faulted: bool
    """Something was broken on purpose: its blocks took longer to come to rest."""
    wall_s: float | None
    """From the start of a block to that of the next one."""
    window_s: float | None
    per_s: float | None
    """Units per second."""
    tasks_per_s: float | None
    cpu_s: float | None
    """Of one task: workers, clients, and the servers that the harness ran."""
    run_s: float | None
    """For which one task held its slot."""
    worker_bytes: float | None
    """Peak of one worker process."""
    client_bytes: float | None
    """Peak of all clients."""
    server_bytes: Mapping[str, float]
    """Service -> peak of its processes."""
    twin: bool = False
    """Its blocks were twins of another cell's."""

    @property
    def overhead_s(self) -> float | None:
        """Seconds of a block in which nothing is measured; None where the block waited for results
        to expire, too."""
        waited = self.extent[-1] == "expire"
        if self.wall_s is None or self.window_s is None or waited:
            return None
        return self.wall_s - self.window_s


class LastRuns:
    """The newest stored runs of one machine, read once."""

    def __init__(self, records: Iterable[RunRecord]) -> None:
        """`records`: the newest first."""
        self._records = [one for one in records if one.blocks]
        self._cells = [found for one in self._records for found in _cells(one)]

    def of_cell(
        self,
        keys: CellKeys,
        figure: Callable[[MeasuredCell], float | None],
        *,
        asked_per_s: float | None = None,
        loosest: int = 3,
    ) -> Known | None:
        """A figure of the same cell; else of its configuration and workload under another load;
        else of its workload in another configuration (`loosest` ends that earlier). Of several
        cells of the newest run, the one measured nearest to `asked_per_s` tasks per second."""
        for level in range(loosest):
            key = keys.every[level]
            fitting = [
                (one, value)
                for one in self._cells
                if one.keys.every[level] == key and (value := figure(one)) is not None
            ]
            fitting = [pair for pair in fitting if pair[0].run == fitting[0][0].run]
            if fitting:
                one, value = min(fitting, key=lambda pair: _distance(pair[0], asked_per_s))
                return Known(value, (one.run,), at_per_s=one.tasks_per_s if level else None)
        return None

    def usual(
        self,
        figure: Callable[[MeasuredCell], float | None],
        chosen: Callable[[MeasuredCell], bool] = lambda _: True,
    ) -> Known | None:
        """The median over chosen cells of the newest three runs that have the figure."""
        found: dict[str, list[float]] = {}
        for one in self._cells:
            value = figure(one) if chosen(one) else None
            if value is not None and (one.run in found or len(found) < 3):
                found.setdefault(one.run, []).append(value)
        if not found:
            return None
        every = [value for values in found.values() for value in values]
        return Known(statistics.median(every), tuple(found))

    def servers_start_s(self, services: frozenset[str]) -> Known | None:
        """From the plan to the first block, of the newest run with these services."""
        for record in self._records:
            theirs = {one for cell in record.cells for one in _services(cell)}
            if theirs == services and not record.resumptions and record.blocks[0].started_at:
                return Known(
                    _between_s(record.started_at, record.blocks[0].started_at), (record.run_id,)
                )
        return None

    def spread(self, metric: str, work: str, load: str, *, twins: bool = False) -> Known | None:
        """The standard deviation of a metric's log ratios of neighbouring blocks of such a work
        (`CellKeys.work`), or of twins, pooled over the newest three runs that have it; else of
        other works under this kind of load; else of the other design."""
        found = self._spread(metric, work, load, twins=twins)
        other = None if found else self._spread(metric, work, load, twins=not twins)
        return found or (replace(other, of_other_design=True) if other else None)

    def _spread(self, metric: str, work: str, load: str, *, twins: bool) -> Known | None:
        metrics = [one for one in self._spreads if one.metric == metric and one.twins == twins]
        same = [one for one in metrics if one.work == work]
        chosen = same or [one for one in metrics if one.load == load]
        newest = list(dict.fromkeys(one.run for one in chosen))[:3]
        every = [one for one in chosen if one.run in newest]
        if not every:
            return None
        return Known(pooled(every), tuple(newest), of_other_work=not same)

    @cached_property
    def _spreads(self) -> tuple[Spread, ...]:
        return tuple(one for record in self._records for one in spreads_in(record))


def last_runs(store: Path, here: Environment) -> LastRuns:
    """The newest runs in a folder that were measured on such a machine, kept to the same cores.
    What cannot be read is passed over: it says nothing."""
    return LastRuns(_of_this_machine(store, here))


def _of_this_machine(store: Path, here: Environment) -> Iterator[RunRecord]:
    dated = (
        file.parent
        for file in store.glob(f"*/{RUN_FILE}")
        if re.match(r"\d{8}T\d{6}Z-", file.parent.name)
    )
    found = 0
    for folder in sorted(dated, reverse=True)[:_MOST_LOOKED_AT]:
        try:
            record = read_run(folder)
        except RecordError:
            continue
        if _machine(record.environment) == _machine(here) and found < MOST_RUNS:
            found += 1
            yield record


def _machine(environment: Environment) -> tuple[object, ...]:
    return (environment.cpu, environment.cores, environment.affinity)


# --- one run ------------------------------------------------------------------------------------


def walls_s(record: RunRecord) -> dict[int, float]:
    """Number of a block -> seconds from its start to that of the next one, or to the run's end: all
    that it takes, whatever of it is measured. Of twins, each half of what both take."""
    pauses = [one.at for one in record.resumptions]
    begun: dict[str, list[int]] = {}
    for one in record.blocks:
        if one.started_at:
            begun.setdefault(one.started_at, []).append(one.number)  # twins begin at once
    starts = sorted(begun)
    ends = [*starts[1:], record.ended_at] if starts else []
    found: dict[int, float] = {}
    for start, end in zip(starts, ends, strict=True):
        if end is None or any(start < pause <= end for pause in pauses):
            continue
        if (wall_s := _between_s(start, end) / len(begun[start])) > 0:
            found |= dict.fromkeys(begun[start], wall_s)
    return found


def _cells(record: RunRecord) -> Iterator[MeasuredCell]:
    walls = walls_s(record)
    for cell in record.cells:
        blocks = [one for one in cell.blocks if one.status == "complete"]
        with suppress(ValidationError):  # written by a version that knew other fields
            if blocks:
                yield _measured(record.run_id, cell, blocks, walls)


def _measured(
    run: str, cell: CellRecord, blocks: Sequence[BlockRecord], walls: Mapping[int, float]
) -> MeasuredCell:
    steps = stored_workload(cell.workload).steps
    timed = [one for one in blocks if one.number in walls and one.window_s is not None]
    run_s = [found.mean for one in blocks if (found := one.phases_s.get("run"))]
    each = [
        cpu_s(
            one.worker_cpu_ms_per_task,
            one.client_cpu_ms_per_task,
            one.broker_cpu_ms_per_task,
            one.backend_cpu_ms_per_task,
        )
        for one in blocks
    ]
    broker, backend = _services(cell)
    servers = {
        backend: _mean(one.backend_peak_rss_bytes for one in blocks),
        broker: _mean(one.broker_peak_rss_bytes for one in blocks),  # of both, where they are one
    }
    processes = worker_processes(cell.config)
    workers = _mean(one.worker_peak_rss_bytes for one in blocks)
    held = _mean(run_s)
    return MeasuredCell(
        run=run,
        keys=keys_of(cell),
        extent=extent_of(cell),
        services=(broker, backend),
        pool=pools_of(groups_of(cell.config)),
        clients=int(cell.load.get("clients") or 1),
        faulted=any(one.faults for one in blocks),
        wall_s=_mean(walls[one.number] for one in timed),
        window_s=_mean(one.window_s for one in timed),
        per_s=_mean(one.throughput_per_s for one in blocks),
        tasks_per_s=_mean(one.tasks_per_s for one in blocks),
        cpu_s=_mean(each),
        run_s=None if held is None else held / len(steps),
        worker_bytes=None if workers is None else workers / processes,
        client_bytes=_mean(one.client_peak_rss_bytes for one in blocks),
        server_bytes={name: size for name, size in servers.items() if size is not None},
        twin=any(one.slices for one in blocks),
    )


def extent_of(cell: CellRecord) -> tuple[object, ...]:
    """How much of a cell is measured in a block."""
    return tuple(cell.measure.get(name) for name in ("units", "duration", "warmup", "results_left"))


def worker_processes(config: Mapping[str, object]) -> int:
    """Processes of all workers of a configuration, as a record has it: main processes, and the
    children of a prefork pool."""
    groups = stored_groups((), config).values()
    children = {one.group: one.concurrency if one.pool == "prefork" else 0 for one in groups}
    return sum(one.count * (1 + children[one.group]) for one in groups)


def pools_of(groups: Mapping[str, Worker]) -> str:
    """The kinds of pools of all groups: `prefork`, `prefork+threads`."""
    return "+".join(sorted({group.pool for group in groups.values()}))


def _services(cell: CellRecord) -> tuple[str, str]:
    ends = (cell.config.get(role) for role in ("broker", "backend"))
    broker, backend = (
        str(end.get("service", "")) if isinstance(end, Mapping) else "" for end in ends
    )
    return broker, backend


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _distance(one: MeasuredCell, asked_per_s: float | None) -> float:
    if asked_per_s is None:
        return 0.0
    if not one.tasks_per_s:
        return math.inf
    return abs(math.log(one.tasks_per_s / asked_per_s))


def _between_s(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
