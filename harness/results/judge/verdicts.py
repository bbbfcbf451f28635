"""Verdicts on compared cells: a row per metric, and control of false discoveries over all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypedDict

from harness.results.judge.comparability import told_elsewhere, typical, unlike_rates
from harness.results.judge.emulators import marked
from harness.results.judge.kinds import controlled, verdict_of, worded
from harness.results.judge.metrics import COMPARED, Metric
from harness.results.judge.own_figures import (
    LEVEL_SHARE,
    changed_first,
    least_change,
    margin_of,
    own_metrics,
    settled,
    sound_for,
    told,
)
from harness.results.judge.pairs import ComparedCells, log_ratios, sides_of
from harness.results.judge.phrases import SHOWN_ONLY
from harness.results.record.comparison import Comparison, ComparisonReport, GroupMean
from harness.results.record.typed_work import load_kind
from harness.scenario.plan.pairing import Place
from harness.stats.paired import (
    FEWEST_PAIRS,
    Estimate,
    estimate,
    false_discovery,
    geometric_mean,
    wilcoxon_p,
)

NOT_INTERLEAVED = "not interleaved"


def judged(
    frame: ComparisonReport,
    cells: Sequence[ComparedCells],
    confidence: float,
    *,
    second_opinion: bool = True,
) -> ComparisonReport:
    """`frame` with its comparisons filled in: every metric of every two cells, and means of them.
    `confidence`: that of each interval, e.g. 0.95. Without `second_opinion`: no Wilcoxon's p."""
    found = [
        one
        for pair in cells
        for one in _comparisons(pair, frame, confidence, second_opinion=second_opinion)
    ]
    found = list(map(told, _with_discovery_control(found)))
    found = [one for _, ones in groupby(found, _cells_of) for one in changed_first([*ones])]
    ratios: dict[str, list[float]] = {}
    for one in found:
        if one.ratio is not None and not one.own:
            ratios.setdefault(one.metric, []).append(one.ratio)
    means = {metric: mean for metric, of in ratios.items() if (mean := geometric_mean(of))}
    return frame.model_copy(
        update={
            "comparisons": tuple(map(worded, found)),
            "rates_given": tuple(one.base.name for one in cells if _rate_is_given(one)),
            "geometric_means": means,
            "groups": tuple(_group_means(found)),
        }
    )


def _group_means(found: Sequence[Comparison]) -> Iterator[GroupMean]:
    """Of each variant over its workloads and loads, where it has several of them."""
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for one in found:
        if one.ratio is not None and not one.own:
            key = (_variant(one.base), _variant(one.head), one.metric)
            groups.setdefault(key, []).append(one)
    for (base, head, metric), ones in groups.items():
        mean = geometric_mean([one.ratio for one in ones if one.ratio is not None])
        if mean is not None and len(ones) > 1:
            yield GroupMean(
                base=base,
                head=head,
                metric=metric,
                cells=len(ones),
                ratio=mean,
                base_emulated=any(one.base_emulated for one in ones),
                head_emulated=any(one.head_emulated for one in ones),
            )


def _rate_is_given(cells: ComparedCells) -> bool:
    return all(load_kind(cell.load).gives_the_rate for cell in (cells.base, cells.head))


def _cells_of(one: Comparison) -> tuple[str, str]:
    return one.base, one.head


def _variant(cell: str) -> str:
    return Place("", {}, cell).variant


def _comparisons(
    cells: ComparedCells, frame: ComparisonReport, confidence: float, *, second_opinion: bool
) -> Iterator[Comparison]:
    for metric in (*COMPARED, *own_metrics(cells.pairs)):
        if not metric.applies(cells.base) or not metric.applies(cells.head):
            continue
        if all(metric.set_by(load_kind(cell.load)) for cell in (cells.base, cells.head)):
            continue
        one = _comparison(metric, cells, frame, confidence, second_opinion=second_opinion)
        yield marked(one, base=cells.base.emulated, head=cells.head.emulated)


def _comparison(
    metric: Metric,
    cells: ComparedCells,
    frame: ComparisonReport,
    confidence: float,
    *,
    second_opinion: bool,
) -> Comparison:
    margin = frame.margin
    pairs, left_out = sound_for(metric, cells.pairs)
    least = least_change(metric, pairs) if metric.own else 0.0
    if metric.own:
        margin, confidence = margin_of(least, margin), 1 - LEVEL_SHARE * (1 - confidence)
    ratios = log_ratios(pairs, metric)
    found = estimate(ratios, confidence=confidence, margin=margin)
    other_rates = told_elsewhere(metric, cells.base) or unlike_rates(
        metric, *sides_of(pairs), margin
    )
    reason = _no_verdict(found, cells, metric) or other_rates
    base, head = (typical([metric.figure(block) for block in side]) for side in sides_of(pairs))
    one = Comparison(
        base=cells.base.name,
        head=cells.head.name,
        metric=metric.name,
        kind=frame.kind,
        margin=margin,
        verdict="inconclusive" if reason else verdict_of(frame.kind, metric.name, found, margin),
        unsound=sum(not all(block.sound for block in pair) for pair in pairs),
        dropped=cells.dropped + len(cells.pairs) - len(ratios),
        left_out={**cells.left_out, **left_out},
        judged=metric.judged and not other_rates,
        own=metric.own,
        task=metric.asked.figure.task,
        base_value=None if base is None else metric.asked.figure.in_base_units(base),
        head_value=None if head is None else metric.asked.figure.in_base_units(head),
        reason=reason,
        wilcoxon_p=wilcoxon_p(ratios) if second_opinion else None,
        **_interval(found),
    )
    return settled(one, least) if metric.own else one


class _Interval(TypedDict):
    pairs: int
    confidence: float
    ratio: float | None
    low: float | None
    high: float | None
    p_value: float | None
    smallest_effect: float | None
    smallest_regression: float | None
    outliers: int


def _interval(found: Estimate) -> _Interval:
    return {
        "pairs": found.pairs,
        "confidence": found.confidence,
        "ratio": found.ratio,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "smallest_effect": found.smallest_effect,
        "smallest_regression": found.smallest_regression,
        "outliers": found.outliers,
    }


def _no_verdict(found: Estimate, cells: ComparedCells, metric: Metric) -> str:
    """Why nothing can be concluded from these pairs, whatever their figures are."""
    if not metric.judged:
        return SHOWN_ONLY
    if cells.pairs and not cells.interleaved:
        return NOT_INTERLEAVED
    if not found.pairs:
        return "no pair has this figure" if cells.pairs or not cells.left_out else "no sound pair"
    if found.pairs < FEWEST_PAIRS:
        pairs = "1 pair" if found.pairs == 1 else f"{found.pairs} pairs"
        return f"{pairs}, fewer than {FEWEST_PAIRS} carry no verdict"
    return ""


def _with_discovery_control(found: Sequence[Comparison]) -> list[Comparison]:
    """Fill in q; a change that is not told from chance among so many is no finding. What tasks'
    functions do is a family of its own."""
    adjusted: dict[int, Comparison] = {}
    for own in (False, True):
        family = [
            one
            for one in found
            if one.own == own and one.judged and one.p_value is not None and not one.reason
        ]
        values = false_discovery([one.p_value for one in family if one.p_value is not None])
        for one, value in zip(family, values, strict=True):
            with_q = one.model_copy(update={"q_value": value})
            adjusted[id(one)] = controlled(with_q, len(family))
    return [adjusted.get(id(one), one) for one in found]
