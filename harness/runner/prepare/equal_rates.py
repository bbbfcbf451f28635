"""Costs at equal rates: `harness ab` measures what a task costs where both sides do the same work.

A closed load and a backlog go as fast as each side can. So a side that only sleeps longer does
less per second, idles more, and spends more CPU on each task; and its latency is the inverse of
its speed. At one rate that both sides hold, a cost is a cost. The rate comes from a trial:
a block of each side at its own load, of which the slower one counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.results.judge.comparability import rate_not_held, unfit
from harness.results.record.run import CellRecord, RunRecord
from harness.scenario.checks.combinations import cell_conflicts, result_conflicts
from harness.scenario.loads.backlog import BacklogLoad
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.loads.rate import RateLoad
from harness.scenario.models.scenario import Cell, EqualRate, Plan
from harness.scenario.plan.cell_names import load_label

SHARES = (0.5, 0.3)
"""Of the slower side's capacity, the first that it holds: half leaves room for noise and is work
enough for the workers to be seen at work."""
SHORTEST_S, LONGEST_S = 1.0, 5.0
ENOUGH_UNITS = 50
"""Of a block, where the time of its own load would hold fewer: it goes on, but not for long."""
_DIGITS = 3

Try = Callable[[Plan], RunRecord]
"""Measures a plan for a trial: a run whose folder nobody keeps."""


class TrialBrokenOffError(Exception):
    """The trial did not come to its end; `record` is what was measured."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__(record.status)
        self.record = record


@dataclass(frozen=True)
class _Pair:
    """Base and head of one cell at its own load, and how fast they were in the trial."""

    base: Cell
    head: Cell
    base_per_s: float = 0.0
    head_per_s: float = 0.0
    window_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Units per second of the slower side."""
        return min(self.base_per_s, self.head_per_s)

    @property
    def slower(self) -> Cell:
        return self.base if self.base_per_s <= self.head_per_s else self.head

    def at(self, cell: Cell, share: float) -> Cell:
        """One of the two at a share of what the slower one can do."""
        rate = float(f"{share * self.per_s:.{_DIGITS}g}")
        load = RateLoad(load="rate", rate=rate, clients=cell.load.clients)
        enough_s = min(LONGEST_S, ENOUGH_UNITS / rate)
        lasts_s = max(SHORTEST_S, enough_s, self.base.measure.duration or self.window_s)
        measure = cell.measure.model_copy(update={"units": None, "duration": round(lasts_s, 1)})
        label, workload, _ = cell.name.rsplit("/", 2)
        name = f"{label}/{workload}/{load_label(load)}"
        return cell.model_copy(update={"name": name, "load": load, "measure": measure})

    def told(self, cell: Cell, share: float | None) -> EqualRate:
        """What is recorded of it, for base or head."""
        at_rate = None if share is None else self.at(cell, share)
        rate = at_rate.load.rate if at_rate and isinstance(at_rate.load, RateLoad) else None
        return EqualRate(
            own=cell.name,
            at_rate=at_rate.name if at_rate else "",
            base_per_s=self.base_per_s,
            head_per_s=self.head_per_s,
            share=share,
            rate_per_s=rate,
        )


def with_equal_rates(plan: Plan, try_out: Try) -> Plan:
    """The plan of `harness ab` (base and head of each cell beside each other) with every pair of
    cells that go as fast as they can a second time, at one rate. `try_out` is called up to three
    times. A pair of which no rate is held stays as it is, and its cells say so.

    Raises TrialBrokenOffError where a trial was interrupted or could not be measured.
    """
    pairs = list(_chosen(plan.cells))
    if not pairs:
        return plan
    own = [cell for pair in pairs for cell in (pair.base, pair.head)]
    found = _tried(plan, own, try_out)
    pairs = [pair for one in pairs if (pair := _with_capacity(one, found)) is not None]
    shares = _held(plan, [pair for pair in pairs if _works_at_a_rate(pair)], try_out)
    return plan.model_copy(update={"cells": tuple(_extended(plan.cells, pairs, shares))})


def _chosen(cells: Sequence[Cell]) -> Iterator[_Pair]:
    """Of each workload the first pair of cells at a load without a rate; none where the scenario
    has an open loop for it."""
    rated = {_work(cell) for cell in cells if not isinstance(cell.load, ClosedLoad | BacklogLoad)}
    seen: set[str] = set()
    for base, head in zip(cells[::2], cells[1::2], strict=True):
        work = _work(base)
        if work not in rated | seen:
            seen.add(work)
            yield _Pair(base, head)


def _work(cell: Cell) -> str:
    """Variant and workload, without the load."""
    return cell.name.rsplit("/", 1)[0]


def _tried(plan: Plan, cells: Iterable[Cell], try_out: Try) -> Mapping[str, CellRecord]:
    """By name, the record of each cell after one block."""
    once = [
        cell.model_copy(update={"measure": cell.measure.model_copy(update={"blocks": 1})})
        for cell in cells
    ]
    changed = {"compare": None, "gates": (), "baseline": None, "faults": ()}
    scenario = plan.scenario.model_copy(update=changed)
    record = try_out(Plan(scenario=scenario, source=plan.source, cells=tuple(once)))
    if record.status != "complete":
        raise TrialBrokenOffError(record)
    return {cell.name: cell for cell in record.cells}


def _with_capacity(pair: _Pair, found: Mapping[str, CellRecord]) -> _Pair | None:
    """None where a side had no sound block: then the run will tell what is wrong."""
    blocks = [found[cell.name].blocks[0] for cell in (pair.base, pair.head)]
    rates = [None if unfit(block) else block.throughput_per_s for block in blocks]
    if rates[0] is None or rates[1] is None:
        return None
    window_s = statistics.fmean(block.window_s or 0.0 for block in blocks)
    return _Pair(pair.base, pair.head, rates[0], rates[1], window_s)


def _works_at_a_rate(pair: _Pair) -> bool:
    """Whether the workload can be measured so at all: some need callers that wait."""
    for cell in (pair.at(pair.base, SHARES[0]), pair.at(pair.head, SHARES[0])):
        of_cell = (cell.configuration, cell.workload, cell.load, cell.measure)
        if [*cell_conflicts(*of_cell), *result_conflicts(*of_cell)]:
            return False
    return True


def _held(plan: Plan, pairs: Sequence[_Pair], try_out: Try) -> Mapping[str, float]:
    """By name of the base: the first share that its slower side holds."""
    held: dict[str, float] = {}
    for share in SHARES:
        open_ones = [pair for pair in pairs if pair.base.name not in held]
        if not open_ones:
            break
        tried = {pair.base.name: pair.at(pair.slower, share) for pair in open_ones}
        found = _tried(plan, tried.values(), try_out)
        for name, cell in tried.items():
            block = found[cell.name].blocks[0]
            lasts_s = cell.measure.duration or 0.0
            if not unfit(block) and not rate_not_held(block, lasts_s):
                held[name] = share
    return held


def _extended(
    cells: Sequence[Cell], pairs: Sequence[_Pair], shares: Mapping[str, float]
) -> Iterator[Cell]:
    """Each pair's cells at a rate right behind those at their own load."""
    tried = {pair.base.name: pair for pair in pairs}
    for base, head in zip(cells[::2], cells[1::2], strict=True):
        pair = tried.get(base.name)
        if pair is None:
            yield from (base, head)
            continue
        share = shares.get(base.name)
        for cell in (base, head):
            yield cell.model_copy(update={"equal_rate": pair.told(cell, share)})
        if share is not None:
            for cell in (base, head):
                told = {"equal_rate": pair.told(cell, share)}
                yield pair.at(cell, share).model_copy(update=told)
