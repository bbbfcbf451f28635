"""What every report shows of a cell: its blocks' figures brought together, nothing formatted.

Rates and CPU are the median of the blocks with the range beside it. Latency percentiles are
those of all raw samples together. Means are weighted by the number of samples, which makes
them the mean of all samples: the phases of a cell still add up to its total.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from harness.errors import UsageError
from harness.figures.figure import Figure
from harness.figures.table import FIGURES
from harness.report.view.names import Names, ShownName, shown_names
from harness.results.judge.effects import axis_effects
from harness.results.judge.emulators import labelled
from harness.results.judge.identity import places_of
from harness.results.judge.metrics import metric_named
from harness.results.record.comparison import AxisEffect, ComparisonReport, GateResult
from harness.results.record.distributions import Distribution, LossReasons
from harness.results.record.figures import distribution_of, value_of
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.record.typed_work import stored_load
from harness.results.samples.pooled import PooledCell, TimesOfQueue, measured_blocks
from harness.scenario.files.wording import did_you_mean, listed, shown


@dataclass(frozen=True)
class Spread:
    """One figure over blocks. Compared with a number, its median is: `throughput_per_s > 10`."""

    median: float
    lowest: float
    highest: float
    blocks: int

    def __float__(self) -> float:
        return self.median

    def __lt__(self, other: float | Spread) -> bool:
        return self.median < float(other)

    def __le__(self, other: float | Spread) -> bool:
        return self.median <= float(other)

    def __gt__(self, other: float | Spread) -> bool:
        return self.median > float(other)

    def __ge__(self, other: float | Spread) -> bool:
        return self.median >= float(other)


@dataclass(frozen=True)
class Counts:
    """The ledger of one or several blocks."""

    blocks: int
    completed: int
    """Ended as they were meant to; those meant to fail among them."""
    failed_as_meant: int
    failed: int
    """Failed though they were not meant to."""
    wrong: int
    lost: int
    timed_out: int
    duplicated: int
    client_limited: int
    """Blocks whose client could not keep up with the load's plan."""
    loss: Mapping[str, int]
    """Stage -> how many of the lost ones got that far; only stages that occur."""
    failures: Mapping[str, int]
    """Type of an exception -> how many of the failed ones' results held it."""
    beside: Mapping[str, int]
    """What else became of them, in a word -> how many; only what occurs. Each unit has its outcome
    all the same."""

    @property
    def sound(self) -> bool:
        """Whether there was a unit at all, and each ended as it was meant to, once."""
        trouble = self.failed + self.wrong + self.lost + self.timed_out + self.duplicated
        return self.completed > 0 and trouble == 0


@dataclass(frozen=True)
class Figures:
    """The figures of a cell, or of one block of it, by their names in the table of figures.

    `figures["worker_cpu"]`, `figures["canvas.hop.p99"]` or `figures["lost"] == 0`.
    """

    spreads: Mapping[str, Spread]
    """Plain figures that its blocks have; those that are added up are in `sums`."""
    sums: Mapping[str, float]
    """Figures that are added up over all blocks, failed ones included."""
    latency_s: Distribution | None
    """None where several blocks' samples could not be brought together."""
    mean_s: Mapping[str, float]
    """Figure of times -> mean of all samples."""
    counts: Counts
    """How the units of all blocks ended, failed blocks included."""
    blocks: tuple[BlockRecord, ...] = ()
    """Blocks that were measured."""

    def __getitem__(self, name: str) -> Spread | float | None:
        """What a gate or a history asks for by this name; of a statistic of times the blocks' own.
        None where no block has it. UsageError for a name that is none, and for a part, queue or
        group that none of the blocks has, which have others."""
        metric = metric_named(name)
        self._check_one(name, metric.asked.figure)
        if metric.asked.statistic or metric.name not in _BY_NAME:
            return _spread(self.blocks, metric.figure)
        return self.sums.get(metric.name, self.spreads.get(metric.name))

    def _check_one(self, name: str, figure: Figure) -> None:
        """UsageError where blocks are divided, and nothing in them is called so."""
        if not figure.within:
            return
        there = list(dict.fromkeys(one for block in self.blocks for one in _ones(block, figure)))
        if there and figure.one not in there:
            guess = did_you_mean(figure.one, there) or f"; there are {listed(there)}"
            which = f"no {figure.within} is called {shown(figure.one)}{guess}"
            raise UsageError(f"{name}: {which}")

    @property
    def throughput_per_s(self) -> Spread | None:
        """Units per second that ended as they were meant to; None where no block has it."""
        return self.spreads.get("throughput")

    @property
    def worker_cpu_ms_per_task(self) -> Spread | None:
        """CPU time of all workers per task."""
        return self.spreads.get("worker_cpu")


def _ones(block: BlockRecord, figure: Figure) -> list[str]:
    """Names of the parts, queues or groups of a block, whichever a figure is of."""
    if figure.within == "queue":
        return [one.name for one in block.by_queue]
    if figure.within == "group":
        return [one.name for one in block.by_group]
    return [one.task for one in block.by_task]


@dataclass(frozen=True)
class CellView:
    """One cell as reports show it."""

    name: str
    variant: str
    """The configuration at its point of the matrix: `redis[concurrency=4]`."""
    work: str
    """Workload and load: `add/closed-8`."""
    shown: ShownName
    """What it is called beside the others of its run."""
    record: CellRecord
    planned: int
    """Blocks the plan has for it."""
    figures: Figures
    by_block: tuple[tuple[int, Figures], ...]
    """Number of a block and its own figures; filled where the cell's latencies are not known."""
    parts_s: Mapping[str, Distribution]
    """Part of a mix -> total latency of its units, of all blocks together; empty where there is no
    mix, or the samples of several blocks cannot be read."""
    queues_s: Mapping[str, TimesOfQueue]
    """The same of queues, where there are several."""

    @property
    def label(self) -> str:
        """What it is called, fit for one line; on an emulator with the word."""
        return labelled(self.shown.name, emulated=self.record.emulated)

    @property
    def blocks(self) -> tuple[BlockRecord, ...]:
        """All finished blocks, failed ones included."""
        return self.record.blocks

    @property
    def backlog(self) -> bool:
        """Whether everything was published before anything was run."""
        return stored_load(self.record.load).held

    @property
    def unwatched(self) -> bool:
        """Whether latency ends when the task finished, because nobody looked for results."""
        if self.blocks:
            return self.blocks[0].latency_basis == "finished"
        scheduled = self.record.load.get("load") == "schedule"
        return self.backlog or scheduled or self.record.load.get("results") == "afterwards"

    @property
    def flagged(self) -> bool:
        """Whether a block failed, a unit did not end as it was meant to, or the client was too
        slow for the load."""
        failed = any(block.status == "failed" for block in self.blocks)
        unsound = bool(self.blocks) and not self.figures.counts.sound
        return failed or unsound or self.figures.counts.client_limited > 0


@dataclass(frozen=True)
class RunView:
    """One run as reports show it."""

    record: RunRecord
    folder: Path
    """The run's folder, as the reader of the report would type it."""
    being_written: bool | None
    """Whether its process still lives; None if that is unknown."""
    pooled: Mapping[int, PooledCell]
    cells: tuple[CellView, ...]
    names: Names
    """What the cells are called, and what all of them share."""

    @cached_property
    def comparison(self) -> ComparisonReport | None:
        """The run's own comparison, its cells as they are called here."""
        found = self.record.comparison
        return None if found is None else self.names.in_comparison(found)

    @cached_property
    def gates(self) -> tuple[GateResult, ...]:
        """What became of its gates, cells as they are called here."""
        return self.names.in_gates(self.record.gates)

    @cached_property
    def effects(self) -> tuple[AxisEffect, ...]:
        """What each axis of its matrix does, pooled over all else; see `judge.effects`."""
        return axis_effects(self.record)


def view_of(
    record: RunRecord,
    folder: Path,
    pooled: Mapping[int, PooledCell],
    *,
    being_written: bool | None = None,
) -> RunView:
    """Bring the blocks of every cell together."""
    full = [
        "/".join([variant, *cell.name.rsplit("/", 2)[1:]])
        for cell, variant in zip(record.cells, _variants(record.cells), strict=True)
    ]
    shown = shown_names(full)
    cells = tuple(
        _cell(cell, full[index], shown, record.order.count(index), pooled.get(index))
        for index, cell in enumerate(record.cells)
    )
    called = {cell.name: cell.shown for cell in cells}
    return RunView(record, folder, being_written, pooled, cells, replace(shown, by_name=called))


def _variants(cells: Sequence[CellRecord]) -> list[str]:
    """How reports call the configuration of each cell at its point of the matrix: as its name does,
    but for runs of older versions, whose names could be alike where values were not."""
    places = places_of(cells)
    keys: dict[str, set[str]] = {}
    for place in places:
        keys.setdefault(place.variant, set()).add(place.key)
    return [place.aliases[0] if len(keys[place.variant]) > 1 else place.variant for place in places]


def _cell(
    cell: CellRecord, name: str, names: Names, planned: int, pooled: PooledCell | None
) -> CellView:
    measured = measured_blocks(cell)
    latency = Distribution(count=0)
    if pooled is not None:
        latency = pooled.latency_s
    elif len(measured) == 1:
        latency = measured[0].latency_s
    apart = pooled is None and len(measured) > 1
    variant, *work = name.rsplit("/", 2)  # only what is before may hold further slashes
    return CellView(
        name=cell.name,
        variant=variant,
        work="/".join(work),
        shown=names.by_name[name],
        record=cell,
        planned=planned,
        figures=_figures(measured, None if apart else latency, cell.blocks),
        by_block=tuple((b.number, _figures([b], b.latency_s, [b])) for b in measured)
        if apart
        else (),
        parts_s=_parts_s(measured, pooled),
        queues_s=_queues_s(measured, pooled),
    )


def _parts_s(
    measured: Sequence[BlockRecord], pooled: PooledCell | None
) -> Mapping[str, Distribution]:
    if pooled is not None:
        return pooled.parts_s
    return {one.task: one.latency_s for one in measured[0].by_task} if len(measured) == 1 else {}


def _queues_s(
    measured: Sequence[BlockRecord], pooled: PooledCell | None
) -> Mapping[str, TimesOfQueue]:
    if pooled is not None:
        return pooled.queues_s
    known = measured[0].by_queue if len(measured) == 1 else ()
    return {one.name: TimesOfQueue(one.latency_s, one.queue_s, one.dispatch_s) for one in known}


def _figures(
    measured: Sequence[BlockRecord], latency: Distribution | None, finished: Sequence[BlockRecord]
) -> Figures:
    means = {
        row.name: _mean(distribution_of(block, row) for block in measured)
        for row in _BY_NAME.values()
        if row.distribution
    }
    plain = [row for row in _BY_NAME.values() if not row.distribution]
    spreads = {
        row.name: _spread(measured, partial(value_of, figure=row))
        for row in plain
        if not row.summed
    }
    return Figures(
        spreads={name: spread for name, spread in spreads.items() if spread is not None},
        sums={
            row.name: sum(value_of(block, row) or 0 for block in finished)
            for row in plain
            if row.summed
        },
        latency_s=latency,
        mean_s={name: mean for name, mean in means.items() if mean is not None},
        counts=counts_of(finished),
        blocks=tuple(measured),
    )


_BY_NAME = {row.name: row for row in FIGURES if not row.many}


def _spread(
    blocks: Iterable[BlockRecord], figure: Callable[[BlockRecord], float | None]
) -> Spread | None:
    values = [value for block in blocks if (value := figure(block)) is not None]
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def _mean(distributions: Iterable[Distribution | None]) -> float | None:
    known = [(d.mean, d.count) for d in distributions if d is not None and d.mean is not None]
    count = sum(weight for _, weight in known)
    return sum(mean * weight for mean, weight in known) / count if count else None


def counts_of(blocks: Sequence[BlockRecord]) -> Counts:
    """The ledger of several blocks, added up."""
    as_meant = sum(block.failed_as_meant for block in blocks)
    stages = {
        stage: sum(getattr(block.loss, stage) for block in blocks)
        for stage in LossReasons.model_fields
    }
    return Counts(
        blocks=len(blocks),
        completed=sum(block.completed for block in blocks),
        failed_as_meant=as_meant,
        failed=sum(block.outcomes.failed for block in blocks) - as_meant,
        wrong=sum(block.outcomes.wrong for block in blocks),
        lost=sum(block.outcomes.lost for block in blocks),
        timed_out=sum(block.outcomes.timed_out for block in blocks),
        duplicated=sum(block.duplicated for block in blocks),
        client_limited=sum(block.client_limited for block in blocks),
        loss={stage: count for stage, count in stages.items() if count},
        failures=sum((Counter(block.failures) for block in blocks), Counter()),
        beside={word: count for name, word in _BESIDE if (count := _added_up(blocks, name))},
    )


STOP_WORDS = (
    ("expired", "expired"),
    ("revoked", "revoked"),
    ("time_limited", "time-limited"),
    ("process_lost", "lost their process"),
)
"""Field of a block, or of a part, that says what Celery did to units -> its word."""
_BESIDE = (("retried", "retried"), *STOP_WORDS)


def _added_up(blocks: Sequence[BlockRecord], name: str) -> int:
    return sum(int(getattr(block, name)) for block in blocks)
