"""One unit of work, from its publication to its outcome, with every step recorded."""

from __future__ import annotations

import threading
import time
from typing import Any

from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult, GroupResult

from harness.probe.recording.events import (
    Kind,
    Outcome,
    UnitFlag,
    id_bytes,
    looks_fields,
    name_parts,
)
from harness.probe.recording.ids import WHOLE, ident_maker, namer
from harness.probe.recording.recorder import Recorder
from harness.probe.workloads.base import OneOf, Workload
from harness.probe.workloads.drawing import UNCHECKED, Failure
from harness.probe.workloads.mismatches import Mismatches
from harness.probe.workloads.tracking import Looks, Tracking

_REASON_LENGTH = 200
_MOST_FAILURES = 100
_MOST_REASONS = 0xFFFF


class Published:
    """A unit on its way."""

    __slots__ = ("result", "unit", "workload")

    def __init__(self, unit: int, workload: Workload, result: Any) -> None:
        self.unit = unit
        self.workload = workload
        self.result = result

    @property
    def expected(self) -> Any:
        """What its result has to be, as `Workload.expected` says it."""
        return self.workload.expected(self.unit)


class UnitRunner:
    """Publishes units and judges their results; the only place that does either."""

    def __init__(self, recorder: Recorder, timeout_s: float, tag: int) -> None:
        self.recorder = recorder
        self.name = namer(tag)
        self.ident = ident_maker(tag)
        """A unit's first task as the recorder knows it: `id_bytes(name(unit, 0))`, and faster."""
        self._record = recorder.record
        self._timeout_s = timeout_s
        self._counting = threading.Lock()
        self.publish_errors: dict[str, int] = {}
        """What `publish` raised, and how often. May hold a URL: redact before it is kept."""
        self.failures: dict[int, str] = {}
        """What units failed with that were not meant to, of the first ones that were waited for.
        May hold a URL: redact before it is kept."""
        self._mismatches = Mismatches()

    def publish(
        self, unit: int, workload: Workload, flags: UnitFlag, due_ns: int | None = None
    ) -> Published | None:
        """Publish one unit, which a pacer may have planned for `due_ns`; None if the call
        raised, which is recorded."""
        record, now = self._record, time.monotonic_ns
        ident = self.ident(unit)
        if due_ns is not None:
            record(Kind.DUE, ident, due_ns, unit)
        # Recorded before the call: a client that is killed inside it has still told.
        record(Kind.PUBLISH, ident, now(), unit, 0, flags)
        try:
            result = workload.publish(unit, self.name)
        except Exception as error:  # whatever a broker's client raises  # noqa: BLE001
            failed_ns = now()
            record(Kind.PUBLISH_FAILED, ident, failed_ns, unit, self.count_error(error))
            return None
        record(Kind.PUBLISHED, ident, now(), unit)
        return Published(unit, workload, result)

    def published(self, unit: int, workload: Workload) -> Published:
        """A unit that was published before, by whatever thread."""
        return Published(unit, workload, workload.result(unit, self.name))

    def count_error(self, error: BaseException, units: int = 1) -> int:
        """Note why so many units could not be published; the number of that reason, from 1, or 0
        where there are too many different ones to tell them apart."""
        reason = f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
        with self._counting:
            self.publish_errors[reason] = self.publish_errors.get(reason, 0) + units
            number = list(self.publish_errors).index(reason) + 1
        return number if number <= _MOST_REASONS else 0

    def wait(self, published: Published) -> Outcome:
        """Wait for the unit's result the user's way, record when it was seen, and judge it."""
        try:
            value = published.workload.wait(published.result, self._timeout_s)
        except CeleryTimeoutError:
            seen_ns, outcome = time.monotonic_ns(), Outcome.TIMED_OUT
        except Exception as error:  # the task's own exception, of any type  # noqa: BLE001
            seen_ns = time.monotonic_ns()
            outcome = judge_failure(published.expected, error)
            if outcome is Outcome.FAILED:
                record_failure(self.recorder, published.unit, seen_ns, error)
                if len(self.failures) < _MOST_FAILURES:
                    words = f"{type(error).__name__}: {error}"
                    self.failures[published.unit] = words[:_REASON_LENGTH]
        else:
            seen_ns = time.monotonic_ns()
            outcome = self.judge(published, value)
        ident, position = id_bytes(published.result.id), _position(published.result)
        self._record(Kind.SEEN, ident, seen_ns, published.unit, position, outcome)
        if isinstance(published.workload, Tracking):
            self._record_looks(ident, seen_ns, published.unit, published.workload.looks())
        return outcome

    def judge(self, published: Published, value: Any) -> Outcome:
        """OK or WRONG; the first wrong result of each task is told in the log."""
        expected = published.expected
        outcome = judge_value(expected, value)
        if outcome is Outcome.WRONG:
            self._mismatches.note(published.workload, published.unit, expected, value)
        return outcome

    def _record_looks(self, ident: bytes, seen_ns: int, unit: int, looks: Looks) -> None:
        if looks.started_seen_ns is not None:
            self._record(Kind.STARTED_SEEN, ident, looks.started_seen_ns, unit)
        self._record(Kind.LOOKED, ident, seen_ns, unit, *looks_fields(looks.count))

    def check(self, published: Published, outcome: Outcome, error: Any = None) -> None:
        """Record an outcome that was found after the measuring, and what it failed with."""
        ident, position = id_bytes(published.result.id), _position(published.result)
        now_ns = time.monotonic_ns()
        self._record(Kind.CHECKED, ident, now_ns, published.unit, position, outcome)
        if outcome is Outcome.FAILED:
            record_failure(self.recorder, published.unit, now_ns, error)


def record_failure(recorder: Recorder, unit: int, at_ns: int, error: Any) -> None:
    """Record what a unit that was not meant to fail failed with. It may be no exception: a backend
    hands out what it holds."""
    for part, name in enumerate(name_parts(type(error).__name__)):
        recorder.record(Kind.FAILURE, name, at_ns, unit, part)


def _position(result: AsyncResult | GroupResult) -> int:
    """WHOLE says that it is the group's result, not its first member's."""
    return WHOLE if isinstance(result, GroupResult) else 0


def judge_value(expected: Any, value: Any) -> Outcome:
    """OK if the result equals what was expected, or one of the values it may be, type and all,
    inside lists and mappings too."""
    if expected is UNCHECKED:
        return Outcome.OK
    if isinstance(expected, OneOf):
        fits = any(_same(one, value) for one in expected.values)
        return Outcome.OK if fits else Outcome.WRONG
    return Outcome.OK if _same(expected, value) else Outcome.WRONG


def _same(expected: Any, value: Any) -> bool:
    if type(value) is not type(expected) or value != expected:
        return False
    if isinstance(expected, list):
        return all(map(_same, expected, value))
    if isinstance(expected, dict):
        return all(_same(one, value[name]) for name, one in expected.items())
    return True


def judge_failure(expected: Any, error: BaseException) -> Outcome:
    """FAILED_AS_MEANT if a Failure was expected, or was among what may be, and this is the one."""
    expectations = expected.values if isinstance(expected, OneOf) else (expected,)
    meant = any(
        isinstance(one, Failure)
        and type(error).__name__ == one.type_name
        and one.message in (None, str(error))
        for one in expectations
    )
    return Outcome.FAILED_AS_MEANT if meant else Outcome.FAILED


def results_of(result: AsyncResult | GroupResult) -> list[AsyncResult]:
    """The AsyncResults whose values make up the unit's result; of groups in a group, one behind the
    other."""
    if not isinstance(result, GroupResult):
        return [result]
    return [found for member in result.results for found in results_of(member)]
