"""pytest-benchmark's JSON: `pytest-benchmark compare` and `--benchmark-compare` read it.

A round is a block; its time is seconds per completed unit. Names are those of the pytest
plugin (`pytest --harness`), so either can be compared with the other.
"""

from __future__ import annotations

import json

from harness.report.exports.round_statistics import round_statistics
from harness.report.exports.rounds import (
    details_of,
    exported_name,
    parameters_of,
    remarks_of,
    rounds_of,
    with_rounds,
)
from harness.report.view.cells import CellView, RunView
from harness.report.words.look import Look
from harness.results.record.stored import Plain
from harness.scenario.files.wording import printable

FORMAT_VERSION = "5.3.1"
"""Release of pytest-benchmark whose files these are like."""


def as_pytest_benchmark(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole file. Cells without a completed unit stand in `harness.left_out`."""
    record, environment = view.record, view.record.environment
    found, left_out = with_rounds(view, "pytest-benchmark")
    document = {
        "machine_info": {
            "node": environment.hostname,
            "system": environment.kernel,
            "python_version": environment.python,
            "cpu": {"brand_raw": environment.cpu, "count": environment.cores},
            "memory_bytes": environment.memory_bytes,
            "packages": environment.packages,
        },
        "commit_info": {"id": environment.git_commit, "dirty": environment.git_dirty},
        "benchmarks": [_benchmark(view, cell) for cell in found],
        "datetime": record.started_at,
        "version": FORMAT_VERSION,
        "harness": {
            "version": environment.harness,
            "run_id": record.run_id,
            "run_status": record.status,
            "left_out": {exported_name(cell): list(remarks_of(cell)) for cell in left_out},
        },
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _benchmark(view: RunView, cell: CellView) -> Plain:
    return {
        "group": group_of(cell),
        "name": exported_name(cell),
        # Runs are matched by it, so it is what the plugin knows before a server is there.
        "fullname": f"{printable(view.record.source)}::{printable(cell.name)}",
        "params": parameters_of(view, cell),
        "param": printable(cell.variant),
        "extra_info": details_of(cell),
        "options": {},
        "stats": round_statistics([one.seconds_per_unit for one in rounds_of(cell)]),
    }


def group_of(cell: CellView) -> str:
    """What a cell is to be compared within: the same work on other configurations."""
    return printable(cell.work or cell.name)
