"""Which layer a difference between two versions comes from: Celery, kombu or a client library.

A scenario may hold sets of packages that lead from one version to another by exchanging one layer
at a time. Their blocks are interleaved like all others, so each exchange is a paired comparison,
and over the same repetitions the exchanges multiply to the whole difference.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.results.judge.comparability import unfit
from harness.results.judge.emulators import NOT_JUDGED
from harness.results.judge.identity import places_of
from harness.results.judge.metrics import COMPARED, Metric
from harness.results.record.comparison import LayerPath, LayerStep, StepVerdict
from harness.results.record.run import BlockRecord, CellRecord
from harness.scenario.plan.identity import work_key
from harness.scenario.plan.pairing import axis_word
from harness.scenario.vendors.registry import BROKERS, VENDORS
from harness.stats.paired import FEWEST_PAIRS, estimate, false_discovery, within

AXIS = "celery"
CLIENT = "client library"
_LAYER_OF = {
    "celery": "Celery",
    "billiard": "Celery",
    "kombu": "kombu",
    "vine": "kombu",
    **dict.fromkeys(
        (name for service in BROKERS for name in VENDORS[service].clients.packages), CLIENT
    ),
}
"""Package -> layer. What is not named here, such as Python itself, must not differ at all."""

Evidence = Callable[[Sequence[tuple[BlockRecord, BlockRecord]], Metric], tuple[list[float], str]]
"""Log ratios of pairs of blocks, and why nothing can be said of them; empty if something can."""


@dataclass(frozen=True)
class _Exchange:
    """Two cells between which one layer differs."""

    layer: str
    changes: tuple[str, ...]
    base: CellRecord
    head: CellRecord


def layer_paths(
    cells: Sequence[CellRecord], *, base: str, margin: float, confidence: float, evidence: Evidence
) -> tuple[LayerPath, ...]:
    """Every way through the cells that exchanges one layer after the other, for each metric.

    Ways begin at the cells of `base`, where that is a value of the axis `celery`, else at the
    axis' first value. Empty where no two cells differ in one layer alone. The intervals of a
    way's steps share its error (Bonferroni); false discoveries are controlled over all steps.
    """
    paths = [
        path
        for group in _groups(cells)
        for way in _ways(_start(group, base), group)
        for path in _measured(way, confidence, evidence)
    ]
    return tuple(_judged(paths, margin, level=1 - confidence))


def _groups(cells: Sequence[CellRecord]) -> list[list[CellRecord]]:
    """Cells that differ in nothing but the axis `celery`."""
    groups: dict[str, list[CellRecord]] = {}
    for cell in cells:
        if AXIS in cell.axes:
            others = {path: value for path, value in cell.axes.items() if path != AXIS}
            work = work_key(cell.workload, cell.load, cell.measure, cell.axes)
            key = json.dumps([cell.config.get("name"), others, work], sort_keys=True, default=str)
            groups.setdefault(key, []).append(cell)
    return list(groups.values())


def _start(group: Sequence[CellRecord], base: str) -> CellRecord:
    places = zip(group, places_of(group), strict=True)
    named = (
        cell
        for cell, place in places
        if base in (f"{AXIS}={place.word(AXIS)}", f"{AXIS}={axis_word(cell.axes[AXIS])}")
    )
    return next(named, group[0])


def _ways(
    start: CellRecord, group: Sequence[CellRecord], done: tuple[_Exchange, ...] = ()
) -> Iterator[tuple[_Exchange, ...]]:
    """The longest ways from `start` on that exchange no layer twice."""
    used = {exchange.layer for exchange in done}
    onward = [
        exchange
        for cell in group
        if (exchange := _exchange(start, cell)) is not None and exchange.layer not in used
    ]
    if not onward and done:
        yield done
    for exchange in onward:
        yield from _ways(exchange.head, group, (*done, exchange))


def _exchange(base: CellRecord, head: CellRecord) -> _Exchange | None:
    """What lies between two cells, if it is one layer alone, by the versions that really ran."""
    if not base.packages or not head.packages:
        return None
    changes: dict[str, list[str]] = {}
    for name in sorted(base.packages.keys() | head.packages.keys()):
        one, other = base.packages.get(name, "none"), head.packages.get(name, "none")
        if one != other and _in_use(name, base):
            changes.setdefault(_LAYER_OF.get(name, name), []).append(f"{name} {one} to {other}")
    if len(changes) != 1:
        return None
    [(layer, words)] = changes.items()
    return _Exchange(layer, tuple(words), base, head) if layer in _LAYER_OF.values() else None


def _in_use(package: str, cell: CellRecord) -> bool:
    services: Sequence[Mapping[str, object]] = [
        cell.config.get("broker") or {},
        cell.config.get("backend") or {},
    ]
    if _LAYER_OF.get(package) != CLIENT:
        return True
    # A client library of other services is installed, and idle.
    talks_to = {name for name, one in VENDORS.items() if package in one.clients.packages}
    return any(one.get("service") in talks_to for one in services)


# --- figures ------------------------------------------------------------------------------------


def _measured(
    way: tuple[_Exchange, ...], confidence: float, evidence: Evidence
) -> Iterator[LayerPath]:
    cells = [way[0].base, *(exchange.head for exchange in way)]
    for metric in COMPARED:
        if not metric.judged or not all(map(metric.applies, cells)):
            continue
        blocks = _common_blocks(cells, metric)
        found = [
            evidence(list(zip(one, other, strict=True)), metric)
            for one, other in (*pairwise(blocks), (blocks[0], blocks[-1]))
        ]
        if any(cell.emulated for cell in cells):
            found = [(ratios, NOT_JUDGED) for ratios, _ in found]
        error_shared = 1 - (1 - confidence) / len(way)
        steps = tuple(
            _step(exchange.layer, exchange.changes, *told, error_shared)
            for exchange, told in zip(way, found, strict=False)
        )
        yield LayerPath(
            base=cells[0].name,
            head=cells[-1].name,
            metric=metric.name,
            steps=steps,
            whole=_step("", (), *found[-1], confidence),
        )


def _common_blocks(cells: Sequence[CellRecord], metric: Metric) -> list[list[BlockRecord]]:
    """Of each cell the blocks of those repetitions in which every cell has a figure."""
    by_repetition = [
        {
            block.repetition: block
            for block in cell.blocks
            if not unfit(block) and 0 < (metric.figure(block) or 0) < math.inf
        }
        for cell in cells
    ]
    common = sorted(set.intersection(*(set(blocks) for blocks in by_repetition)))
    return [[blocks[number] for number in common] for blocks in by_repetition]


def _step(
    layer: str, changes: tuple[str, ...], ratios: list[float], reason: str, confidence: float
) -> LayerStep:
    found = estimate(ratios, confidence=confidence, margin=0.0)
    if not reason and found.pairs < FEWEST_PAIRS:
        reason = f"{found.pairs} pairs only"
    return LayerStep(
        layer=layer,
        changes=changes,
        pairs=found.pairs,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        confidence=confidence,
        p_value=found.p_value,
        smallest_effect=found.smallest_effect,
        reason=reason,
    )


# --- what can be said -----------------------------------------------------------------------------


def _judged(paths: Sequence[LayerPath], margin: float, level: float) -> Iterator[LayerPath]:
    """Fill in q and the verdicts."""
    family = [step for path in paths for step in (*path.steps, path.whole)]
    known = [step for step in family if step.p_value is not None and not step.reason]
    values = false_discovery([step.p_value for step in known if step.p_value is not None])
    adjusted = dict(zip(map(id, known), values, strict=True))

    def told(step: LayerStep, least: float) -> LayerStep:
        q_value = adjusted.get(id(step))
        chance = q_value is None or q_value > level + 1e-12
        told_of = two_sided(step.low, step.high, margin, least, chance=chance)
        verdict = "inconclusive" if step.reason else told_of
        return step.model_copy(update={"q_value": q_value, "verdict": verdict})

    for path in paths:
        # Rates that are alike may still move a cost per task, by less than the margin.
        least = margin if path.metric in _COSTS else 0.0
        steps = tuple(told(step, least) for step in path.steps)
        yield path.model_copy(update={"steps": steps, "whole": told(path.whole, least)})


_COSTS = frozenset(metric.name for metric in COMPARED if metric.per_task)


def two_sided(
    low: float | None, high: float | None, margin: float, least: float, *, chance: bool
) -> StepVerdict:
    """On which side of 1 the interval of a ratio lies. `least`: the smallest change that is one;
    `chance`: the change may be chance, among so many."""
    if low is None or high is None:
        return "inconclusive"
    if not chance and high < 1 - least:
        return "slower"
    if not chance and low > 1 / (1 - least):
        return "faster"
    return "no_change" if within(low, high, margin) else "inconclusive"
