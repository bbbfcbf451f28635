"""Exports of hand-made records, in files where a format's own readers find them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.report.registry import RENDERERS, Format
from harness.report.view.cells import view_of
from harness.report.words.look import Look
from harness.results.record.comparison import Comparison, ComparisonReport, GateResult
from harness.results.record.run import RunRecord
from harness.results.samples.pooled import PooledCell
from tests.report.made import records

EXPORTS: tuple[Format, ...] = (
    "md-summary",
    "md-comment",
    "junit",
    "pytest-benchmark",
    "pyperf",
    "github-benchmark-bigger",
    "github-benchmark-smaller",
    "bmf",
    "openmetrics",
)


def exported(record: RunRecord, form: Format, pooled: dict[int, PooledCell] | None = None) -> str:
    """The text of an export."""
    return RENDERERS[form](view_of(record, Path("results/example"), pooled or {}), Look())


def written(folder: Path, name: str, record: RunRecord, form: Format) -> Path:
    """The same in a file."""
    path = folder / name
    path.write_text(exported(record, form), encoding="utf-8")
    return path


def run_tool(*arguments: str, folder: Path) -> str:
    """Standard output of `python -m ARGUMENTS`, which has to succeed."""
    ended = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout


def judged_run() -> RunRecord:
    """A run with gates and verdicts of every kind."""
    open_verdict = {"smallest_effect": 0.12, "smallest_regression": 0.16}
    return records.run(
        records.cell("redis/add/closed-8", records.block(0, 0)),
        gates=(
            _gate("lost == 0", passed=True, value=0.0, limit=0.0),
            _gate("p99(latency.total) < 20ms", passed=False, value=0.0256, limit=0.02),
            _gate("throughput > 0.95 * baseline", passed=True, value=500.0, limit=475.0),
            _gate(
                "throughput > 0.95 * baseline",
                passed=None,
                cell="redis/chain-2/closed-8",
                reason="the baseline has no such cell",
            ),
        ),
        scenario={
            "name": "example",
            "question": "What does it cost?",
            "compare": {"kind": "change"},
        },
        comparison=ComparisonReport(
            base="redis",
            head="redis-late",
            interleaved=True,
            comparisons=(
                _compared("throughput", "regression", 0.8, 0.78, 0.82, smallest_effect=0.03),
                _compared("worker_cpu", "inconclusive", 0.97, 0.9, 1.05, **open_verdict),
                _compared("latency.total.p50", "no_change", 1.0, 0.99, 1.01),
                _compared(
                    "latency.total.p99",
                    "regression",
                    0.7,
                    0.6,
                    0.8,
                    judged=False,
                    smallest_regression=0.1,
                ),
            ),
        ),
    )


def _gate(
    text: str,
    *,
    passed: bool | None,
    value: float | None = None,
    limit: float | None = None,
    cell: str = "redis/add/closed-8",
    reason: str = "",
) -> GateResult:
    return GateResult(gate=text, cell=cell, passed=passed, value=value, limit=limit, reason=reason)


def _compared(
    metric: str, verdict: str, ratio: float, low: float, high: float, **changes: object
) -> Comparison:
    return Comparison.model_validate(
        {
            "base": "redis/add/closed-8",
            "head": "redis-late/add/closed-8",
            "metric": metric,
            "pairs": 10,
            "ratio": ratio,
            "low": low,
            "high": high,
            "margin": 0.05,
            "verdict": verdict,
        }
        | changes
    )
