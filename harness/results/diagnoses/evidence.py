"""What a diagnosis is, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.results.figures import Distribution
from harness.results.merge import MISSING, Times
from harness.results.summary import Digest
from harness.scenario.configuration import Configuration
from harness.scenario.load_models import Load
from harness.scenario.models import Cell
from harness.scenario.own_task_models import OwnTaskWorkload
from harness.scenario.workload_models import Workload

Data = dict[str, Any]
"""What a finding adds for one block; plain values, stored with the warning."""

DATABASES = ("sqlite", "postgresql", "mysql")
"""Result backends that Celery reaches through SQLAlchemy."""


@dataclass(frozen=True)
class Evidence:
    """A block: what was asked for, and what was measured."""

    cell: Cell
    digest: Digest

    @property
    def configuration(self) -> Configuration:
        """Under test."""
        return self.cell.configuration

    @property
    def workload(self) -> Workload:
        """What one unit was."""
        return self.cell.workload

    @property
    def load(self) -> Load:
        """How units arrived."""
        return self.cell.load

    @property
    def slots(self) -> int:
        """Tasks that can run at the same time."""
        worker = self.configuration.worker
        return worker.concurrency * worker.count

    @property
    def window(self) -> int:
        """Messages that one worker process takes at once: its prefetch window."""
        multiplier = self.setting("worker_prefetch_multiplier", 4)
        return int(self.configuration.worker.concurrency * multiplier)

    @property
    def told_window(self) -> Data:
        """The same for a warning's data; nothing where an app of the user's own decides it, or
        where there is no limit (a multiplier of 0)."""
        known = self.decides("worker_prefetch_multiplier") and self.window > 0
        return {"window": self.window} if known else {}

    def decides(self, name: str) -> bool:
        """Whether a setting is what the configuration says, or else Celery's default. An app of
        the user's own may have another value, and its tasks may have theirs."""
        own = isinstance(self.workload, OwnTaskWorkload)
        return not own or name in self.configuration.settings

    @property
    def may_acknowledge_late(self) -> bool:
        """Whether tasks may be acknowledged when they are over."""
        own = isinstance(self.workload, OwnTaskWorkload)
        return own or self.setting("task_acks_late", False) is True

    def setting(self, name: str, default: Any) -> Any:
        """A Celery setting, or Celery's default, which the caller knows."""
        value = self.configuration.settings.get(name)
        return default if value is None else value

    def transport_option(self, name: str, default: Any) -> Any:
        """One of `broker_transport_options`, or kombu's default."""
        return self.setting("broker_transport_options", {}).get(name, default)

    def figure(self, field: str, name: str) -> Distribution | None:
        """A distribution of the block's record, if it has samples: `phases_s`, `queue`."""
        found: Distribution | None = self.digest.fields[field].get(name)
        return found if found is not None and found.count else None

    def times(self, name: str) -> Times:
        """All stamps of one kind that tasks have, in order: `received`, `started`, `finished`."""
        stamps: Times = getattr(self.digest.merged.tasks, f"{name}_ns")
        return np.sort(stamps[stamps != MISSING])


@dataclass(frozen=True)
class Diagnosis:
    """One known trap of Celery and kombu: how to see that a block walked into it, and why it is."""

    code: str
    """Of the warning in the block's record."""
    looks_at: str
    """What proves it, in a few words."""
    sentence: str
    """What happened."""
    cause: str
    """Why, with the place in the source."""
    advice: str
    """What to do."""
    find: Callable[[Evidence], Data | None]
    """The finding of a block that walked into it; None for all others."""
    detail: Callable[[Mapping[str, Any]], str] = lambda _: ""
    """What the data say, for a report."""

    @property
    def words(self) -> str:
        """The whole, as a report says it."""
        return f"{self.sentence} {self.cause} {self.advice}"
