"""Tasks whose stamps end before their time, because Celery threw them away or cut them short."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.probe.recording.events import Kind, Stop
from harness.results.events.eventlog import EVENT, chunks, idents, logs_in

_THROWN_AWAY = (Stop.EXPIRED, Stop.REVOKED)
_CUT_SHORT = (Stop.TERMINATED, Stop.HARD_LIMIT, Stop.LOST)
_KINDS = (Kind.STOPPED, Kind.STARTED, Kind.FINISHED, Kind.RETRIED)


@dataclass(frozen=True)
class Stops:
    """How many stamps are still missing, and will not come."""

    not_started: int = 0
    """Messages that were received, and then thrown away."""
    without_end: int = 0
    """Executions that were begun and cut short: a child that is killed stamps no end."""


NO_STOPS = Stops()


def stops_in(folder: Path) -> Stops:
    """What the event logs in `folder` say by now."""
    parts = [chunk[np.isin(chunk["kind"], _KINDS)] for p in logs_in(folder) for chunk in chunks(p)]
    events = np.concatenate([np.empty(0, dtype=EVENT), *parts])
    kind, ids = events["kind"], idents(events)
    stopped = kind == Kind.STOPPED
    thrown = stopped & np.isin(events["position"], _THROWN_AWAY) & (events["flags"] == 1)
    cut = stopped & np.isin(events["position"], _CUT_SHORT)
    of_those = np.isin(ids, ids[cut])
    begun = Counter(one.tobytes() for one in ids[of_those & (kind == Kind.STARTED)])
    ended = Counter(
        one.tobytes() for one in ids[of_those & np.isin(kind, (Kind.FINISHED, Kind.RETRIED))]
    )
    cuts = Counter(one.tobytes() for one in ids[cut])
    without = (min(times, max(0, begun[one] - ended[one])) for one, times in cuts.items())
    return Stops(int(thrown.sum()), sum(without))
