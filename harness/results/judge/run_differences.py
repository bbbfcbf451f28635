"""Whether two runs were measured in environments that can be compared at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.results.judge.circumstances import project_of
from harness.results.judge.identity import matched
from harness.results.record.run import CellRecord, RunRecord
from harness.scenario.files.wording import listed, printable

_MACHINE = ("cpu", "cores", "kernel", "python")
_PLAN = ("units", "duration", "warmup")


def environment_differences(base: RunRecord, head: RunRecord) -> tuple[str, ...]:
    """One line per difference, `what: base / head`; empty for environments that are alike.

    Machine, Python, packages, and of the cells that both have their servers and the extent of
    a block: a run of 50 units is not compared with one of 5,000.
    """
    return tuple(dict.fromkeys(map(printable, _differences(base, head))))


def server_differences(base: RunRecord, head: RunRecord) -> tuple[str, ...]:
    """One line per server that is another one, `what: base / head`, of cells that both have.
    What one side does not know is no difference."""
    others = matched(base.cells, head.cells)
    lines = (
        line
        for cell in base.cells
        if cell.name in others
        for role in sorted(cell.servers.keys() & others[cell.name].servers.keys())
        for line in _line(role, _server(cell, role), _server(others[cell.name], role))
    )
    return tuple(dict.fromkeys(map(printable, lines)))


def project_differences(base: RunRecord, head: RunRecord) -> tuple[str, ...]:
    """One line per commit of the user's project that is another one, `project: base / head`, of two
    records of one plan. What a record does not say is no difference."""
    lines = (
        line
        for ours, theirs in zip(base.cells, head.cells, strict=True)
        if ours.project_known and theirs.project_known
        for line in _line("project", project_of(base, ours)[0], project_of(head, theirs)[0])
    )
    return tuple(dict.fromkeys(map(printable, lines)))


def configuration_differences(base: RunRecord, head: RunRecord) -> tuple[str, ...]:
    """One line per field of a configuration, workload or load that a cell of both runs does
    not share, `what: base / head`: somebody edited the file between the two runs."""
    others = matched(base.cells, head.cells)
    lines = (
        line
        for cell in base.cells
        if cell.name in others
        for line in _of_plans(cell, others[cell.name])
    )
    return tuple(dict.fromkeys(map(printable, lines)))


def _of_plans(base: CellRecord, head: CellRecord) -> Iterator[str]:
    name = str(base.config.get("name", base.name))
    ours, theirs = ({**cell.config, "description": ""} for cell in (base, head))
    yield from _of_fields(name, ours, theirs)
    yield from _of_fields(f"{base.name}: workload", base.workload, head.workload)
    yield from _of_fields(f"{base.name}: load", base.load, head.load)


def _of_fields(what: str, base: Any, head: Any) -> Iterator[str]:
    """Down to the fields that differ, whole where one side has no such mapping."""
    if isinstance(base, Mapping) and isinstance(head, Mapping):
        for field in dict.fromkeys([*base, *head]):
            yield from _of_fields(f"{what}.{field}", base.get(field), head.get(field))
    else:
        yield from _line(what, base, head)


def _differences(base: RunRecord, head: RunRecord) -> Iterator[str]:
    for name in _MACHINE:
        yield from _line(name, getattr(base.environment, name), getattr(head.environment, name))
    for role in sorted(base.environment.affinity.keys() | head.environment.affinity.keys()):
        kept = (run.environment.affinity.get(role) for run in (base, head))
        yield from _line(f"cores of {role}", *kept)
    ours, theirs = base.environment.packages, head.environment.packages
    for package in sorted(ours.keys() | theirs.keys()):
        yield from _line(package, ours.get(package), theirs.get(package))
    others = matched(base.cells, head.cells)
    for cell in base.cells:
        if cell.name in others:
            yield from _of_cells(cell, others[cell.name])


def _of_cells(base: CellRecord, head: CellRecord) -> Iterator[str]:
    ours, theirs = base.packages, head.packages
    known = bool(ours and theirs)  # from the first block on
    for package in sorted(ours.keys() | theirs.keys()) if known else ():
        yield from _line(f"{base.name}, {package}", ours.get(package), theirs.get(package))
    for role in sorted(base.servers.keys() | head.servers.keys()):
        yield from _line(role, _server(base, role), _server(head, role))
    for name in _PLAN:
        what = f"{base.name}, {name}"
        yield from _line(what, base.measure.get(name), head.measure.get(name))
    designs = _design(base), _design(head)
    if all(designs):  # from the first complete block on
        yield from _line(f"{base.name}, design", *designs)


def _design(cell: CellRecord) -> str:
    """How its blocks were measured; empty where none is complete. Slices cost some throughput."""
    whole = [block for block in cell.blocks if block.status == "complete"]
    return listed(sorted({"twins" if block.slices else "blocks" for block in whole}))


def _server(cell: CellRecord, role: str) -> str | None:
    server = cell.servers.get(role)
    if server is None:
        return None
    host = ", on another host" if server.same_host is False else ""
    return f"{server.product} {server.version}, {server.provider}{host}"


def _line(what: str, base: object, head: object) -> Iterator[str]:
    if base != head:
        yield f"{what}: {_shown(base)} / {_shown(head)}"


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
