"""From recorded blocks to comparisons: of cells within one run, or of two runs.

Only pairs of blocks that ran as mirrored neighbours (AB BA) in one session carry a verdict:
identical code measured AAA BBB on a shared machine gave ratio 0.60 with p = 0.0006.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import ValidationError

from harness.errors import RecordError, UsageError
from harness.results.comparison import Comparison, ComparisonReport
from harness.results.metrics import COMPARED, Metric
from harness.results.record import BlockRecord, CellRecord, RunRecord
from harness.results.unlike import environment_differences
from harness.scenario.models import Compare
from harness.scenario.pairing import Place, UnknownBaseError, default_base, paired_cells
from harness.stats.paired import (
    FEWEST_PAIRS,
    LEVEL,
    Estimate,
    confidence_of,
    direction,
    estimate,
    false_discovery,
    geometric_mean,
    wilcoxon_p,
)

DEFAULT_MARGIN = 0.05
NOT_INTERLEAVED = "not interleaved: a drift of the machine can pose as this change"
Pair = tuple[BlockRecord, BlockRecord]
"""A block of the base cell and one of the head cell."""


@dataclass(frozen=True)
class _Cells:
    """Two cells that are compared, with their pairs of blocks."""

    base: CellRecord
    head: CellRecord
    pairs: tuple[Pair, ...]
    dropped: int
    interleaved: bool


def compare_run(
    record: RunRecord, *, base: str | None = None, margin: float | None = None
) -> ComparisonReport:
    """The configurations, axis values or revisions of one run, each against `base`.

    `base` and `margin` default to the scenario's own `compare`. Blocks of the same repetition
    are pairs. Raises UsageError if there is no such base, or nothing to compare.
    """
    plan = comparison_plan(record)
    places = [place_of(cell) for cell in record.cells]
    try:
        base = base or (plan and plan.base) or default_base(places)
        indices = paired_cells(places, base)
    except UnknownBaseError as error:
        raise UsageError(f"run {record.run_id}: {error}") from error
    cells = [_by_repetition(record.cells[one], record.cells[other]) for one, other in indices]
    if margin is None:
        margin = DEFAULT_MARGIN if plan is None else plan.margin
    heads = dict.fromkeys(places[other].variant for _, other in indices)
    frame = ComparisonReport(
        base=base,
        head=", ".join(heads),
        comparisons=(),
        interleaved=all(one.interleaved for one in cells),
        margin=margin,
        looks=1 if plan is None else plan.number_of_looks,
    )
    return _judged(frame, cells)


def compare_runs(
    base: RunRecord, head: RunRecord, *, margin: float = DEFAULT_MARGIN, force: bool = False
) -> ComparisonReport:
    """Cells of the same name in two runs; blocks are paired by their order.

    Never interleaved, so ratios without a verdict. Raises UsageError if the two ran in unlike
    environments (unless forced), or have no cell in common.
    """
    ours = {cell.name: cell for cell in base.cells}
    theirs = {cell.name: cell for cell in head.cells}
    names = [name for name in ours if name in theirs]
    if not names:
        raise UsageError(f"runs {base.run_id} and {head.run_id} have no cell in common")
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
        margin=margin,
        unmatched=tuple(sorted(set(ours) ^ set(theirs))),
    )
    return _judged(frame, [_by_order(ours[name], theirs[name]) for name in names])


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


def place_of(cell: CellRecord) -> Place:
    """Where a recorded cell stands in its scenario's matrix."""
    return Place(str(cell.config.get("name", "")), cell.axes, cell.name)


# --- pairs of blocks ----------------------------------------------------------------------------


def _by_repetition(base: CellRecord, head: CellRecord) -> _Cells:
    ours = {block.repetition: block for block in base.blocks}
    theirs = {block.repetition: block for block in head.blocks}
    both = [(ours[n], theirs[n]) for n in sorted(ours.keys() & theirs.keys())]
    pairs = tuple(pair for pair in both if all(block.status == "complete" for block in pair))
    dropped = len(ours.keys() | theirs.keys()) - len(pairs)
    return _Cells(base, head, pairs, dropped, is_interleaved(pairs))


def _by_order(base: CellRecord, head: CellRecord) -> _Cells:
    sides = [
        [
            block
            for block in sorted(cell.blocks, key=lambda b: b.number)
            if block.status == "complete"
        ]
        for cell in (base, head)
    ]
    pairs = tuple(zip(*sides, strict=False))
    dropped = max(len(base.blocks), len(head.blocks)) - len(pairs)
    return _Cells(base, head, tuple((one, other) for one, other in pairs), dropped, False)


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


def _judged(frame: ComparisonReport, cells: Sequence[_Cells]) -> ComparisonReport:
    found = [one for pair in cells for one in _comparisons(pair, frame)]
    found = _with_discovery_control(found)
    ratios: dict[str, list[float]] = {}
    for one in found:
        if one.ratio is not None:
            ratios.setdefault(one.metric, []).append(one.ratio)
    means = {metric: mean for metric, of in ratios.items() if (mean := geometric_mean(of))}
    return frame.model_copy(update={"comparisons": tuple(found), "geometric_means": means})


def _comparisons(cells: _Cells, frame: ComparisonReport) -> Iterator[Comparison]:
    unsound = sum(not (one.sound and other.sound) for one, other in cells.pairs)
    for metric in COMPARED:
        if not metric.applies(cells.base) or not metric.applies(cells.head):
            continue
        ratios = _log_ratios(cells.pairs, metric)
        confidence = confidence_of(frame.looks)
        found = estimate(ratios, confidence=confidence, margin=frame.margin)
        reason = _no_verdict(found, cells, metric)
        yield Comparison(
            base=cells.base.name,
            head=cells.head.name,
            metric=metric.name,
            margin=frame.margin,
            verdict="inconclusive" if reason else direction(found, margin=frame.margin),
            unsound=unsound,
            dropped=cells.dropped + len(cells.pairs) - len(ratios),
            judged=metric.judged,
            reason=reason,
            wilcoxon_p=wilcoxon_p(ratios),
            **_fields(found),
        )


def _fields(found: Estimate) -> Mapping[str, float | int | None]:
    return dict(vars(found))


def _log_ratios(pairs: Sequence[Pair], metric: Metric) -> list[float]:
    ratios = []
    for one, other in pairs:
        base, head = metric.figure(one), metric.figure(other)
        if base and head and base > 0 and head > 0:
            ratios.append(math.log(head / base if metric.more_is_better else base / head))
    return ratios


def _no_verdict(found: Estimate, cells: _Cells, metric: Metric) -> str:
    """Why nothing can be concluded from these pairs, whatever their figures are."""
    if not metric.judged:
        return "shown beside the others, not judged"
    if not cells.interleaved:
        return NOT_INTERLEAVED
    if found.pairs < FEWEST_PAIRS:
        return f"{found.pairs} pairs: fewer than {FEWEST_PAIRS} carry no verdict"
    return ""


def _with_discovery_control(found: list[Comparison]) -> list[Comparison]:
    """Fill in q; a change that is not told from chance among so many is no finding."""
    family = [one for one in found if one.judged and one.p_value is not None]
    values = false_discovery([one.p_value for one in family if one.p_value is not None])
    adjusted = dict(zip(map(id, family), values, strict=True))
    return [_controlled(one, adjusted.get(id(one))) for one in found]


def _controlled(one: Comparison, q_value: float | None) -> Comparison:
    changes: dict[str, object] = {"q_value": q_value}
    beyond = q_value is not None and q_value > 1 - one.confidence + 1e-12
    if beyond and one.verdict == "regression":
        changes |= {
            "verdict": "inconclusive",
            "reason": f"among so many comparisons it may be chance (q {q_value:.2g}, limit "
            f"{min(LEVEL, 1 - one.confidence):.2g})",
        }
    elif beyond and one.verdict == "improved":
        changes["verdict"] = "no_change"
    return one.model_copy(update=changes)
