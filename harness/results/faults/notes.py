"""What the harness noted of a fault while it did it: moments and processes, nothing judged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.scenario.models.faults import FaultKind, kind_of

_FILE = "faults.json"
"""Beside a block's event logs while it is measured; its content then stands in the record."""
_PIDS = ("died", "mains", "pool", "started")


@dataclass(frozen=True)
class FaultNote:
    """One fault as it was done. Times are CLOCK_MONOTONIC ns; None: it did not get so far."""

    number: int
    """Place of the fault in the load's list of faults, from 0."""
    fault: str
    """Name of its kind: `kill_worker`."""
    planned_ns: int
    """When it was to be done."""
    load_begin_ns: int
    """When the load's first unit was due."""
    begin_ns: int | None = None
    """Right before the fault was done."""
    struck_ns: int | None = None
    """When the fault was done: the process was gone, the network cut."""
    mending_ns: int | None = None
    """Right before the fault was undone."""
    mended_ns: int | None = None
    """When the fault was undone: the new process runs, the server answers, the network is
    restored."""
    not_done: str = ""
    """Why it could not be done; empty if it was, or the load was over before."""
    target: str = ""
    """`worker1`, `broker`, `clients to broker` ..."""
    died: tuple[int, ...] = ()
    """Ids of the processes that the fault ended."""
    mains: tuple[int, ...] = ()
    """Ids of the main processes of the workers that the fault was about."""
    pool: tuple[int, ...] = ()
    """Ids of the pool processes of these workers, where they went on living."""
    started: tuple[int, ...] = ()
    """Ids of the main processes that were started instead of those that ended."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What was measured of it: `rtt_s`, `direct_rtt_s` ..."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """The fault as the scenario has it."""

    @property
    def kind(self) -> FaultKind:
        """The row of the fault's kind: its words, place and attribution."""
        return kind_of(self.fault, self.model.get("how"))

    @property
    def over_ns(self) -> int | None:
        """When nothing was broken by the fault any more: mended, or struck where nothing is to
        mend; None if it did not get so far."""
        return self.mended_ns if self.mended_ns is not None else self.struck_ns


@dataclass(frozen=True)
class Fallen:
    """A worker that ended by itself."""

    pid: int
    """Id of its main process."""
    worker: str
    """`worker1`, with its group where there are several."""
    why: str
    """The type of what it raised, or else how its process ended."""
    at_ns: int
    """When that was noticed (CLOCK_MONOTONIC)."""


def write_notes(events: Path, notes: Iterable[FaultNote]) -> None:
    """Keep the notes beside the event logs, in case the harness is killed. OSError: a full disk."""
    partial = events / f"{_FILE}.partial"
    partial.write_text(json.dumps([asdict(note) for note in notes]), encoding="utf-8")
    partial.replace(events / _FILE)


def read_notes(events: Path) -> tuple[FaultNote, ...]:
    """What `write_notes` kept; empty if nothing was broken, or if it is damaged."""
    try:
        kept = json.loads((events / _FILE).read_text(encoding="utf-8"))
        return tuple(_note(**fields) for fields in kept)
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _note(**fields: Any) -> FaultNote:
    """What a newer version has added is left out."""
    known = {one.name for one in dataclasses.fields(FaultNote)}
    kept = {name: value for name, value in fields.items() if name in known}
    return FaultNote(**kept | {name: tuple(fields[name]) for name in _PIDS})
