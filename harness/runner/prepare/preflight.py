"""Looked at before a run: how many files a process may open here, whether networks can be made
that it asks for, and who else measures."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from harness.errors import UsageError
from harness.results.record.run import RecordedWarning
from harness.scenario.checks.faulty_loads import network_by
from harness.scenario.models.scenario import Cell
from harness.services.bad_network import wires
from harness.workspace import MARK, living_workspaces

_DESCRIPTORS = 256
"""The harness, a client or a worker uses up to 60 with default loads."""


def check_descriptors() -> None:
    """UsageError if this process, and so all that it starts, may open too few files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _DESCRIPTORS:
        raise UsageError(
            f"a process may open {soft} files here, and clients, workers and servers need "
            f"{_DESCRIPTORS} at least: say `ulimit -n 1024` in this shell, and run again"
        )


def check_networks(cells: Iterable[Cell], environ: Mapping[str, str]) -> None:
    """UsageError if a cell's network is to be made by netem, and that cannot be done here."""
    if all(network_by(cell.configuration, cell.load) == "proxy" for cell in cells):
        return
    if trouble := wires.trouble(environ):
        raise UsageError(
            f"network by: netem cannot be had here: {trouble}. Say by: proxy, which needs nothing "
            "of that but cannot lose packets, or see `harness doctor`"
        )


def others_measuring(own: str) -> int:
    """How many other runs of the harness are under way on this machine, as far as this user may
    see. `own` is the path of the workspace that is not counted."""
    return len(workspaces_in_use(Path(own).parent) - {own})


def workspaces_in_use(root: Path) -> set[str]:
    """The workspaces of runs that are under way on this machine, as far as this user may see."""
    # Between two blocks a run has but its servers, and Redis overwrites its own environment for a
    # title: the lock of a workspace shows such a run too, where both use the same TMPDIR.
    return {*_marks(), *map(str, living_workspaces(root))}


def neighbours(workspace: str) -> tuple[RecordedWarning, ...]:
    """The warning that another run uses the same cores, if one does."""
    others = others_measuring(workspace)
    return (RecordedWarning(code="other_runs", data={"runs": others}),) if others else ()


def _marks() -> Iterator[str]:
    """Workspaces that living processes are marked with."""
    for process in psutil.process_iter():
        environ: Mapping[str, str] = {}
        try:
            environ = process.environ()
        except (psutil.Error, OSError):  # ended meanwhile, or somebody else's
            continue
        mark = environ.get(MARK, "")
        if mark and os.path.isdir(mark):  # noqa: PTH112 - a text from a stranger's environment
            yield mark
