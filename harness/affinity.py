"""`--affinity client=0,broker=0,workers=1-3+5`: which cores who may run on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import UsageError

Cores = frozenset[int]
ROLES = ("client", "broker", "workers")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_FORM = "say --affinity client=0,broker=0,workers=1-3+5, with any of the three"


def usable_cores() -> int:
    """Cores on which this process, and what it starts, may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Affinity:
    """Cores by role; None where a role may run anywhere."""

    client: Cores | None = None
    broker: Cores | None = None
    """Cores of every server that the harness starts: the broker's, and the result backend's."""
    workers: Cores | None = None

    def described(self) -> dict[str, str]:
        """Role -> cores as they are written, for the record; pinned roles only."""
        named = {"client": self.client, "broker": self.broker, "workers": self.workers}
        return {role: _written(cores) for role, cores in named.items() if cores is not None}


ANYWHERE = Affinity()


def parse(text: str) -> Affinity:
    """Read the option. UsageError for what cannot be read, or for cores that are not ours."""
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError("--affinity needs Linux: no other system lets a process choose its cores")
    pinned: dict[str, Cores] = {}
    for part in text.split(","):
        role, found, cores = part.strip().partition("=")
        if not found or role not in ROLES:
            raise UsageError(f"--affinity: cannot read {part!r}: {_FORM}")
        if role in pinned:
            raise UsageError(f"--affinity names {role} twice")
        pinned[role] = _cores(cores, part)
    _check(pinned, frozenset(os.sched_getaffinity(0)))
    return Affinity(**pinned)


def _cores(text: str, part: str) -> Cores:
    cores: set[int] = set()
    for piece in text.split("+"):
        match = _RANGE.fullmatch(piece.strip())
        if match is None:
            raise UsageError(f"--affinity: cannot read the cores in {part!r}: {_FORM}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"--affinity: {piece} counts backwards")
        cores.update(range(first, last + 1))
    return frozenset(cores)


def _check(pinned: Mapping[str, Cores], usable: Cores) -> None:
    for role, cores in pinned.items():
        if missing := cores - usable:
            raise UsageError(
                f"--affinity: {role} cannot have core {_written(missing)}: this process may use "
                f"{_written(usable)}"
            )


def _written(cores: Cores) -> str:
    """`{1, 2, 3, 5}` as `1-3+5`."""
    runs: list[list[int]] = []
    for core in sorted(cores):
        if runs and core == runs[-1][-1] + 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    return "+".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
