"""How long the slices are in which twins have their load put on in turns.

Short ones let what disturbs the machine hit both sides alike. But each ends with callers that wait,
and shows an overload only by what could have ended in it, so it lasts for several units.
"""

from __future__ import annotations

from harness.scenario.loads.base import LoadBase
from harness.scenario.loads.rate import RateLoad
from harness.scenario.models.measure import Measure

SLICE_S = 0.25
"""Of one side, at a time."""
AT_RATE_S = 0.5
"""The same of a load at a rate: each is announced, and waited for until nothing is under way."""
SEVERAL = 5
"""Units that follow each other in a slice, where they are long."""


def slice_s(load: LoadBase, measure: Measure, unit_s: float | None) -> float:
    """Seconds for which units are started in a slice, or as many of them as take about so long.
    `unit_s`: what one unit takes from its publication to its result; None where nobody knows. No
    more than half of what a side is measured for, so that both have at least two turns."""
    at_rate = isinstance(load, RateLoad)
    least_s = AT_RATE_S if at_rate else SLICE_S
    lasts_s = load.lasts_s(measure) if at_rate else measure.duration
    wanted_s = max(SEVERAL * (unit_s or 0.0), least_s)
    return wanted_s if lasts_s is None else max(min(wanted_s, lasts_s / 2), least_s)


def waits_s(load: LoadBase, measure: Measure, unit_s: float) -> float:
    """What a side waits for units that are under way when its slices end, all of them together, if
    they are divided by time."""
    lasts_s = load.length_s(measure) or measure.duration
    if lasts_s is None:
        return 0.0
    return round(lasts_s / slice_s(load, measure, unit_s)) * unit_s
