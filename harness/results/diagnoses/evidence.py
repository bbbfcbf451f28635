"""What a diagnosis is, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.probe.recording.ids import MOST_UNITS
from harness.results.arrays import Times
from harness.results.block.summary import Digest
from harness.results.diagnoses.clues import Clues
from harness.results.events.merged import MISSING, Merged
from harness.results.events.published import Halves
from harness.results.events.ran_with import RanWith, ran_by_group, slots_of
from harness.results.events.unit_shape import UnitShape
from harness.results.record.children import ChildrenRecord
from harness.results.record.distributions import Distribution
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell
from harness.scenario.settings.planned import planned
from harness.scenario.vendors.registry import BROKERS, VENDORS
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.registry import Workload

Data = dict[str, Any]
"""What a finding adds for one block; plain values, stored with the warning."""

_NUMBER = np.int64(MOST_UNITS - 1)
"""Of the bits of a task's id the ones that hold its unit's number."""
DATABASES = tuple(name for name, row in VENDORS.items() if "sqlalchemy" in row.clients.modules)
"""Result backends that Celery reaches through SQLAlchemy."""


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis may look at of a block: what was asked for, and what was measured."""

    cell: Cell
    digest: Digest
    shape: UnitShape
    clues: Clues = field(default_factory=Clues)
    """What only diagnoses ask of the event logs."""
    worker_grown_bytes: int | None = None
    """Bytes by which the peak memory of the workers grew while it was measured; None if unknown."""
    reports: tuple[RanWith, ...] = ()
    """What its workers said that they ran with; without it the plan is believed."""
    children: ChildrenRecord | None = None
    """What became of its pool processes, where it has any."""

    @property
    def configuration(self) -> Configuration:
        """The configuration that the block was measured with."""
        return self.cell.configuration

    @property
    def workload(self) -> Workload:
        """What one unit of the block was."""
        return self.cell.workload

    @property
    def load(self) -> Load:
        """How the block's units arrived."""
        return self.cell.load

    @property
    def groups(self) -> Mapping[str, RanWith]:
        """What each group of workers really ran with, by its name; `count` workers each."""
        configuration = self.configuration
        return ran_by_group(self.reports, configuration.groups, configuration.settings)

    @property
    def ran(self) -> RanWith:
        """What a worker of the first group really ran with: settings, options, pool, tasks. Not the
        configuration, which options and an app's own code may have overruled."""
        return next(iter(self.groups.values()))

    @property
    def workers(self) -> int:
        """Worker processes of all groups."""
        return self.configuration.worker_count

    @property
    def pools(self) -> frozenset[str]:
        """Kinds of pools that the configuration asks for: groups may have different ones."""
        return frozenset(self.configuration.pools)

    @property
    def all_take_all(self) -> bool:
        """Whether every worker consumes what every other does: then what waits may be had by any
        slot that is free."""
        consumed = {frozenset(group.queues) for group in self.configuration.groups.values()}
        return len(consumed) == 1

    @property
    def slots(self) -> int:
        """Tasks that can run at the same time, at most."""
        return slots_of(self.groups)

    @property
    def window(self) -> int:
        """Messages that one worker process takes at once: its prefetch window; that of the group
        whose is largest. 0 without limit."""
        windows = [one.prefetch_count or 0 for one in self.groups.values()]
        return max(windows) if all(windows) else 0

    @property
    def windows(self) -> int:
        """Messages that all workers together take at once."""
        return sum((one.prefetch_count or 0) * one.count for one in self.groups.values())

    @property
    def told_window(self) -> Data:
        """The prefetch window for a warning's data (`window`); empty where nobody knows it (an app
        of the user's own, whose worker has not said it), where there is no limit, or groups have
        different ones."""
        alike = len({one.prefetch_count for one in self.groups.values()}) == 1
        known = alike and self.decides("worker_prefetch_multiplier") and self.window > 0
        return {"window": self.window} if known else {}

    def decides(self, name: str) -> bool:
        """Whether it is known what a setting was. An app of the user's own may have another value
        than the plan says, if its worker did not report."""
        own = isinstance(self.workload, OwnTaskWorkload)
        plans = planned(self.configuration).values()
        return self.ran.reported or not own or all(name in plan.decided for plan in plans)

    @property
    def may_acknowledge_late(self) -> bool:
        """Whether tasks may be acknowledged when they are over."""
        own = isinstance(self.workload, OwnTaskWorkload)
        unknown = own and not self.ran.reported
        return unknown or True in self.ran.options("acks_late", default=False)

    def setting(self, name: str, default: Any) -> Any:
        """A Celery setting as it held, or Celery's default, which the caller knows."""
        return self.ran.setting(name, default)

    def transport_option(self, name: str) -> Any:
        """One of `broker_transport_options`, or kombu's default; None where there is neither."""
        default = BROKERS[self.configuration.broker.service].default(name)
        return self.ran.transport_option(name, default)

    @property
    def polling_interval_s(self) -> float:
        """How long a worker on SQS pauses after a poll that found nothing, or no room."""
        return float(self.transport_option("polling_interval") or 0.0)

    @property
    def merged(self) -> Merged:
        """The block's events as tables of units and tasks."""
        return self.digest.merged

    @property
    def span_ns(self) -> tuple[int, int]:
        """From the first measured unit's publication to the last that happened to one."""
        units, tasks = self.merged.units, self.merged.tasks
        ends = (units.publish_ns, units.seen_ns, tasks.received_ns, tasks.finished_ns)
        last = max(int(one.max(initial=MISSING)) for one in ends)
        begin = int(units.publish_ns.min(initial=np.iinfo(np.int64).max))
        return min(begin, last), last

    def within(self, times_ns: Times) -> Times:
        """Those of some times that lie between the begin and the end of `span_ns`."""
        begin, end = self.span_ns
        return times_ns[(times_ns >= begin) & (times_ns <= end)]

    @property
    def parts(self) -> npt.NDArray[np.int64]:
        """Index in the mix of the task that each unit ran, one per unit; all 0 where there is no
        mix."""
        units = self.merged.units.unit
        return np.zeros_like(units) if self.shape.mix is None else self.shape.mix.parts(units)

    def label(self, part: int) -> str:
        """What a part is called."""
        return self.workload.workload if self.shape.mix is None else self.shape.mix.labels[part]

    @property
    def countdowns_ns(self) -> Times:
        """How long each unit was asked to wait."""
        found: Times = self.shape.countdowns_ns(self.merged.units.unit)
        return found

    @property
    def ready_ns(self) -> Times:
        """When each unit was to be run, at the earliest: published, and its countdown over, and
        the workers let go."""
        ready: Times = self.merged.units.publish_ns + self.countdowns_ns
        return self._let_go(ready)

    @property
    def offered_ns(self) -> Times:
        """When a worker could take each unit's message: published, and the workers let go."""
        return self._let_go(self.merged.units.publish_ns)

    def _let_go(self, times_ns: Times) -> Times:
        return np.maximum(times_ns, self.merged.release_ns) if self.shape.held else times_ns

    def rows(self, hi: Halves, lo: Halves) -> npt.NDArray[np.int64]:
        """Unit of each task, whose id is given in two halves; -1 for those of no measured unit."""
        known, number = self.merged.units.unit, (lo >> np.uint64(32)).astype(np.int64) & _NUMBER
        if not len(known):
            return np.full(len(lo), -1, dtype=np.int64)
        row = np.minimum(np.searchsorted(known, number), len(known) - 1)
        mine = np.isin(hi, self.merged.tags) & (known[row] == number)
        return np.where(mine, row, -1)

    def places(self, hi: Halves, lo: Halves) -> npt.NDArray[np.int64]:
        """Index in `Merged.tasks` of each task, whose id is given in two halves; -1 for those of no
        measured unit."""
        row, per_unit = self.rows(hi, lo), self.merged.tasks.per_unit
        position = (lo >> np.uint64(16)).astype(np.int64) & 0xFFFF
        mine = (row >= 0) & (position < per_unit)
        return np.where(mine, row * per_unit + position, -1)

    def figure(
        self, field: Literal["phases_s", "calls_s", "canvas_s", "tracking_s"], name: str
    ) -> Distribution | None:
        """A distribution of the block's record, if it has samples: `phases_s`, `queue`."""
        found = self.digest.fields[field].get(name)
        return found if found is not None and found.count else None

    def times(self, name: str) -> Times:
        """All stamps of one kind of all executions, in order: `received`, `started`, `ended`."""
        stamps: Times = getattr(self.digest.merged.executions(), f"{name}_ns")
        return np.sort(stamps[stamps != MISSING])


@dataclass(frozen=True)
class Diagnosis:
    """One known trap of Celery and kombu: how to see that a block walked into it, and why it is.

    Example: `evidence` is of a block whose only worker ran one task at a time.
        >>> def _one_slot(evidence: Evidence) -> Data | None:
        ...     return {"slots": 1} if evidence.slots == 1 else None
        >>> ONE_SLOT = Diagnosis(
        ...     code="one_slot",
        ...     looks_at="a worker that can run one task at a time",
        ...     sentence="All tasks waited for each other.",
        ...     cause="The pool has one process (celery/concurrency/prefork.py).",
        ...     advice="Raise `concurrency`.",
        ...     find=_one_slot,
        ...     detail=lambda data: f"slots: {data['slots']}",
        ... )
        >>> ONE_SLOT.detail(ONE_SLOT.find(evidence))
        'slots: 1'
    """

    code: str
    """Code of the warning that it leaves in the block's record."""
    looks_at: str
    """What proves it, in a few words."""
    sentence: str
    """What happened, in one sentence."""
    cause: str
    """Why it happens, with the place in the source of Celery or kombu."""
    advice: str
    """What the user can do about it."""
    find: Callable[[Evidence], Data | None]
    """Looks at a block: the finding's data where it walked into the trap, else None."""
    detail: Callable[[Mapping[str, Any]], str] = lambda _: ""
    """Words for a report on the finding's data; empty where there is nothing to add."""

    @property
    def words(self) -> str:
        """Sentence, cause and advice together, as a report says them."""
        return f"{self.sentence} {self.cause} {self.advice}"
