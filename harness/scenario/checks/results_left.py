"""What can be asked about the results that a block leaves behind: which cells can answer."""

from __future__ import annotations

from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import ResultsLeft
from harness.scenario.vendors.registry import BACKENDS

LONGEST_S = 300.0


def expiry_s(configuration: Configuration) -> float | None:
    """Seconds after which a result expires; None where that is not said in seconds."""
    own_s = configuration.backend.expires_s()
    if own_s is not None:
        return own_s
    value = configuration.settings.get("result_expires")
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return float(value)


def results_left_conflict(configuration: Configuration, asked: ResultsLeft) -> str | None:
    """Why the question has no answer here; None if it has."""
    backend = configuration.backend.service
    if asked == "ignore":
        return None
    ignored = configuration.settings.get("task_ignore_result") is True
    if not BACKENDS[backend].results or ignored:
        why = "task_ignore_result" if ignored else f"backend {backend}"
        return f'with {why} no results are left anywhere: set "results_left: ignore"'
    wait_s = expiry_s(configuration)
    if asked == "expire" and (wait_s is None or wait_s > LONGEST_S):
        return (
            "results_left: expire waits until results have expired: set result_expires to "
            f"{LONGEST_S:g} seconds or less in the configuration's settings"
        )
    return None
