"""The ledger as a table: every unit in exactly one column, duplicates beside."""

from __future__ import annotations

from harness.report.tables.main import (
    NOT_APPLICABLE,
    OUTCOME,
    Row,
    Section,
    Table,
    grouped,
    place_heads,
    row_of,
)
from harness.report.view.cells import CellView, Counts, RunView
from harness.report.words.wording import STAGES
from harness.scenario.files.wording import printable

_HEAD = ("units", "ok", "failed as meant", "failed", "wrong", "lost", "timed out", "dup", OUTCOME)
_NOTE = (
    "Every unit that was published counts once, of all blocks, failed ones included. dup: "
    "executions of a task beyond its first, beside the units. An empty field is none. all as "
    "meant: and each once. Behind it: tries that were retried, and units that expired, were "
    "revoked or ran into a time limit, each of which has its outcome all the same."
)


def ledger_table(view: RunView) -> Table:
    """What became of the units, a row per cell."""
    by_work = len({cell.variant for cell in view.cells}) > 1
    places = place_heads(view.cells)
    sections = tuple(
        Section(
            printable(name),
            tuple(_row(cell, by_work=by_work, places=bool(places)) for cell in cells),
        )
        for name, cells in grouped(view.cells, by_work=by_work)
    )
    return Table("The ledger", _HEAD, sections, _NOTE, places)


def _row(cell: CellView, *, by_work: bool, places: bool) -> Row:
    counts = cell.figures.counts
    ok = counts.completed - counts.failed_as_meant
    others = (counts.failed_as_meant, counts.failed, counts.wrong, counts.lost, counts.timed_out)
    units = ok + sum(others)
    figures = (
        f"{units:,}",
        f"{ok:,}",
        *(f"{count:,}" if count else NOT_APPLICABLE for count in (*others, counts.duplicated)),
    )
    return row_of(cell, (*figures, _words(counts)), by_work=by_work, places=places)


def _words(counts: Counts) -> str:
    """How far the lost ones got, what the failed ones raised, and whether the client kept up."""
    if not counts.blocks:
        return "not run"
    words = [f"{count:,} {STAGES[stage]}" for stage, count in counts.loss.items()]
    words += [f"{count:,} {printable(name)}" for name, count in counts.failures.items()]
    if counts.client_limited:
        words.append("client-limited")
    if not words and not counts.sound:
        words.append("see what went wrong" if counts.completed else "no unit completed")
    beside = [f"{count:,} {word}" for word, count in counts.beside.items()]
    return ", ".join([*(words or ["all as meant"]), *beside])
