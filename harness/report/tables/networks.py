"""The table of networks: what was asked for, what it came to, what a round trip costs a unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.tables.main import MISSING, NOT_APPLICABLE, Row, Section, Table, row_label
from harness.report.view.cells import CellView
from harness.results.record.stored import Plain
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

_HEAD = ("by", "asked", "measured", "direct", "lost", "p50", "round trips")
_NOTE = (
    "by: a TCP proxy of the harness, or Linux' netem. asked: added round trip time, and the share "
    "of packets to be lost each way. measured: the median round trip of the broker's own protocol "
    "through this network, as a block began; direct: past it. lost: packets of all that were sent, "
    "warming up and faults included; a proxy has none. round trips: by how many of them the p50 "
    "grew, against the shortest one of the same configuration, load and kind of network."
)


def network_tables(cells: Sequence[CellView]) -> tuple[Table, ...]:
    """Tables of round trips of the cells with a network of their own; empty without any."""
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
    for cell in group:
        network = cell.blocks[0].network
        alike = [other for other in group if _kind(other) == _kind(cell)]
        base = min(alike, key=lambda other: _measured_s(other) or 0.0)
        yield Row(
            row_label(cell, by_work=True),
            (
                printable(str(_asked(cell).get("by", "proxy"))),
                _asked_words(network),
                format_duration(_measured_s(cell)),
                format_duration(network.get("direct_rtt_s")),
                _lost(cell),
                format_duration(_p50_s(cell)),
                _round_trips(cell, base),
            ),
            flagged=cell.flagged,
        )


def _asked(cell: CellView) -> Mapping[str, Any]:
    """What the configuration says of it. Older records know no `by`: all were proxies then."""
    return cell.record.config.get("network") or {}


def _asked_words(network: Mapping[str, float]) -> str:
    rtt, loss = format_duration(network.get("asked_rtt_s")), network.get("asked_loss", 0.0)
    return f"{rtt}, {loss * 100:.4g}%" if loss else rtt


def _kind(cell: CellView) -> Plain:
    """All but the round trip: a p50 that grows for another reason is not to be divided by it."""
    return {name: value for name, value in _asked(cell).items() if name != "rtt"}


def _lost(cell: CellView) -> str:
    counted = [block.network for block in cell.blocks if "packets" in block.network]
    packets = sum(network["packets"] for network in counted)
    if not packets:
        return NOT_APPLICABLE if _asked(cell).get("by", "proxy") == "proxy" else MISSING
    lost = sum(network["lost_packets"] for network in counted)
    return f"{lost / packets:.2%}"


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
