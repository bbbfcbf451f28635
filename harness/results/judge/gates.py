"""Evaluates gates on the cells of a recorded run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.results.costs.capacity import saturation_range
from harness.results.judge.comparability import unlike_rates
from harness.results.judge.emulators import NOT_JUDGED, marked_gate
from harness.results.judge.identity import matched
from harness.results.judge.named_metrics import metric_named
from harness.results.judge.unlike import environment_differences
from harness.results.record.comparison import GateResult
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.results.samples.pooled import measured_blocks, pooled_distribution
from harness.results.samples.spreads import spread_of
from harness.scenario.models.gates import Gate, Measure, parse_gate
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
    """Every gate in every cell, in the order of the scenario.

    A baseline measured in an unlike environment is not compared with, unless forced: the gates
    that need it then have no result, and say why. Raises UsageError for a gate that needs a
    baseline where none is given.
    """
    parsed = [parse_gate(text) for text in gates]
    check_baseline(parsed, given=baseline is not None)
    unlike: tuple[str, ...] = ()
    if baseline is not None and any(gate.needs_baseline for gate in parsed):
        unlike = environment_differences(baseline.record, run.record)
    evaluation = _Evaluation(run, baseline, unlike, force)
    return tuple(evaluation.result(gate, cell) for gate in parsed for cell in run.record.cells)


def check_baseline(gates: Sequence[Gate], *, given: bool) -> None:
    """UsageError if a gate needs a baseline and there is none; asked before measuring."""
    needy = [gate.text for gate in gates if gate.needs_baseline]
    if needy and not given:
        raise UsageError(
            f"the gate `{needy[0]}` compares with a baseline: name one with --baseline, "
            "or in the scenario (harness baseline list shows what there is)"
        )


def failed_gates(results: Sequence[GateResult]) -> tuple[GateResult, ...]:
    """Those that do not hold, and those of a gate that could be evaluated in no cell at all.

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
        self._compare(gate.measure.metric, same, cell)
        return value

    def _compare(self, metric: str, base: CellRecord, cell: CellRecord) -> None:
        """Raises _NotComparable for figures of an emulator, and costs per task at other rates."""
        if base.emulated or cell.emulated:
            raise _NotComparable(NOT_JUDGED)
        if metric in _COSTS:
            cost = metric_named(metric)
            reason = unlike_rates(cost, measured_blocks(base), measured_blocks(cell))
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


def _measured(measure: Measure, cell: CellRecord, folder: Path) -> float:
    """The value of the left side in one cell, over all its blocks. Raises _NoValue."""
    if measure.metric in _COUNTS:
        if not cell.blocks:
            raise _NoValue("no block was measured")
        return float(sum(_COUNTS[measure.metric](block) for block in cell.blocks))
    blocks = measured_blocks(cell)
    if not blocks:
        raise _NoValue("no block was measured")
    if measure.metric in _RECOVERIES:
        return max(_recoveries_s(measure.metric, blocks))
    if measure.function is not None:
        return _of_samples(measure.metric, measure.function, blocks, folder)
    figures = [
        figure for block in blocks if (figure := _FIGURES[measure.metric](block)) is not None
    ]
    if not figures:
        raise _NoValue(f"this cell has no {measure.metric}")
    return _known(statistics.median(figures))


def _recoveries_s(metric: str, blocks: Sequence[BlockRecord]) -> list[float]:
    """Of every fault that was done. Raises _Never for one that nothing recovered from."""
    found = []
    for fault in [fault for block in blocks for fault in block.faults]:
        value = getattr(fault, _RECOVERIES[metric])
        if fault.begin_at_s is None or (metric == "recovery.p99" and fault.disturbed is None):
            continue
        if value is None:
            raise _Never(f"not while it was watched, for {fault.watched_s:.3g} s")
        found.append(value)
    if not found:
        raise _NoValue("no fault was done of which it is known")
    return found


def _of_samples(metric: str, function: str, blocks: Sequence[BlockRecord], folder: Path) -> float:
    """Of the samples of all blocks together: a mean of percentiles is no percentile."""
    found = [one for block in blocks if (one := spread_of(block, metric)) and one.count]
    if not found:
        raise _NoValue(f"this cell has no samples of {metric}")
    if len(found) == 1:
        return _known(getattr(found[0], function))
    if function == "mean":
        weighted = math.fsum(_known(one.mean) * one.count for one in found)
        return weighted / sum(one.count for one in found)
    if function in ("min", "max"):
        return (min if function == "min" else max)(_known(getattr(one, function)) for one in found)
    count = sum(one.count for one in found)
    pooled = pooled_distribution(metric, folder, blocks, count)
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


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


_COUNTS: Mapping[str, Callable[[BlockRecord], int]] = {
    "units": lambda block: block.units,
    "ok": lambda block: block.completed,
    "lost": lambda block: block.outcomes.lost,
    "wrong": lambda block: block.outcomes.wrong,
    "failed": lambda block: block.outcomes.failed - block.failed_as_meant,
    "timed_out": lambda block: block.outcomes.timed_out,
    "duplicated": lambda block: block.duplicated,
    "unsent": lambda block: block.unsent,
    "missed": lambda block: 0 if block.periodic is None else block.periodic.missed,
    "doubled": lambda block: 0 if block.periodic is None else block.periodic.doubled,
}
"""Added up over all blocks, failed ones included. Units that failed as meant count as `ok`."""

_FIGURES: Mapping[str, Callable[[BlockRecord], float | None]] = {
    "throughput": lambda block: block.throughput_per_s,
    "throughput.tasks": lambda block: block.tasks_per_s,
    "throughput.publish": lambda block: block.publish_rate_per_s,
    "throughput.sent": lambda block: block.sent_per_s,
    "saturation": lambda block: None if block.saturation is None else block.saturation.rate_per_s,
    "worker_cpu": lambda block: _seconds(block.worker_cpu_ms_per_task),
    "client_cpu": lambda block: _seconds(block.client_cpu_ms_per_task),
    "broker_cpu": lambda block: _seconds(block.broker_cpu_ms_per_task),
    "backend_cpu": lambda block: _seconds(block.backend_cpu_ms_per_task),
    "worker_memory": lambda block: block.worker_peak_rss_bytes,
    "broker_memory": lambda block: block.broker_peak_rss_bytes,
    "dollars_per_million": lambda block: block.dollars_per_million_tasks,
}
"""One figure per block; of several blocks the median."""

_COSTS = ("worker_cpu", "client_cpu", "broker_cpu", "backend_cpu", "dollars_per_million")
"""Costs of one task, which depend on the rate: against a baseline they need like rates."""

_RECOVERIES = {"recovery.first": "first_back_s", "recovery.p99": "p99_back_s"}
"""Fields of a fault's record; the longest of all faults counts."""
