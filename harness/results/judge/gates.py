"""Evaluates gates on the cells of a recorded run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.figures.figure import Figure, Within
from harness.figures.names import Asked
from harness.results.costs.capacity import saturation_range
from harness.results.judge.comparability import unlike_rates
from harness.results.judge.emulators import NOT_JUDGED, marked_gate
from harness.results.judge.identity import matched
from harness.results.judge.metrics import Metric
from harness.results.judge.run_differences import environment_differences
from harness.results.record.comparison import GateResult
from harness.results.record.computed import RECOVERIES, recovered_faults
from harness.results.record.figures import distribution_of, names_in, value_of
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.samples.pooled import measured_blocks, pooled_distribution
from harness.scenario.models.gates import Gate, GatedFigure, parse_gate
from harness.units import format_number

_RELATIVE_ERROR = 1e-12
"""`== 0.3` must not fail for the last bit of a sum."""


class _NoValue(Exception):  # noqa: N818 - not an error: a cell may have no such figure
    """Why a measure has no value in a cell."""


class _NotComparable(Exception):  # noqa: N818 - not an error: two figures may be of unlike things
    """Why a figure and its baseline's say nothing about each other."""


class _Never(Exception):  # noqa: N818 - not an error: it may never have recovered
    """Why no value holds: what was waited for did not happen."""


@dataclass(frozen=True)
class MeasuredRun:
    """A record with the folder that holds its samples."""

    record: RunRecord
    folder: Path


def evaluate(
    gates: Sequence[str],
    run: MeasuredRun,
    baseline: MeasuredRun | None = None,
    *,
    force: bool = False,
) -> tuple[GateResult, ...]:
    """Every gate in every cell, in the order of the scenario; not in those that `harness ab` added
    at a rate of its own, which no limit was meant for.

    A baseline measured in an unlike environment is not compared with, unless forced: the gates
    that need it then have no result, and say why. Raises UsageError for a gate that needs a
    baseline where none is given.
    """
    parsed = [parse_gate(text) for text in gates]
    check_baseline(parsed, given=baseline is not None)
    unlike: tuple[str, ...] = ()
    if baseline is not None and any(gate.needs_baseline for gate in parsed):
        unlike = environment_differences(baseline.record, run.record)
    cells = [cell for cell in run.record.cells if not cell.at_equal_rate]
    evaluation = _Evaluation(run, baseline, unlike, force)
    return tuple(evaluation.result(gate, cell) for gate in parsed for cell in cells)


def check_baseline(gates: Sequence[Gate], *, given: bool) -> None:
    """UsageError if a gate needs a baseline and there is none; asked before measuring."""
    needy = [gate.text for gate in gates if gate.needs_baseline]
    if needy and not given:
        raise UsageError(
            f"the gate `{needy[0]}` compares with a baseline: name one with --baseline, "
            "or in the scenario (harness baseline list shows what there is)"
        )


def failed_gates(results: Sequence[GateResult]) -> tuple[GateResult, ...]:
    """The results that do not hold, and those of a gate that could be evaluated in no cell at all.

    What is not judged, as an emulator's figures, fails nothing.
    """
    evaluated = {result.gate for result in results if result.passed is not None}
    return tuple(
        result
        for result in results
        if result.judged and (result.passed is False or result.gate not in evaluated)
    )


@dataclass(frozen=True)
class _Evaluation:
    """One run, perhaps beside its baseline."""

    run: MeasuredRun
    baseline: MeasuredRun | None
    unlike: tuple[str, ...]
    force: bool

    def result(self, gate: Gate, cell: CellRecord) -> GateResult:
        """What became of one gate in one cell."""
        found = self._found(gate, cell)
        return marked_gate(found) if cell.emulated else found

    def _found(self, gate: Gate, cell: CellRecord) -> GateResult:
        value = reason = None
        limit: float | None = None
        try:
            value = _measured(gate.measure, cell, self.run.folder)
            limit = _limit(gate, self._baseline(gate, cell) if gate.needs_baseline else None)
        except _NoValue as no_value:
            reason = str(no_value)
        except _Never as never:
            return GateResult(gate=gate.text, cell=cell.name, passed=False, reason=str(never))
        except _NotComparable as unlike:
            return GateResult(
                gate=gate.text,
                cell=cell.name,
                passed=None,
                value=value,
                reason=str(unlike),
                judged=False,
            )
        if value is None or limit is None:
            return GateResult(
                gate=gate.text, cell=cell.name, passed=None, value=value, reason=reason or ""
            )
        return GateResult(
            gate=gate.text,
            cell=cell.name,
            passed=gate.holds(_snapped(value, limit), limit),
            value=value,
            limit=limit,
            reason=self._beside(gate, cell),
        )

    def _beside(self, gate: Gate, cell: CellRecord) -> str:
        """What a reader of the outcome has to know."""
        words = []
        if gate.needs_baseline and self.unlike:
            words.append("the baseline's environment differs: " + "; ".join(self.unlike))
        found = saturation_range(measured_blocks(cell))
        if gate.measure.metric == "saturation" and found is not None:
            low, high = (f"{format_number(end)}/s" for end in (found.low_per_s, found.high_per_s))
            words.append(f"searches say {low} to {high}")
        return "; ".join(words)

    def _baseline(self, gate: Gate, cell: CellRecord) -> float:
        assert self.baseline is not None  # noqa: S101 - `evaluate` has checked it
        if self.unlike and not self.force:
            differences = "; ".join(self.unlike)
            raise _NoValue(f"the baseline's environment differs ({differences}); see --force")
        same = matched([cell], self.baseline.record.cells).get(cell.name)
        if same is None:
            raise _NoValue(f"the baseline {self.baseline.record.run_id} has no such cell")
        try:
            value = _measured(gate.measure, same, self.baseline.folder)
        except _NoValue as error:
            raise _NoValue(f"in the baseline: {error}") from error
        self._compare(gate.measure.figure, same, cell)
        return value

    def _compare(self, figure: Figure, base: CellRecord, cell: CellRecord) -> None:
        """Raises _NotComparable for figures of an emulator, and costs per task at other rates."""
        if base.emulated or cell.emulated:
            raise _NotComparable(NOT_JUDGED)
        metric = Metric(Asked(figure))
        reason = unlike_rates(metric, measured_blocks(base), measured_blocks(cell))
        if reason:
            raise _NotComparable(reason)


def _limit(gate: Gate, baseline: float | None) -> float:
    try:
        limit = gate.limit_at(baseline)
    except ZeroDivisionError:
        raise _NoValue("the limit divides by zero") from None
    except OverflowError:
        raise _NoValue("the limit is beyond all numbers") from None
    if not math.isfinite(limit):
        raise _NoValue("the limit is beyond all numbers")
    return limit


def _snapped(value: float, limit: float) -> float:
    return limit if math.isclose(value, limit, rel_tol=_RELATIVE_ERROR) else value


# --- figures of a cell --------------------------------------------------------------------------


def _measured(measure: GatedFigure, cell: CellRecord, folder: Path) -> float:
    """The value of the left side in one cell, over all its blocks. Raises _NoValue."""
    figure = measure.figure
    if figure.within and not _has(cell, figure.within, figure.one):
        raise _NoValue(f"this cell has no {figure.within} {figure.one}")
    if figure.summed:
        return _summed(figure, cell)
    blocks = measured_blocks(cell)
    if not blocks:
        raise _NoValue("no block was measured")
    if figure.name in RECOVERIES:
        return max(_recoveries(figure.name, blocks))
    if measure.function is not None:
        return _of_samples(figure, measure.function, blocks, folder)
    values = [value for block in blocks if (value := value_of(block, figure)) is not None]
    if not values:
        raise _NoValue(f"this cell has no {figure.name}")
    return _known(statistics.median(map(figure.in_base_units, values)))


def _has(cell: CellRecord, within: Within, one: str) -> bool:
    return any(one in names_in(block, within) for block in cell.blocks)


def _summed(figure: Figure, cell: CellRecord) -> float:
    """Over all blocks, failed ones included. What can only go wrong has not where it is not."""
    if not cell.blocks:
        raise _NoValue("no block was measured")
    values = [value_of(block, figure) for block in cell.blocks]
    if figure.better == "more" and all(value is None for value in values):
        raise _NoValue(f"this cell has no {figure.name}")
    return float(sum(value or 0 for value in values))


def _recoveries(name: str, blocks: Sequence[BlockRecord]) -> list[float]:
    """Of every fault that was done. Raises _Never for one that nothing recovered from."""
    found = []
    for fault in [fault for block in blocks for fault in recovered_faults(block, name)]:
        value = getattr(fault, RECOVERIES[name])
        if value is None:
            raise _Never(f"not while it was watched, for {fault.watched_s:.3g} s")
        found.append(value)
    if not found:
        raise _NoValue("no fault was done of which it is known")
    return found


def _of_samples(
    figure: Figure, function: str, blocks: Sequence[BlockRecord], folder: Path
) -> float:
    """Of the samples of all blocks together: a mean of percentiles is no percentile. Where no
    samples are kept it is the median of the blocks, as of every figure that a block has one of."""
    found = [one for block in blocks if (one := distribution_of(block, figure)) and one.count]
    if not found:
        raise _NoValue(f"this cell has no samples of {figure.name}")
    if len(found) == 1:
        return _known(getattr(found[0], function))
    if function == "mean":
        weighted = math.fsum(_known(one.mean) * one.count for one in found)
        return weighted / sum(one.count for one in found)
    if function in ("min", "max"):
        return (min if function == "min" else max)(_known(getattr(one, function)) for one in found)
    if figure.samples is None or figure.within == "group":
        return statistics.median(_known(getattr(one, function)) for one in found)
    count = sum(one.count for one in found)
    pooled = pooled_distribution(figure, folder, blocks, count)
    if pooled is None:
        raise _NoValue(
            "raw samples of some blocks are missing, or not as many as the record says, and "
            "percentiles cannot be averaged"
        )
    return _known(getattr(pooled, function))


def _known(value: float | None) -> float:
    if value is None:
        raise _NoValue("the record lacks this figure")
    if not math.isfinite(value):
        raise _NoValue("the record's figure is no number")
    return value
