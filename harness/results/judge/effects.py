"""What each axis of a matrix does: the effect of its values, pooled over all else that is varied.

An effect is that of pairs of blocks whose cells differ in this axis alone and ran as neighbours.
Each two cells are a stratum (see `stats.strata`): what the other axes do is no noise. Where it
differs between values of another axis by more than noise, that is said beside it, as the mean hides
it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.errors import RecordError
from harness.results.judge.comparability import MARGIN, told_elsewhere, unlike_rates
from harness.results.judge.compare import comparison_plan
from harness.results.judge.emulators import NOT_JUDGED
from harness.results.judge.identity import places_of
from harness.results.judge.layers import two_sided
from harness.results.judge.metrics import COMPARED, Metric
from harness.results.judge.pairs import (
    Pair,
    is_interleaved,
    log_ratios,
    same_repetitions,
    sides_of,
    sound_repetitions,
)
from harness.results.judge.phrases import SHOWN_ONLY
from harness.results.judge.verdicts import NOT_INTERLEAVED
from harness.results.record.comparison import AxisEffect, Dependence, LevelEffect
from harness.results.record.run import CellRecord, RunRecord
from harness.results.record.typed_work import load_kind
from harness.scenario.models.scenario import AB_AXIS
from harness.scenario.plan.pairing import Place, UnknownBaseError, paired_cells
from harness.scenario.plan.value_words import canonical
from harness.stats.looks import confidence_of
from harness.stats.paired import FEWEST_PAIRS, false_discovery
from harness.stats.strata import Mean, stratified_mean, unlike

CONFIGURATION, WORKLOAD, LOAD = "configuration", "workload", "load"
"""What varies beside the axes of a matrix."""


@dataclass(frozen=True)
class _Cell:
    """A cell of the matrix: its value on each axis, by a canonical text and a word."""

    record: CellRecord
    keys: Mapping[str, str]
    words: Mapping[str, str]

    @classmethod
    def of(cls, record: CellRecord, place: Place) -> _Cell:
        """An axis, the configuration, workload and load alike are axes here."""
        *_, workload, load = ["", "", *place.name.rsplit("/", 2)]
        own = {CONFIGURATION: place.configuration, WORKLOAD: workload, LOAD: load}
        keys = {axis: canonical(value) for axis, value in place.axes.items()}
        words = {axis: place.word(axis) for axis in place.axes}
        return cls(record, own | keys, own | words)

    def beside(self, axis: str) -> str:
        """Where it stands on all other axes."""
        return canonical({name: key for name, key in self.keys.items() if name != axis})


@dataclass(frozen=True)
class _Stratum:
    """Two cells that differ in one axis alone, with the log ratios of their pairs."""

    base: _Cell
    pairs: tuple[Pair, ...]
    ratios: tuple[float, ...]


@dataclass(frozen=True)
class _Contrast:
    """A value of an axis against its base, for one metric."""

    axis: str
    metric: Metric
    base: str
    head: str
    strata: tuple[_Stratum, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    emulated: bool = False


def axis_effects(record: RunRecord) -> tuple[AxisEffect, ...]:
    """The effects of every axis of a run's matrix with several values, and of its configurations
    where there is a matrix, for every metric that is compared.

    The base of an axis is that of the scenario's `compare`, where it names one, else its first
    value. Empty for a run without a matrix, and where no blocks can be compared. False discoveries
    are controlled over all effects, and over all tests of whether they depend on another axis.
    """
    if not any(cell.axes for cell in record.cells):
        return ()
    try:
        plan = comparison_plan(record)
    except RecordError:  # of a newer harness
        plan = None
    margin, base = MARGIN, None
    looks: tuple[int, ...] = ()
    if plan is not None:
        margin, looks, base = plan.margin, plan.look_sizes, plan.base
    confidence = confidence_of(looks)
    places = places_of(record.cells)
    cells = [_Cell.of(cell, place) for cell, place in zip(record.cells, places, strict=True)]
    found = [
        effect
        for contrast in _contrasts(cells, _bases(cells, places, base))
        if (effect := _effect(contrast, _varied(cells), margin, confidence)) is not None
    ]
    return tuple(_judged(found, margin, level=1 - confidence))


def _varied(cells: Sequence[_Cell]) -> list[str]:
    """Axes with several values, in the order in which they vary slowest first."""
    names = dict.fromkeys(name for cell in cells for name in cell.keys)
    return [name for name in names if len({cell.keys.get(name) for cell in cells}) > 1]


def _bases(cells: Sequence[_Cell], places: Sequence[Place], base: str | None) -> dict[str, str]:
    """Axis -> key of the value that others are compared with: the first, or what `base` says."""
    first = {name: cell.keys[name] for cell in reversed(cells) for name in cell.keys}
    if not base:
        return first
    try:
        pairs = paired_cells(places, base)
    except UnknownBaseError:
        return first
    for name in first:
        sides = [{cells[pair[side]].keys.get(name, "") for pair in pairs} for side in (0, 1)]
        if len(sides[0]) == 1 and sides[0] != sides[1]:
            [first[name]] = sides[0]
    return first


def _contrasts(cells: Sequence[_Cell], bases: Mapping[str, str]) -> Iterator[_Contrast]:
    for axis in _varied(cells):
        if axis in (WORKLOAD, LOAD, AB_AXIS):  # a change is judged cell by cell
            continue
        levels = dict.fromkeys(cell.keys[axis] for cell in cells if axis in cell.keys)
        for level in levels:
            if level != bases[axis]:
                yield from _of_level(cells, axis, bases[axis], level)


def _of_level(cells: Sequence[_Cell], axis: str, base: str, head: str) -> Iterator[_Contrast]:
    bases = {cell.beside(axis): cell for cell in cells if cell.keys.get(axis) == base}
    heads = {cell.beside(axis): cell for cell in cells if cell.keys.get(axis) == head}
    both = [(bases[key], heads[key]) for key in bases if key in heads]
    real = [pair for pair in both if not any(cell.record.emulated for cell in pair)]
    left_out: Counter[str] = Counter()
    strata = []
    for one, other in real or both:
        pairs, reasons = sound_repetitions(one.record, other.record)
        strata.append((one, other, pairs))
        left_out.update(reasons)
    if real and len(real) < len(both):
        left_out[NOT_JUDGED] += sum(
            len(same_repetitions(one.record, other.record))
            for one, other in both
            if one.record.emulated or other.record.emulated
        )
    words = [[cell.words[axis] for cell in side.values()][:1] for side in (bases, heads)]
    for metric in COMPARED if both else ():
        used = [
            _Stratum(one, pairs, tuple(log_ratios(pairs, metric)))
            for one, other, pairs in strata
            if _says_something(metric, one.record) and _says_something(metric, other.record)
        ]
        yield _Contrast(
            axis,
            metric,
            words[0][0],
            words[1][0],
            tuple(one for one in used if one.ratios),
            left_out,
            emulated=not real,
        )


def _says_something(metric: Metric, cell: CellRecord) -> bool:
    given = metric.set_by(load_kind(cell.load))
    return metric.applies(cell) and not given and not told_elsewhere(metric, cell)


# --- one effect -----------------------------------------------------------------------------------


def _effect(
    contrast: _Contrast, varied: Sequence[str], margin: float, confidence: float
) -> AxisEffect | None:
    strata = contrast.strata
    mean = stratified_mean([one.ratios for one in strata])
    if mean is None:
        return None
    low, high = _interval(mean, confidence)
    visible = mean.visible(confidence)
    return AxisEffect(
        axis=contrast.axis,
        base=contrast.base,
        head=contrast.head,
        metric=contrast.metric.name,
        cells=len(strata),
        pairs=sum(len(one.ratios) for one in strata),
        ratio=math.exp(mean.value),
        low=low,
        high=high,
        confidence=confidence,
        p_value=mean.p_value,
        smallest_effect=None if visible is None else 1 - math.exp(-visible),
        reason=_reason(contrast, margin),
        left_out=dict(contrast.left_out),
        dependences=tuple(_dependences(contrast, varied)),
    )


def _interval(mean: Mean, confidence: float) -> tuple[float | None, float | None]:
    found = mean.interval(confidence)
    return (None, None) if found is None else (math.exp(found[0]), math.exp(found[1]))


def _reason(contrast: _Contrast, margin: float) -> str:
    """Why nothing can be concluded from these pairs, whatever their figures are."""
    strata, metric = contrast.strata, contrast.metric
    if contrast.emulated:
        return NOT_JUDGED
    if not metric.judged:
        return SHOWN_ONLY
    if not all(is_interleaved(one.pairs) for one in strata):
        return NOT_INTERLEAVED
    count = sum(len(one.ratios) for one in strata)
    if count < FEWEST_PAIRS:
        pairs = "1 pair" if count == 1 else f"{count} pairs"
        return f"{pairs}, fewer than {FEWEST_PAIRS} carry no verdict"
    reasons = (unlike_rates(metric, *sides_of(one.pairs), margin) for one in strata)
    return next(filter(None, reasons), "")


def _dependences(contrast: _Contrast, varied: Sequence[str]) -> Iterator[Dependence]:
    """On every other axis, over cells that stand beside each of its values: else a difference
    between two values could be that of another axis."""
    for axis in varied:
        if axis == contrast.axis:
            continue
        groups: dict[str, dict[str, _Stratum]] = {}
        for one in contrast.strata:
            groups.setdefault(one.base.keys.get(axis, ""), {})[one.base.beside(axis)] = one
        common = set.intersection(*(set(group) for group in groups.values()))
        levels = [[group[key] for key in group if key in common] for group in groups.values()]
        if len(levels) < 2 or not common:
            continue
        yield Dependence(
            on=axis,
            levels=tuple(_level(axis, strata) for strata in levels),
            p_value=unlike([[one.ratios for one in strata] for strata in levels]),
        )


def _level(axis: str, strata: Sequence[_Stratum]) -> LevelEffect:
    mean = stratified_mean([one.ratios for one in strata])
    assert mean is not None  # noqa: S101 - strata without ratios are none
    return LevelEffect(
        level=strata[0].base.words.get(axis, ""),
        pairs=sum(len(one.ratios) for one in strata),
        ratio=math.exp(mean.value),
    )


# --- what can be said -----------------------------------------------------------------------------


def _judged(found: Sequence[AxisEffect], margin: float, level: float) -> Iterator[AxisEffect]:
    """Fill in q values and verdicts, and whether effects depend on other axes."""
    known = [one for one in found if one.p_value is not None and not one.reason]
    values = false_discovery([one.p_value for one in known if one.p_value is not None])
    adjusted = dict(zip(map(id, known), values, strict=True))
    tests = [
        test
        for one in found
        for test in one.dependences
        if test.p_value is not None and not one.reason
    ]
    values = false_discovery([test.p_value for test in tests if test.p_value is not None])
    of_tests = dict(zip(map(id, tests), values, strict=True))
    for one in found:
        q_value = adjusted.get(id(one))
        chance = q_value is None or q_value > level + 1e-12
        least = margin if one.metric in _COSTS else 0.0
        verdict = two_sided(one.low, one.high, margin, least, chance=chance)
        dependences = tuple(
            _told(test, of_tests.get(id(test)), margin, level) for test in one.dependences
        )
        yield one.model_copy(
            update={
                "q_value": q_value,
                "verdict": "inconclusive" if one.reason else verdict,
                "dependences": dependences,
            }
        )


_COSTS = frozenset(metric.name for metric in COMPARED if metric.per_task)


def _told(test: Dependence, q_value: float | None, margin: float, level: float) -> Dependence:
    ratios = [one.ratio for one in test.levels]
    apart = min(ratios) < max(ratios) * (1 - margin)
    found = apart and q_value is not None and q_value <= level + 1e-12
    return test.model_copy(update={"q_value": q_value, "found": found})
