"""What a finished run means: its gates and its comparison, put into the record."""

from __future__ import annotations

from pathlib import Path

from harness.results.judge.compare import compare_run, comparison_plan
from harness.results.judge.gates import MeasuredRun, evaluate
from harness.results.record.run import RunRecord


def judged(
    record: RunRecord, folder: Path, baseline: MeasuredRun | None, *, force: bool
) -> RunRecord:
    """The record with every gate evaluated, and with the comparison its scenario asks for."""
    gates = [str(gate) for gate in record.scenario.get("gates", ())]
    results = evaluate(gates, MeasuredRun(record, folder), baseline, force=force)
    comparison = None if comparison_plan(record) is None else compare_run(record)
    return record.model_copy(update={"gates": results, "comparison": comparison})
