"""From recorded blocks to comparisons: of cells within one run, or of two runs.

Only pairs of blocks that ran as mirrored neighbours (AB BA) in one session carry a verdict:
identical code measured AAA BBB on a shared machine gave ratio 0.60 with p = 0.0006.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypedDict

from pydantic import ValidationError

from harness.errors import RecordError, UsageError
from harness.results.judge.comparability import MARGIN, unfit_pair, unlike_rates
from harness.results.judge.emulators import marked
from harness.results.judge.identity import matched, places_of
from harness.results.judge.layers import layer_paths
from harness.results.judge.metrics import COMPARED, Metric
from harness.results.judge.run_differences import configuration_differences, environment_differences
from harness.results.record.comparison import Comparison, ComparisonReport, GroupMean
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.scenario.models.compare import Compare
from harness.scenario.plan.pairing import Place, UnknownBaseError, default_base, paired_cells
from harness.stats.looks import confidence_of
from harness.stats.paired import (
    FEWEST_PAIRS,
    Estimate,
    direction,
    estimate,
    false_discovery,
    geometric_mean,
    wilcoxon_p,
)

DEFAULT_MARGIN = MARGIN
NOT_INTERLEAVED = "not interleaved"
SHOWN_ONLY = "shown beside the others, not judged"
Pair = tuple[BlockRecord, BlockRecord]
"""A block of the base cell and one of the head cell."""


@dataclass(frozen=True)
class _Cells:
    """Two cells that are compared, with their pairs of blocks."""

    base: CellRecord
    head: CellRecord
    pairs: tuple[Pair, ...]
    dropped: int
    """Repetitions that do not count."""
    interleaved: bool
    """Whether their blocks were measured in turn."""
    left_out: Mapping[str, int]
    """Why further pairs do not count -> how many of them."""


def compare_run(
    record: RunRecord, *, base: str | None = None, margin: float | None = None
) -> ComparisonReport:
    """The configurations, axis values or revisions of one run, each against `base`.

    `base` and `margin` default to the scenario's own `compare`. Blocks of the same repetition
    are pairs. Raises UsageError if there is no such base, or nothing to compare.
    """
    plan = comparison_plan(record)
    places = places_of(record.cells)
    try:
        base = base or (plan and plan.base) or default_base(places)
        indices = paired_cells(places, base)
    except UnknownBaseError as error:
        raise UsageError(f"run {record.run_id}: {error}") from error
    cells = [_by_repetition(record, one, other) for one, other in indices]
    if margin is None:
        margin = DEFAULT_MARGIN if plan is None else plan.margin
    looks = () if plan is None else plan.look_sizes
    confidence = confidence_of(looks)
    heads = dict.fromkeys(places[other].variant for _, other in indices)
    frame = ComparisonReport(
        run=record.run_id,
        base=base,
        head=", ".join(heads),
        comparisons=(),
        interleaved=all(one.interleaved for one in cells),
        margin=margin,
        looks=max(1, len(looks)),
    )
    report = _judged(frame, cells, confidence)
    layers = layer_paths(
        record.cells,
        base=base,
        margin=margin,
        confidence=confidence,
        evidence=partial(_evidence, margin),
    )
    return report.model_copy(
        update={"out_of_time": _out_of_time(record, plan, report), "layers": layers}
    )


def _out_of_time(record: RunRecord, plan: Compare | None, report: ComparisonReport) -> bool:
    """Whether a comparison that could have had more pairs did not get them."""
    blocks = record.blocks
    ended = len(blocks) == len(record.order) and all(one.status == "complete" for one in blocks)
    if plan is None or plan.minutes is None or not ended:
        return False
    return any(
        one.verdict == "inconclusive"
        and one.pairs
        and one.pairs + one.dropped < plan.look_sizes[-1]
        for one in report.judged
    )


def compare_runs(
    base: RunRecord, head: RunRecord, *, margin: float = DEFAULT_MARGIN, force: bool = False
) -> ComparisonReport:
    """The cells that two runs have in common; blocks are paired by their order.

    Never interleaved, so ratios without a verdict. Raises UsageError if the two ran in unlike
    environments (unless forced), have no cell in common, or are one and the same.
    """
    if base.run_id == head.run_id:
        raise UsageError(f"{base.run_id} is both BASE and HEAD: name two runs, or RUN alone")
    ours = {cell.name: cell for cell in base.cells}
    theirs = {cell.name: cell for cell in head.cells}
    same = matched(base.cells, head.cells)
    if not same:
        raise UsageError(
            f"runs {base.run_id} and {head.run_id} have no cell in common, and cells are matched "
            f"by what they measure: {_first_of(ours)} there, {_first_of(theirs)} here"
        )
    unmatched = ours.keys() - same.keys()
    unmatched |= theirs.keys() - {cell.name for cell in same.values()}
    differences = environment_differences(base, head)
    if differences and not force:
        listed = "".join(f"\n  {line}" for line in differences)
        raise UsageError(
            f"runs {base.run_id} and {head.run_id} were measured in unlike environments:{listed}\n"
            "Measure both in one run (harness ab), or compare all the same with --force"
        )
    frame = ComparisonReport(
        base=base.run_id,
        head=head.run_id,
        comparisons=(),
        interleaved=False,
        forced=bool(differences),
        environment_differences=differences,
        configuration_differences=configuration_differences(base, head),
        margin=margin,
        unmatched=tuple(sorted(unmatched)),
    )
    cells = [_by_order(ours[name], other) for name, other in same.items()]
    return _judged(frame, cells, confidence_of(()))


def comparison_plan(record: RunRecord) -> Compare | None:
    """What the run's scenario says about comparing. RecordError if that cannot be read."""
    stored = record.scenario.get("compare")
    if stored is None:
        return None
    try:
        return Compare.model_validate(stored)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise RecordError(f"run {record.run_id}: its `compare` cannot be read: {reason}") from error


def _first_of(names: Iterable[str]) -> str:
    first, *others = [*names, "nothing"]
    return first + (" ..." if len(others) > 1 else "")


# --- pairs of blocks ----------------------------------------------------------------------------


def _by_repetition(record: RunRecord, one: int, other: int) -> _Cells:
    base, head = record.cells[one], record.cells[other]
    ours = {block.repetition: block for block in base.blocks}
    theirs = {block.repetition: block for block in head.blocks}
    both = [(ours[n], theirs[n]) for n in sorted(ours.keys() & theirs.keys())]
    pairs, left_out = sound_pairs(both)
    # A base goes on beside its undecided heads: what it has beyond this head is no lost pair.
    planned = min(record.order.count(one), record.order.count(other))
    begun = sum(repetition < planned for repetition in ours.keys() | theirs.keys())
    return _Cells(base, head, pairs, begun - len(pairs), is_interleaved(pairs), left_out)


def _by_order(base: CellRecord, head: CellRecord) -> _Cells:
    sides = [
        [
            block
            for block in sorted(cell.blocks, key=lambda b: b.number)
            if block.status == "complete"
        ]
        for cell in (base, head)
    ]
    pairs, left_out = sound_pairs([(one, other) for one, other in zip(*sides, strict=False)])
    dropped = max(len(base.blocks), len(head.blocks)) - len(pairs)
    return _Cells(base, head, pairs, dropped, False, left_out)


def sound_pairs(pairs: Sequence[Pair]) -> tuple[tuple[Pair, ...], dict[str, int]]:
    """Those on which a verdict can rest, and why the others are left out."""
    reasons = [unfit_pair(*pair) for pair in pairs]
    sound = tuple(pair for pair, reason in zip(pairs, reasons, strict=True) if not reason)
    return sound, dict(Counter(filter(None, reasons)))


def is_interleaved(pairs: Sequence[Pair]) -> bool:
    """Whether the two blocks of every pair are neighbours, and pairs 2k and 2k+1 are mirrored.

    Blocks of other cells may lie between: neighbours are meant among the blocks of these pairs.
    """
    order = sorted((block.number, index) for index, pair in enumerate(pairs) for block in pair)
    if any(order[2 * n][1] != order[2 * n + 1][1] for n in range(len(pairs))):
        return False
    base_first = {one.repetition: one.number < other.number for one, other in pairs}
    return all(
        base_first[one] != base_first[other]
        for one, other in pairwise(sorted(base_first))
        if one % 2 == 0 and other == one + 1
    )


# --- verdicts -----------------------------------------------------------------------------------


def _judged(
    frame: ComparisonReport, cells: Sequence[_Cells], confidence: float
) -> ComparisonReport:
    found = [one for pair in cells for one in _comparisons(pair, frame.margin, confidence)]
    found = _with_discovery_control(found)
    ratios: dict[str, list[float]] = {}
    for one in found:
        if one.ratio is not None:
            ratios.setdefault(one.metric, []).append(one.ratio)
    means = {metric: mean for metric, of in ratios.items() if (mean := geometric_mean(of))}
    return frame.model_copy(
        update={
            "comparisons": tuple(found),
            "geometric_means": means,
            "groups": tuple(_group_means(found)),
        }
    )


def _group_means(found: Sequence[Comparison]) -> Iterator[GroupMean]:
    """Of each variant over its workloads and loads, where it has several of them."""
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for one in found:
        if one.ratio is not None:
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


def _variant(cell: str) -> str:
    return Place("", {}, cell).variant


def _comparisons(cells: _Cells, margin: float, confidence: float) -> Iterator[Comparison]:
    unsound = sum(not all(block.sound for block in pair) for pair in cells.pairs)
    for metric in COMPARED:
        if not metric.applies(cells.base) or not metric.applies(cells.head):
            continue
        ratios = log_ratios(cells.pairs, metric)
        found = estimate(ratios, confidence=confidence, margin=margin)
        other_rates = unlike_rates(metric, *sides_of(cells.pairs), margin)
        reason = _no_verdict(found, cells, metric) or other_rates
        one = Comparison(
            base=cells.base.name,
            head=cells.head.name,
            metric=metric.name,
            margin=margin,
            verdict="inconclusive" if reason else direction(found, margin=margin),
            unsound=unsound,
            dropped=cells.dropped + len(cells.pairs) - len(ratios),
            left_out=dict(cells.left_out),
            judged=metric.judged and not other_rates,
            reason=reason,
            wilcoxon_p=wilcoxon_p(ratios),
            **_interval(found),
        )
        yield marked(one, base=cells.base.emulated, head=cells.head.emulated)


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


def log_ratios(pairs: Sequence[Pair], metric: Metric) -> list[float]:
    """Of each pair that has the figure on both sides; above 0 the head is better."""
    ratios = []
    for one, other in pairs:
        base, head = metric.figure(one), metric.figure(other)
        if base and head and 0 < base < math.inf and 0 < head < math.inf:
            ratios.append(math.log(head / base if metric.more_is_better else base / head))
    return ratios


def pair_ratios(record: RunRecord, one: Comparison) -> tuple[float, ...]:
    """The ratio of each pair behind a comparison of the run's own cells, in the order of pairs."""
    indices = {cell.name: index for index, cell in enumerate(record.cells)}
    metric = next((metric for metric in COMPARED if metric.name == one.metric), None)
    if metric is None or one.base not in indices or one.head not in indices:
        return ()
    cells = _by_repetition(record, indices[one.base], indices[one.head])
    return tuple(math.exp(ratio) for ratio in log_ratios(cells.pairs, metric))


def _evidence(margin: float, pairs: Sequence[Pair], metric: Metric) -> tuple[list[float], str]:
    """Log ratios of pairs, and why no verdict may rest on them; empty if one may."""
    interleaved = is_interleaved(pairs)
    reason = unlike_rates(metric, *sides_of(pairs), margin) if interleaved else NOT_INTERLEAVED
    return log_ratios(pairs, metric), reason


def _no_verdict(found: Estimate, cells: _Cells, metric: Metric) -> str:
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


def sides_of(pairs: Sequence[Pair]) -> tuple[list[BlockRecord], list[BlockRecord]]:
    """The base's blocks, and the head's."""
    return [one for one, _ in pairs], [other for _, other in pairs]


def _with_discovery_control(found: list[Comparison]) -> list[Comparison]:
    """Fill in q; a change that is not told from chance among so many is no finding."""
    family = [one for one in found if one.judged and one.p_value is not None and not one.reason]
    values = false_discovery([one.p_value for one in family if one.p_value is not None])
    adjusted = dict(zip(map(id, family), values, strict=True))
    return [_controlled(one, adjusted.get(id(one)), len(family)) for one in found]


def _controlled(one: Comparison, q_value: float | None, family: int) -> Comparison:
    changes: dict[str, object] = {"q_value": q_value}
    beyond = q_value is not None and q_value > 1 - one.confidence + 1e-12
    if beyond and one.verdict == "regression":
        changes |= {
            "verdict": "inconclusive",
            "reason": f"may be chance among {family} comparisons",
        }
    elif beyond and one.verdict == "improved":
        changes["verdict"] = "no_change"
    return one.model_copy(update=changes)
