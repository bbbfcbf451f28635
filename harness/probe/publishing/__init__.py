"""How units get to the broker: three paths, whose messages are the same but for their ids.

- `api`: `apply_async`, one call per unit. What users do.
- `batch`: the same calls inside kombu's `Producer.batch()`; what they deliver goes out together.
- `prebuilt`: Celery renders a few units, and every further one is written from what they have in
  common. For loads that `apply_async` is too slow for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from celery import Celery

from harness.probe.publishing.batch import Batch
from harness.probe.publishing.one_by_one import OneByOne
from harness.probe.publishing.prebuilt import Prebuilt
from harness.probe.recording.events import UnitFlag
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner


class Publisher(Protocol):
    """One path. For one thread: replies of the rpc backend go to the thread that published."""

    most_at_once: int
    """How many units one call of `publish` may take. Final once `prepare` returned."""

    def prepare(self) -> None:
        """Connect, and whatever else need not be measured. Idempotent; ValueError if this path
        cannot publish this workload here."""
        ...

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """Publish the units and record it; those that were refused are returned.

        `dues_ns` are the moments a pacer planned them for. What nobody knows the fate of (the
        connection broke with the answer on its way) is not refused: it has neither PUBLISHED nor
        PUBLISH_FAILED, and the ledger settles it by what becomes of it: `ok` if it ran, `lost`
        if not. Its error stands among `publish_errors` all the same.
        """
        ...

    def published(self) -> list[Published]:
        """The units published since the last call of this, the refused ones left out."""
        ...

    def close(self) -> None:
        """Give connections back to kombu's pools. Idempotent."""
        ...


def make(path: str, app: Celery, units: UnitRunner, workload: Workload) -> Publisher:
    """The publisher of that name. Nothing is connected yet."""
    if path == "api":
        return OneByOne(units, workload)
    kinds: dict[str, Any] = {"batch": Batch, "prebuilt": Prebuilt}
    if path not in kinds:
        raise ValueError(f"unknown publish path {path!r}")
    publisher: Publisher = kinds[path](app, units, workload)
    return publisher
