"""What a comparison is of, and which verdicts that allows: alternatives side by side are faster or
slower, and only a change against its base can be a regression."""

from __future__ import annotations

from harness.results.judge.phrases import is_spent, phrase
from harness.results.record.comparison import Comparison, ComparisonReport, Verdict
from harness.results.record.run import RunRecord
from harness.scenario.models.compare import ComparisonKind
from harness.scenario.models.scenario import AB_AXIS
from harness.stats.paired import Estimate, difference, direction, within


def kind_of(record: RunRecord) -> ComparisonKind:
    """`harness ab` measured a change; any other run what its scenario says, which is alternatives
    where it says nothing, as those of older versions."""
    if any(AB_AXIS in cell.axes for cell in record.cells):
        return "change"
    said = (record.scenario.get("compare") or {}).get("kind")
    return "change" if said == "change" else "alternatives"


def verdict_of(kind: ComparisonKind, metric: str, found: Estimate, margin: float) -> Verdict:
    """What an interval says, in the verdicts of its kind."""
    if kind == "change":
        return direction(found, margin=margin)
    said = difference(found, margin=margin)
    if said == "ahead":
        return "less" if is_spent(metric) else "faster"
    if said == "behind":
        return "more" if is_spent(metric) else "slower"
    return said


def controlled(one: Comparison, family: int) -> Comparison:
    """A comparison whose verdict is not told from chance among `family` of them is a change that is
    none, a difference that does not matter, or inconclusive."""
    beyond = one.q_value is not None and one.q_value > 1 - one.confidence + 1e-12
    if not beyond or not (one.ahead or one.behind):
        return one
    if one.verdict == "improved":
        return one.model_copy(update={"verdict": "no_change"})
    if one.kind == "alternatives" and within(one.low or 0.0, one.high or 0.0, one.margin):
        return one.model_copy(update={"verdict": "no_difference"})
    reason = f"may be chance among {family} comparisons"
    return one.model_copy(update={"verdict": "inconclusive", "reason": reason})


def with_kind(record: RunRecord) -> RunRecord:
    """A stored run whose comparison knows what it is of, and says so: those of versions that did
    not ask called every slower alternative a regression."""
    if record.comparison is None:
        return record
    return record.model_copy(update={"comparison": of_kind(record.comparison, kind_of(record))})


def of_kind(report: ComparisonReport, kind: ComparisonKind) -> ComparisonReport:
    """A stored comparison with the verdicts and the words of its kind."""
    family = sum(one.q_value is not None for one in report.comparisons)
    ones = tuple(worded(_of_kind(one, kind, family)) for one in report.comparisons)
    return report.model_copy(update={"kind": kind, "comparisons": ones})


def worded(one: Comparison) -> Comparison:
    """A comparison that says its verdict in words."""
    return one.model_copy(update={"words": phrase(one)})


def _of_kind(one: Comparison, kind: ComparisonKind, family: int) -> Comparison:
    one = one.model_copy(update={"kind": kind})
    if one.reason or kind == "change":
        return one
    found = Estimate(one.pairs, one.confidence, one.ratio, one.low, one.high)
    verdict = verdict_of(kind, one.metric, found, one.margin)
    return controlled(one.model_copy(update={"verdict": verdict}), family)
