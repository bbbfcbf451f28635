"""What is recorded of units that are published many at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import repeat

from harness.probe.recording.events import Kind, UnitFlag
from harness.probe.workloads.units import UnitRunner


class Stamps:
    """Records for whole batches. Idents are the 16 bytes of each unit's first task."""

    def __init__(self, units: UnitRunner) -> None:
        self._runner = units
        self._record = units.recorder.record_units

    def idents(self, units: Sequence[int]) -> list[bytes]:
        """Task ids, as bytes, of units whose ids nobody needed so far."""
        return [self._runner.ident(unit) for unit in units]

    def handed_over(
        self,
        units: Sequence[int],
        idents: Sequence[bytes],
        times_ns: Sequence[int],
        dues_ns: Sequence[int] | None,
        flags: UnitFlag,
    ) -> None:
        """Before their bytes go out: a client that is killed while they do has still told."""
        if dues_ns is not None:
            self._record(Kind.DUE, idents, dues_ns, units)
        self._record(Kind.PUBLISH, idents, times_ns, units, flags)

    def published(
        self, units: Sequence[int], idents: Sequence[bytes], times_ns: Sequence[int] | None = None
    ) -> None:
        """They are with the broker: each since its time, or all of them now."""
        self._record(Kind.PUBLISHED, idents, times_ns or repeat(time.monotonic_ns()), units)

    def refused(self, units: Sequence[int], error: BaseException) -> None:
        """The broker has none of them, and this is why."""
        now = repeat(time.monotonic_ns())
        self._record(Kind.PUBLISH_FAILED, self.idents(units), now, units)
        self._runner.count_error(error, len(units))

    def in_doubt(self, units: Sequence[int], error: BaseException) -> None:
        """Nobody knows whether the broker has them: recorded as nothing but an error."""
        self._runner.count_error(error, len(units))
