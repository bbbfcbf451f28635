"""The path `batch`: `apply_async` inside kombu's own batching."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from celery import Celery

from harness.probe.publishing.reaching import Reach
from harness.probe.publishing.stamps import Stamps
from harness.probe.recording.events import UnitFlag
from harness.probe.workloads.base import Workload
from harness.probe.workloads.mix import Mix
from harness.probe.workloads.units import Published, UnitRunner

_MOST_UNITS = 500
_MOST_BYTES = 4 << 20
_COMMANDS_PER_TASK = 16
"""kombu would flush in between if there were more; a queue that expires takes five."""


class Batch:
    """kombu's `Producer.batch()`, since kombu 5.7 and for Redis: one round trip for many calls.

    The round trip is at the end, so PUBLISHED is when that is over, for all of them alike.
    """

    def __init__(self, app: Celery, units: UnitRunner, workload: Workload) -> None:
        self._app = app
        self._runner = units
        self._stamps = Stamps(units)
        self._workload = workload
        self._reach: Reach | None = None
        self._published: list[Published] = []
        most = min(_MOST_UNITS // workload.tasks_per_unit, _MOST_BYTES // _about_bytes(workload))
        self.most_at_once = max(1, most)

    def prepare(self) -> None:
        """Connect. ValueError where kombu would publish one by one without a word."""
        self._connected()

    def _connected(self) -> Reach:
        if self._reach is not None:
            return self._reach
        reach = Reach(self._app)
        reach.persistent(lambda: reach.channel)()
        if not getattr(reach.producer, "supports_batch_publish", False):
            reach.close()
            raise ValueError(
                "publish: batch needs kombu 5.7 or newer, and Redis without retry_on_timeout: "
                "use publish: api"
            )
        self._reach = reach
        return reach

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """One batch. A flush that fails leaves the whole batch in doubt."""
        reach, stamps = self._connected(), self._stamps
        idents = stamps.idents(units)
        try:
            reach.persistent(reach.ping_redis)()
        except Exception as error:  # whatever a broker's client raises  # noqa: BLE001
            stamps.handed_over(units, idents, [time.monotonic_ns()] * len(units), dues_ns, flags)
            stamps.refused(units, error)
            return list(units)
        refused: list[int] = []
        sent: list[Published] = []
        try:
            size = max(1, len(units) * self._workload.tasks_per_unit * _COMMANDS_PER_TASK)
            with reach.producer.batch(max_size=size):
                for place, unit in enumerate(units):
                    due_ns = None if dues_ns is None else dues_ns[place : place + 1]
                    now_ns = [time.monotonic_ns()]
                    stamps.handed_over([unit], [idents[place]], now_ns, due_ns, flags)
                    published = self._call(unit, reach.producer)
                    if published is None:
                        refused.append(unit)
                    else:
                        sent.append(published)
        except Exception as error:  # noqa: BLE001
            self._settle(sent, error)
        else:
            self._settle(sent, None)
        return refused

    def _call(self, unit: int, producer: Any) -> Published | None:
        """Put the unit into the batch; None if the call raised, which leaves the batch alone."""
        try:
            result = self._workload.publish(unit, self._runner.name, producer)
        except Exception as error:  # noqa: BLE001
            self._stamps.refused([unit], error)
            return None
        return Published(unit, self._workload, result)

    def _settle(self, sent: Sequence[Published], error: Exception | None) -> None:
        units = [published.unit for published in sent]
        idents = self._stamps.idents(units)
        if error is None:
            self._stamps.published(units, idents)
        else:
            self._stamps.in_doubt(units, error)
        self._published += sent

    def published(self) -> list[Published]:
        """The units published since the last call of this, the refused ones left out."""
        taken, self._published = self._published, []
        return taken

    def close(self) -> None:
        """Close the connection over which batches went."""
        if self._reach is not None:
            self._reach.close()
            self._reach = None


def _about_bytes(workload: Workload) -> int:
    """Of the messages of a unit; of a mix those of the largest part. What comes back is about what
    was sent, unless the workload can say what it sends."""
    if isinstance(workload, Mix):
        return max(map(_about_bytes, workload.parts))
    sent = getattr(workload, "arguments", workload.expected)(0)
    return 1000 * workload.tasks_per_unit + max(len(str(sent)), len(str(workload.expected(0))))
