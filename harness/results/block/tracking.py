"""What callers who watched their tasks learned, how late, and how often they had to ask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.results.arrays import Times
from harness.results.events.merged import MISSING, Merged
from harness.results.record.distributions import Distribution
from harness.results.record.parts import TrackingFigures
from harness.stats.percentiles import describe


def tracking(merged: Merged, usable: npt.NDArray[np.bool_]) -> TrackingFigures:
    """Fields of `BlockRecord` by name, of the units that are `usable`; nothing in them where
    nobody watched that way."""
    tracked = merged.tracked
    if tracked is None:
        return {"tracking_s": {}, "looks_per_unit": None, "started_seen": None}
    late = {
        "learned_late": _between(merged.tasks.storing_ns, merged.units.seen_ns, usable),
        "started_late": _between(tracked.storing_started_ns, tracked.started_seen_ns, usable),
    }
    asked = usable & (tracked.looks > 0)
    stored = asked & (tracked.storing_started_ns != MISSING)
    return {
        "tracking_s": {
            name: Distribution.model_validate(describe(times))
            for name, times in late.items()
            if len(times)
        },
        "looks_per_unit": float(tracked.looks[asked].mean()) if asked.any() else None,
        "started_seen": int((tracked.started_seen_ns != MISSING)[stored].sum())
        if stored.any()
        else None,
    }


def _between(first_ns: Times, last_ns: Times, usable: npt.NDArray[np.bool_]) -> Times:
    known = usable & (first_ns != MISSING) & (last_ns != MISSING)
    times: Times = (last_ns - first_ns)[known]
    return times
