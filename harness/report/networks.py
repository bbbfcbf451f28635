"""The table of networks: what was asked for, what it came to, what a round trip costs a unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.cells import CellView
from harness.report.tables import MISSING, NOT_APPLICABLE, Row, Section, Table, row_label
from harness.scenario.wording import printable
from harness.units import format_duration, format_number

_HEAD = ("asked", "measured", "direct", "p50", "round trips")
_NOTE = (
    "asked: added round trip time. measured: the median round trip of the broker's own protocol "
    "through this network, as a block began; direct: past it. round trips: by how many of them the "
    "p50 grew, against the shortest one of the same configuration and load."
)


def network_tables(cells: Sequence[CellView]) -> tuple[Table, ...]:
    """Of all cells with a network of their own; empty without any."""
    led = [cell for cell in cells if _measured_s(cell) is not None]
    if not led:
        return ()
    groups: dict[tuple[str, str], list[CellView]] = {}
    for cell in led:
        groups.setdefault((str(cell.record.config.get("name")), cell.work), []).append(cell)
    sections = [
        Section(printable(f"{name}/{work}"), tuple(_rows(group)))
        for (name, work), group in groups.items()
    ]
    return (Table("Networks", _HEAD, tuple(sections), _NOTE),)


def _rows(group: Sequence[CellView]) -> Iterator[Row]:
    base = min(group, key=lambda cell: _measured_s(cell) or 0.0)
    for cell in group:
        network = cell.blocks[0].network
        yield Row(
            row_label(cell, by_work=True),
            (
                format_duration(network.get("asked_rtt_s")),
                format_duration(_measured_s(cell)),
                format_duration(network.get("direct_rtt_s")),
                format_duration(_p50_s(cell)),
                _round_trips(cell, base),
            ),
            flagged=cell.flagged,
        )


def _round_trips(cell: CellView, base: CellView) -> str:
    if cell is base:
        return NOT_APPLICABLE
    times = (_measured_s(cell), _measured_s(base), _p50_s(cell), _p50_s(base))
    rtt_s, base_rtt_s, p50_s, base_p50_s = times
    if rtt_s is None or base_rtt_s is None or p50_s is None or base_p50_s is None:
        return MISSING
    if rtt_s <= base_rtt_s:
        return MISSING
    return format_number((p50_s - base_p50_s) / (rtt_s - base_rtt_s))


def _measured_s(cell: CellView) -> float | None:
    """Over the blocks: the median one."""
    found = sorted(block.network["rtt_s"] for block in cell.blocks if "rtt_s" in block.network)
    return found[len(found) // 2] if found else None


def _p50_s(cell: CellView) -> float | None:
    return None if cell.figures.latency_s is None else cell.figures.latency_s.p50
