"""What every report shows of a cell: its blocks' figures brought together, nothing formatted.

Rates and CPU are the median of the blocks with the range beside it. Latency percentiles are
those of all raw samples together. Means are weighted by the number of samples, which makes
them the mean of all samples: the phases of a cell still add up to its total.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.figures.of_units import PHASES
from harness.results.judge.identity import places_of
from harness.results.record.distributions import Distribution, LossReasons
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.samples.pooled import PooledCell, measured_blocks


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

    @property
    def sound(self) -> bool:
        """Whether there was a unit at all, and each ended as it was meant to, once."""
        trouble = self.failed + self.wrong + self.lost + self.timed_out + self.duplicated
        return self.completed > 0 and trouble == 0


@dataclass(frozen=True)
class Figures:
    """The figures of a cell, or of one block of it."""

    throughput_per_s: Spread | None
    tasks_per_s: Spread | None
    publish_rate_per_s: Spread | None
    sent_per_s: Spread | None
    """Open loop only: units sent in time."""
    worker_cpu_ms_per_task: Spread | None
    latency_s: Distribution | None
    """None where several blocks' samples could not be brought together."""
    mean_s: Mapping[str, float]
    """Phase, call and canvas figure by name -> mean; `total` is the mean latency."""
    counts: Counts
    """Of all blocks, failed ones included."""
    costs: Mapping[str, Spread]
    """Figure of `COSTS` -> over the blocks that have it."""
    calls: Mapping[str, Spread]
    """Figure of `CALLS` -> over the blocks."""
    looks: Mapping[str, Spread]
    """Figure of `LOOKS` -> over the blocks that have it."""


Figure = Callable[[BlockRecord], float | None]
"""One figure of a block; None where it has none."""


def _traffic(*endings: str, billed: bool = False) -> Figure:
    """Per task, of all the servers that have a figure with one of these endings; None for none.
    Without what went by while nothing happened to any task, unless that is billed, too."""

    def figure(block: BlockRecord) -> float | None:
        idle = {} if billed else block.idle_traffic
        found = [
            value - idle.get(name, 0.0)
            for name, value in block.traffic.items()
            if name.endswith(endings)
        ]
        return sum(found) if found else None

    return figure


def _idle(block: BlockRecord) -> float | None:
    """The commands, messages and requests that are taken out."""
    found = [n for name, n in block.idle_traffic.items() if name.endswith(_PIECES)]
    return sum(found) if found else None


_PIECES = (
    *("redis.commands", "rabbitmq.publishes", "rabbitmq.deliveries", "rabbitmq.acks"),
    "sqs.requests",
)


def _each(total: int | None, count: int | None) -> float | None:
    return None if total is None or not count else total / count


COSTS: Mapping[str, Figure] = {
    "worker_cpu": lambda block: block.worker_cpu_ms_per_task,
    "client_cpu": lambda block: block.client_cpu_ms_per_task,
    "broker_cpu": lambda block: block.broker_cpu_ms_per_task,
    "backend_cpu": lambda block: block.backend_cpu_ms_per_task,
    "worker_rss": lambda block: block.worker_peak_rss_bytes,
    "client_rss": lambda block: block.client_peak_rss_bytes,
    "broker_rss": lambda block: block.broker_peak_rss_bytes,
    "backend_rss": lambda block: block.backend_peak_rss_bytes,
    "commands": _traffic("redis.commands"),
    "publishes": _traffic("rabbitmq.publishes"),
    "deliveries": _traffic("rabbitmq.deliveries"),
    "acks": _traffic("rabbitmq.acks"),
    "requests": _traffic("sqs.requests"),
    "billed": _traffic("sqs.billed_requests", billed=True),
    "idle_traffic": _idle,
    "bytes": _traffic(".bytes_in", ".bytes_out"),
    "dollars": lambda block: block.dollars_per_million_tasks,
    "results_stored": lambda block: block.results_stored,
    "bytes_each": lambda block: _each(block.result_bytes, block.results_stored),
    "after_expiry": lambda block: block.results_after_expiry,
    "after_cleanup": lambda block: block.results_after_cleanup,
}
"""What a task costs: CPU in ms, memory in bytes, pieces and bytes of traffic, dollars; and the
results that blocks left behind."""


def _per_call(per_task: Figure) -> Figure:
    """The same for each call of a function, of which a message may carry several."""

    def figure(block: BlockRecord) -> float | None:
        value = per_task(block)
        return None if value is None else value / block.calls_per_task

    return figure


def _calls_per_s(block: BlockRecord) -> float | None:
    return None if block.tasks_per_s is None else block.tasks_per_s * block.calls_per_task


CALLS: Mapping[str, Figure] = {
    "calls_per_s": _calls_per_s,
    "calls_per_task": lambda block: block.calls_per_task,
    **{
        name: _per_call(COSTS[name])
        for name in ("worker_cpu", "client_cpu", "broker_cpu", "commands", "bytes")
    },
}
"""The same by calls, which is what units of one message and of many can be compared by."""


LOOKS: Mapping[str, Figure] = {
    "looks": lambda block: block.looks_per_unit,
    "started_seen": lambda block: (
        None
        if block.started_seen is None or not block.completed
        else block.started_seen / block.completed
    ),
    "unlock_looks": lambda block: block.unlock_looks_per_unit,
}
"""Who had to ask, how often, and how often in vain."""


@dataclass(frozen=True)
class CellView:
    """One cell as reports show it."""

    name: str
    variant: str
    """The configuration at its point of the matrix: `redis[concurrency=4]`."""
    work: str
    """Workload and load: `add/closed-8`."""
    record: CellRecord
    planned: int
    """Blocks the plan has for it."""
    figures: Figures
    by_block: tuple[tuple[int, Figures], ...]
    """Number of a block and its own figures; filled where the cell's latencies are not known."""

    @property
    def blocks(self) -> tuple[BlockRecord, ...]:
        """All finished blocks, failed ones included."""
        return self.record.blocks

    @property
    def backlog(self) -> bool:
        """Whether everything was published before anything was run."""
        return self.record.load.get("load") == "backlog"

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
    """Where it is kept, as the reader of the report would type it."""
    being_written: bool | None
    """Whether its process still lives; None if that is unknown."""
    pooled: Mapping[int, PooledCell]
    cells: tuple[CellView, ...]


def view_of(
    record: RunRecord,
    folder: Path,
    pooled: Mapping[int, PooledCell],
    *,
    being_written: bool | None = None,
) -> RunView:
    """Bring the blocks of every cell together."""
    variants = _variants(record.cells)
    cells = tuple(
        _cell(cell, variants[index], record.order.count(index), pooled.get(index))
        for index, cell in enumerate(record.cells)
    )
    return RunView(record, folder, being_written, pooled, cells)


def _variants(cells: Sequence[CellRecord]) -> list[str]:
    """How reports call the configuration of each cell at its point of the matrix: as its name does,
    but for runs of older versions, whose names could be alike where values were not."""
    places = places_of(cells)
    keys: dict[str, set[str]] = {}
    for place in places:
        keys.setdefault(place.variant, set()).add(place.key)
    return [place.aliases[0] if len(keys[place.variant]) > 1 else place.variant for place in places]


def _cell(cell: CellRecord, variant: str, planned: int, pooled: PooledCell | None) -> CellView:
    measured = measured_blocks(cell)
    latency = Distribution(count=0)
    if pooled is not None:
        latency = pooled.latency_s
    elif len(measured) == 1:
        latency = measured[0].latency_s
    apart = pooled is None and len(measured) > 1
    work = "/".join(cell.name.rsplit("/", 2)[1:])  # only what is before may hold further slashes
    return CellView(
        name=cell.name,
        variant=variant,
        work=work,
        record=cell,
        planned=planned,
        figures=_figures(measured, None if apart else latency, cell.blocks),
        by_block=tuple((b.number, _figures([b], b.latency_s, [b])) for b in measured)
        if apart
        else (),
    )


def _figures(
    measured: Sequence[BlockRecord], latency: Distribution | None, finished: Sequence[BlockRecord]
) -> Figures:
    means = {name: _mean(block.phases_s.get(name) for block in measured) for name in PHASES} | {
        "total": _mean(block.latency_s for block in measured)
    }
    for beside in ("publish_call", "store_call"):
        means[beside] = _mean(block.calls_s.get(beside) for block in measured)
    for beside in ("hop", "member_spread", "join", "fan_out", "join_delay"):
        means[beside] = _mean(block.canvas_s.get(beside) for block in measured)
    for beside in ("learned_late", "started_late"):
        means[beside] = _mean(block.tracking_s.get(beside) for block in measured)
    return Figures(
        throughput_per_s=_spread(measured, lambda block: block.throughput_per_s),
        tasks_per_s=_spread(measured, lambda block: block.tasks_per_s),
        publish_rate_per_s=_spread(measured, lambda block: block.publish_rate_per_s),
        sent_per_s=_spread(measured, lambda block: block.sent_per_s),
        worker_cpu_ms_per_task=_spread(measured, lambda block: block.worker_cpu_ms_per_task),
        latency_s=latency,
        mean_s={name: mean for name, mean in means.items() if mean is not None},
        counts=counts_of(finished),
        costs=_spreads(measured, COSTS),
        calls=_spreads(measured, CALLS),
        looks=_spreads(measured, LOOKS),
    )


def _spreads(blocks: Sequence[BlockRecord], figures: Mapping[str, Figure]) -> dict[str, Spread]:
    return {
        name: spread
        for name, figure in figures.items()
        if (spread := _spread(blocks, figure)) is not None
    }


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
    )
