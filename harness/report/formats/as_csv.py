"""One row per block. The columns are documented in results/README.md and only ever added to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace

from harness.figures.figure import Figure
from harness.figures.names import word_of
from harness.figures.table import FIGURES, OF_ONE_ONLY
from harness.report.view.cells import RunView
from harness.report.words.escaping import spreadsheet_text
from harness.report.words.look import Look
from harness.report.words.wording import server_words
from harness.results.record.distributions import Distribution
from harness.results.record.figures import distribution_of, divided_into, value_of
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.scenario.files.wording import printable

Value = str | float | None


def as_csv(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """Header and rows, in the order in which the blocks ran. Nothing is an empty field."""
    file = io.StringIO()
    divided = {block.number: dict(_divided(block)) for block in view.record.blocks}
    further = dict.fromkeys(name for columns in divided.values() for name in columns)
    writer = csv.DictWriter(file, [*COLUMNS, *further], lineterminator="\n", restval="")
    writer.writeheader()
    for block in view.record.blocks:
        cell = view.record.cells[block.cell]
        row = [*_row(view.record, cell, block), *divided[block.number].items()]
        writer.writerow({name: _field(value) for name, value in row})
    return file.getvalue()


def _divided(block: BlockRecord) -> Iterator[tuple[str, Value]]:
    """Columns of single parts of a mix, queues and groups of workers, behind all others: those that
    the run has, called as the figure's own with `(queue=NAME)`."""
    for within, names in divided_into(block):
        for one in names:
            which = f"({within}={word_of(printable(one))})"
            for row in (*FIGURES, *OF_ONE_ONLY):
                if row.path_within(within):
                    figure = row.of(one, within)
                    stem = row.column or row.path_within(within)
                    columns = _columns_of(block, replace(figure, column=stem))
                    yield from ((f"{name}{which}", value) for name, value in columns.items())


def _row(record: RunRecord, cell: CellRecord, block: BlockRecord) -> list[tuple[str, Value]]:
    found = {**_names(record, cell, block), **_facts(block)}
    for figure in _SHOWN:
        found |= _columns_of(block, figure)
    return list(found.items())


def _columns_of(block: BlockRecord, figure: Figure) -> Mapping[str, Value]:
    if not figure.distribution:
        return {figure.column: value_of(block, figure)}
    known = distribution_of(block, figure) or Distribution(count=0)
    return {column: getattr(known, statistic) for column, statistic in figure.columns()}


def _names(record: RunRecord, cell: CellRecord, block: BlockRecord) -> Mapping[str, Value]:
    servers = {role: server_words(server) for role, server in cell.servers.items()}
    return {
        "run": record.run_id,
        "run_status": record.status,
        "block": block.number,
        "status": block.status,
        "cell": cell.name,
        "repetition": block.repetition,
        "configuration": str(cell.config.get("name", "")),
        "workload": str(cell.workload.get("workload", "")),
        "load": str(cell.load.get("load", "")),
        "broker": servers.get("broker"),
        "backend": servers.get("backend"),
        "emulator": "yes" if cell.emulated else "no",
        "started_at": block.started_at,
    }


def _facts(block: BlockRecord) -> Mapping[str, Value]:
    """What a block's row has beside figures: outcomes, warnings, what ended a search."""
    found = block.saturation
    return {
        "latency_basis": block.latency_basis,
        "ok": block.outcomes.ok,
        "failed": block.outcomes.failed,
        "warnings": " ".join(warning.code for warning in block.warnings),
        "error": block.error,
        "client_limited": "yes" if block.client_limited else "no",
        "stopped_by": None if found is None else found.stopped_by,
    }


_BEHIND = {
    "publish_rate_per_s": ("latency_basis",),
    "client_peak_rss_bytes": ("ok", "failed"),
    "duplicated": ("warnings", "error"),
    "unsent": ("client_limited",),
    "saturation_per_s": ("stopped_by",),
}
"""Column of a figure -> facts that stand behind it."""


def _field(value: Value) -> str | float:
    if value is None:
        return ""
    return spreadsheet_text(printable(value)) if isinstance(value, str) else value


_SHOWN = tuple(figure for figure in FIGURES if not figure.many)
"""What stands for many has no columns: which there were differs from block to block."""


def _columns() -> Iterator[str]:
    yield from ("run", "run_status", "block", "status", "cell", "repetition", "configuration")
    yield from ("workload", "load", "broker", "backend", "emulator", "started_at")
    for figure in _SHOWN:
        for column, _ in figure.columns():
            yield column
            yield from _BEHIND.get(column, ())


COLUMNS = tuple(_columns())
