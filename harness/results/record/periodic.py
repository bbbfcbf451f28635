"""What a record says of a schedule: how beat kept to it."""

from __future__ import annotations

from harness.results.record.distributions import Distribution
from harness.results.record.stored import Stored


class Periodic(Stored):
    """How beat kept to its schedule. docs/measuring.md defines every word.

    expected = fires + missed + slipped - doubled.
    """

    entries: int
    expected: int = 0
    """Moments of the plan in the measured time, over all entries."""
    fires: int = 0
    """Fires for these moments."""
    missed: int = 0
    """Moments without a fire, in a gap of at least one and a half intervals."""
    doubled: int = 0
    """Further fires for one moment, less than half an interval after the one before."""
    slipped: int = 0
    """Moments that drift alone has cost: the fires came regularly, but later and later."""
    due_to_tick_s: Distribution = Distribution(count=0)
    """Time from the moment an entry was due until beat noticed it."""
    due_to_sent_s: Distribution = Distribution(count=0)
    """Time from the moment an entry was due until beat's publish call began."""
    sent_to_started_s: Distribution = Distribution(count=0)
    due_to_started_s: Distribution = Distribution(count=0)
    drift_per_fire_s: float | None = None
    """Seconds by which an ordinary interval was longer than asked for. None for a crontab, and
    where no interval was ordinary."""
    drift_per_hour_s: float | None = None
    """Seconds of drift in an hour of ordinary intervals. None for a crontab, and with fewer than 30
    ordinary intervals per entry."""
    behind_s: float | None = None
    """Seconds that the entries were behind at the end, against begin + n x interval: what all
    intervals were too long together, pauses included. Mean over the entries."""
    behind_max_s: float | None = None
    """Seconds that the entry was behind that was behind most."""
    beat_cpu_ms_per_fire: float | None = None
    """CPU time of `celery beat` per fire; None where it ran in a worker, whose CPU it is then."""
