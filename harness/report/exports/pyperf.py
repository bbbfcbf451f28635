"""pyperf's JSON: `python -m pyperf compare_to`, `hist`, `stats` read it.

A pyperf run is a block with one value: seconds per completed unit. (`pyperf` itself is not
needed to write it: file version 1.0, see `Benchmark.dump` in pyperf/_bench.py.)
"""

from __future__ import annotations

import json

from harness.report.exports.rounds import (
    Round,
    exported_name,
    ledger_of,
    remarks_of,
    rounds_of,
    warning_codes_of,
    with_rounds,
)
from harness.report.view.cells import CellView, RunView
from harness.report.words.look import Look
from harness.results.record.stored import Plain
from harness.scenario.files.wording import printable

FILE_VERSION = "1.0"
Metadata = dict[str, str | int | float]


def as_pyperf(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole file. Cells without a completed unit are named in `harness_left_out`."""
    record, environment = view.record, view.record.environment
    found, left_out = with_rounds(view, "pyperf")
    metadata: Metadata = {
        "unit": "second",
        "hostname": environment.hostname,
        "cpu_model_name": environment.cpu,
        "cpu_count": environment.cores,
        "platform": environment.kernel,
        "python_version": environment.python,
        "harness_run": record.run_id,
        "harness_run_status": record.status,
        "harness_version": environment.harness,
        "harness_left_out": "; ".join(
            f"{exported_name(cell)}: {', '.join(remarks_of(cell))}" for cell in left_out
        ),
        **{f"{name}_version": version for name, version in environment.packages.items()},
    }
    document = {
        "version": FILE_VERSION,
        "metadata": _clean(metadata),
        "benchmarks": [_benchmark(cell) for cell in found],
    }
    return json.dumps(document, allow_nan=False) + "\n"


def _benchmark(cell: CellView) -> Plain:
    ledger = {f"harness_{outcome}": count for outcome, count in ledger_of(cell).items()}
    metadata = _clean(
        {
            "name": exported_name(cell),
            "harness_remarks": "; ".join(remarks_of(cell)),
            "harness_warnings": ", ".join(warning_codes_of(cell)),
            **_latency(cell),
            **ledger,
        }
    )
    return {"metadata": metadata, "runs": [_run(cell, one) for one in rounds_of(cell)]}


def _run(cell: CellView, one: Round) -> Plain:
    block = next(block for block in cell.blocks if block.number == one.block)
    metadata = _clean(
        {
            "date": block.started_at[:23].replace("T", " "),
            "harness_block": block.number,
            "harness_block_status": block.status,
            "harness_block_not_ok": block.outcomes.total - block.completed,
            "harness_block_duplicated": block.duplicated,
        }
    )
    return {"metadata": metadata, "values": [one.seconds_per_unit]}


def _latency(cell: CellView) -> Metadata:
    found = cell.figures.latency_s
    if found is None:
        return {}
    shown = found.model_dump(exclude_none=True, exclude={"count"})
    return {f"harness_latency_{name}_s": value for name, value in shown.items()}


def _clean(metadata: Metadata) -> Metadata:
    """pyperf refuses empty texts and line breaks."""
    plain = {
        name: printable(value).strip() if isinstance(value, str) else value
        for name, value in metadata.items()
    }
    return {printable(name): value for name, value in plain.items() if value != ""}
