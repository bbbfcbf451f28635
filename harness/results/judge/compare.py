"""From recorded blocks to comparisons: of cells within one run, or of two runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from pydantic import ValidationError

from harness.errors import RecordError, UsageError
from harness.figures.names import asked
from harness.results.judge.comparability import MARGIN, unlike_rates
from harness.results.judge.identity import matched, places_of
from harness.results.judge.kinds import kind_of
from harness.results.judge.layers import layer_paths
from harness.results.judge.metrics import Metric
from harness.results.judge.own_figures import sound_for
from harness.results.judge.pairs import (
    Pair,
    by_order,
    by_repetition,
    is_interleaved,
    log_ratios,
    sides_of,
)
from harness.results.judge.run_differences import configuration_differences, environment_differences
from harness.results.judge.verdicts import NOT_INTERLEAVED, judged
from harness.results.record.comparison import Comparison, ComparisonReport, EqualRateRecord
from harness.results.record.run import RunRecord
from harness.scenario.models.compare import Compare, ComparisonKind
from harness.scenario.plan.pairing import Place, UnknownBaseError, default_base, paired_cells
from harness.stats.looks import confidence_of

DEFAULT_MARGIN = MARGIN


def compare_run(
    record: RunRecord,
    *,
    base: str | None = None,
    margin: float | None = None,
    kind: ComparisonKind | None = None,
    second_opinion: bool = True,
) -> ComparisonReport:
    """The configurations, axis values or revisions of one run, each against `base`.

    `base`, `margin` and `kind` default to the scenario's own `compare`. Without `second_opinion`
    there is no Wilcoxon's p. Raises UsageError if there is no such base, or nothing to compare.
    """
    plan = comparison_plan(record)
    places = places_of(record.cells)
    base, indices = _against(record, places, base or (plan.base if plan else None))
    cells = [by_repetition(record, one, other) for one, other in indices]
    if margin is None:
        margin = DEFAULT_MARGIN if plan is None else plan.margin
    looks = () if plan is None else plan.look_sizes
    confidence = confidence_of(looks)
    frame = ComparisonReport(
        run=record.run_id,
        base=base,
        head=", ".join(dict.fromkeys(places[other].variant for _, other in indices)),
        kind=kind or kind_of(record),
        comparisons=(),
        interleaved=all(one.interleaved for one in cells),
        margin=margin,
        looks=max(1, len(looks)),
        equal_rates=tuple(_equal_rates(record, indices)),
        target=record.target,
        design=record.design,
    )
    report = judged(frame, cells, confidence, second_opinion=second_opinion)
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


def _against(
    record: RunRecord, places: Sequence[Place], base: str | None
) -> tuple[str, Sequence[tuple[int, int]]]:
    """The base, and the cells that are compared with one of it. UsageError if there is none."""
    try:
        base = base or default_base(places)
        return base, paired_cells(places, base)
    except UnknownBaseError as error:
        raise UsageError(f"run {record.run_id}: {error}") from error


def _equal_rates(
    record: RunRecord, indices: Iterable[tuple[int, int]]
) -> Iterator[EqualRateRecord]:
    for one, _ in indices:
        cell = record.cells[one]
        if cell.equal_rate is not None and not cell.at_equal_rate:
            yield cell.equal_rate


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
        kind="change",
        comparisons=(),
        interleaved=False,
        forced=bool(differences),
        environment_differences=differences,
        configuration_differences=configuration_differences(base, head),
        margin=margin,
        unmatched=tuple(sorted(unmatched)),
    )
    cells = [by_order(ours[name], other) for name, other in same.items()]
    return judged(frame, cells, confidence_of(()))


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


def pair_ratios(record: RunRecord, one: Comparison) -> tuple[float, ...]:
    """The ratio of each pair behind a comparison of the run's own cells, in the order of pairs."""
    indices = {cell.name: index for index, cell in enumerate(record.cells)}
    found = asked(one.metric)
    if found is None or one.base not in indices or one.head not in indices:
        return ()
    cells = by_repetition(record, indices[one.base], indices[one.head])
    metric = Metric(found, own=one.own)
    pairs, _ = sound_for(metric, cells.pairs)
    return tuple(math.exp(ratio) for ratio in log_ratios(pairs, metric))


def _evidence(margin: float, pairs: Sequence[Pair], metric: Metric) -> tuple[list[float], str]:
    """Log ratios of pairs, and why no verdict may rest on them; empty if one may."""
    interleaved = is_interleaved(pairs)
    reason = unlike_rates(metric, *sides_of(pairs), margin) if interleaved else NOT_INTERLEAVED
    return log_ratios(pairs, metric), reason
