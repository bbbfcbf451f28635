"""What a block leaves in its result backend, counted when the block is over.

First what is there, with its size; then, if the scenario asks for it, what is still there when
all of it has expired, and what Celery's own `backend_cleanup` makes of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.results.record.parts import LeftFigures
from harness.results.record.run import RecordedWarning
from harness.scenario.checks.results_left import expiry_s
from harness.scenario.models.scenario import Cell
from harness.scenario.vendors.registry import BACKENDS
from harness.services.base import Namespace, StoredResults
from harness.working_place import WorkingPlace

_MARGIN_S = 1.5
"""Servers count expiry in whole seconds, from the moment of the store."""
_STEP_S = 0.2
_CLEANUP_S = 60.0


@dataclass(frozen=True)
class Left:
    """What results were there at three moments after a block; None where nobody looked."""

    stored: StoredResults | None = None
    """When nothing ran any more."""
    after_expiry: StoredResults | None = None
    """When their time to live was over."""
    after_cleanup: StoredResults | None = None
    """When Celery had cleaned up once."""
    trouble: str = ""
    """Why a reading failed, if one did. May hold a URL."""


def look(
    cell: Cell, backend: Namespace | None, place: WorkingPlace, going_on: Callable[[], bool]
) -> Left:
    """Count what the measuring plan asks for. At `place` Celery cleans up, as a client would.
    Raises nothing; `going_on` ends the waiting."""
    asked, service = cell.measure.results_left, cell.configuration.backend.service
    if backend is None or asked == "ignore" or service == "rpc":  # messages to one client
        return Left()
    found = Left()
    try:
        found = Left(backend.stored())
        wait_s = expiry_s(cell.configuration)
        if asked == "count" or wait_s is None:
            return found
        if not _waited(wait_s + _MARGIN_S, going_on):
            return found
        found = Left(found.stored, backend.stored())
        if BACKENDS[service].expiry == "cleanup":
            _clean_up(place)
            found = Left(found.stored, found.after_expiry, backend.stored())
    except HarnessError as error:
        return Left(found.stored, found.after_expiry, trouble=str(error))
    return found


def fields(looked: Left | None) -> LeftFigures:
    """Fields of `BlockRecord` by name."""
    left = looked or Left()
    return {
        "results_stored": left.stored.results if left.stored else None,
        "result_bytes": left.stored.size_bytes if left.stored else None,
        "results_after_expiry": left.after_expiry.results if left.after_expiry else None,
        "results_after_cleanup": left.after_cleanup.results if left.after_cleanup else None,
    }


def warnings(left: Left | None, redact: Callable[[str], str]) -> list[RecordedWarning]:
    """What a reader of these figures has to know."""
    if left is None or not left.trouble:
        return []
    return [RecordedWarning(code="results_uncounted", data={"text": redact(left.trouble)})]


def _waited(wait_s: float, going_on: Callable[[], bool]) -> bool:
    """False if the user wanted the run to end before the time was up."""
    deadline = time.monotonic() + wait_s
    while (left_s := deadline - time.monotonic()) > 0:
        if not going_on():
            return False
        time.sleep(min(_STEP_S, left_s))
    return True


def _clean_up(place: WorkingPlace) -> None:
    """Run Celery's own cleaning up. HarnessError if it fails."""
    process = place.spawn([place.interpreter.python, "-m", "harness.probe.cleanup"], "cleanup")
    code = process.finished(_CLEANUP_S)
    if code != 0:
        late = f"did not end within {_CLEANUP_S:g} s"
        what = late if code is None else f"ended with code {code}"
        raise HarnessError(f"Celery's cleanup of the backend {what}: {process.log_tail(3)}")
