"""Adds two rows to the table of figures, as a contributor would, and says where they are found.

A process of its own: everything reads the table when it is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.figures import table
from harness.figures.figure import Figure

table.FIGURES += (
    Figure("toy.round_trip", "a toy", "s", "less", "network.rtt_s", "toy_round_trip_s", "toy"),
    Figure(
        "toy.naps", "a toy's naps", "s", "less", "canvas_s.naps", "naps", distribution=True,
        csv=("p99",),
    ),
)  # fmt: skip

from click.testing import CliRunner  # noqa: E402 - after the row

from harness.cli.listing import command  # noqa: E402
from harness.report.exports.rounds import details_of  # noqa: E402
from harness.report.registry import render  # noqa: E402
from harness.report.tables.main import figure_column  # noqa: E402
from harness.report.view.cells import view_of  # noqa: E402
from harness.results.judge.gates import MeasuredRun, evaluate  # noqa: E402
from tests.history.queries import rows  # noqa: E402
from tests.history.stores import asked, store  # noqa: E402
from tests.report.made.records import block, cell, run, spread_around  # noqa: E402


def _told(folder: Path) -> dict[str, object]:
    blocks = [
        block(
            number, 0, repetition=number, network={"rtt_s": 0.005 + number / 1e3},
            canvas_s={"naps": spread_around(0.1 + number, 10)},
        )
        for number in range(3)
    ]  # fmt: skip
    record = run(cell("redis/add/closed-8", *blocks), scenario={"name": "toys"})
    gates = ["toy.round_trip < 7ms", "p99(toy.naps) < 1s", "max(toy.naps) > 4s"]
    view = view_of(record, folder, {})
    column = figure_column("toy.round_trip")
    return {
        "gates": [(one.passed, one.value) for one in evaluate(gates, MeasuredRun(record, folder))],
        "history": [
            point.value
            for metric in ("toy.round_trip", "toy.naps.p50")
            for series in asked(folder / metric, [record], scenario="toys", metric=metric).series
            for point in series.points
        ],
        "sql": rows(
            store(folder / "sql", [record]),
            "SELECT toy_round_trip_s, naps_s.p50 FROM blocks ORDER BY block",
        ),
        "csv": [line.rsplit(",", 2)[1:] for line in render(record, folder, "csv").splitlines()],
        "openmetrics": [
            line.rpartition(" ")[2]
            for line in render(record, folder, "openmetrics").splitlines()
            if 'figure="toy.round_trip"' in line
        ],
        "exports": details_of(view.cells[0])["figures"]["toy.round_trip"]["median"],
        "pytest": float(view.cells[0].figures["toy.naps.p50"] or 0),
        "report": (column.head, column.text(view.cells[0].figures)),
        "list": [
            line.split(maxsplit=3)
            for line in CliRunner().invoke(command, ["metrics"]).output.splitlines()
            if line.startswith("toy.")
        ],
    }


if __name__ == "__main__":
    json.dump(_told(Path(sys.argv[1])), sys.stdout)
