"""Whether two runs were measured in environments that can be compared at all."""

from __future__ import annotations

from collections.abc import Iterator

from harness.results.record import CellRecord, RunRecord
from harness.scenario.wording import printable

_MACHINE = ("cpu", "cores", "kernel", "python")
_PLAN = ("units", "duration", "warmup")


def environment_differences(base: RunRecord, head: RunRecord) -> tuple[str, ...]:
    """One line per difference, `what: base / head`; empty for environments that are alike.

    Machine, Python, packages, and of the cells that both have their servers and the extent of
    a block: a run of 50 units is not compared with one of 5,000.
    """
    return tuple(dict.fromkeys(map(printable, _differences(base, head))))


def _differences(base: RunRecord, head: RunRecord) -> Iterator[str]:
    for name in _MACHINE:
        yield from _line(name, getattr(base.environment, name), getattr(head.environment, name))
    ours, theirs = base.environment.packages, head.environment.packages
    for package in sorted(ours.keys() | theirs.keys()):
        yield from _line(package, ours.get(package), theirs.get(package))
    others = {cell.name: cell for cell in head.cells}
    for cell in base.cells:
        if cell.name in others:
            yield from _of_cells(cell, others[cell.name])


def _of_cells(base: CellRecord, head: CellRecord) -> Iterator[str]:
    ours, theirs = base.packages, head.packages
    for package in sorted(ours.keys() | theirs.keys()):
        yield from _line(f"{base.name}, {package}", ours.get(package), theirs.get(package))
    for role in sorted(base.servers.keys() | head.servers.keys()):
        yield from _line(role, _server(base, role), _server(head, role))
    for name in _PLAN:
        what = f"{base.name}, {name}"
        yield from _line(what, base.measure.get(name), head.measure.get(name))


def _server(cell: CellRecord, role: str) -> str | None:
    server = cell.servers.get(role)
    return f"{server.product} {server.version}, {server.provider}" if server else None


def _line(what: str, base: object, head: object) -> Iterator[str]:
    if base != head:
        yield f"{what}: {_shown(base)} / {_shown(head)}"


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
