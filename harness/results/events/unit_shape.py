"""What a unit of a cell is made of: what its workload and load say of how events are to be read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.results.events.mix import Mix
from harness.results.events.routes import Routes, of_options
from harness.results.record.run import CellRecord
from harness.results.record.typed_work import stored_load, stored_workload
from harness.scenario.models.configuration import keeps_results
from harness.scenario.vendors.registry import BROKERS
from harness.scenario.workloads.base import Steps, Strands, TaskOrder
from harness.scenario.workloads.own_tasks import OwnTaskWorkload

_NO_ROUTES = Routes.of({}, [None])
"""One queue, and one group of workers."""


@dataclass(frozen=True)
class UnitShape:
    """What of a cell decides how the events of its blocks are read."""

    sequential: bool
    """The tasks of a unit follow each other: a chain."""
    grouped: bool
    watched: bool
    """Somebody saw each result while it was measured: a caller, or an observer."""
    held: bool
    """Workers were held while everything was published: a backlog."""
    stores_results: bool
    tasks_per_unit: int
    steps: Steps = ()
    """Tasks of each step of a unit, where it has several steps and one of them several tasks; else
    empty."""
    strands: Strands = ()
    """Of those steps, as their workload says; empty where each waits for all of the one before."""
    counted_down: int = 1
    """How many of a unit's tasks, from the first one on, are published with its countdown: of a
    chain its first link, of a group all, of a chord its header. The rest wait for those."""
    calls_per_task: float = 1.0
    """Calls of functions that a message carries, in the mean."""
    comes_again: bool = False
    """Tasks may ask to be run again, later."""
    loses_processes: bool = False
    """Tasks that lose their pool process do so by themselves, by no fault: that they are run again
    then was asked for, by the settings."""
    mix: Mix | None = None
    """Which unit was of which part; None where all are of one kind."""
    own_tasks: bool = False
    """The tasks are the user's: they may publish others, and fail whenever they are called."""
    priorities: tuple[int, ...] = ()
    """Units bear these in turn, by their number; empty where all are alike."""
    countdown_s: float = 0.0
    """How long tasks were asked to wait before they run; in a mix the longest."""
    routes: Routes = _NO_ROUTES
    """Where units go, and who takes them there."""

    @property
    def order(self) -> TaskOrder:
        """Which of a unit's tasks wait for which."""
        one_by_one = (1,) * self.tasks_per_unit if self.sequential else ()
        return TaskOrder(self.steps or one_by_one, self.strands)

    @property
    def members(self) -> int:
        """How many of a unit's tasks, at its end, are those whose results are joined, if any."""
        return self.steps[-1] if self.steps else self.tasks_per_unit

    def countdowns_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How long each unit's tasks were asked to wait, in ns, by the units' numbers; 0 where they
        were not."""
        if self.mix is not None:
            return self.mix.countdowns_ns(units)
        return np.full(len(units), int(self.countdown_s * 1e9), dtype=np.int64)

    expires_s: float = 0.0
    """How long after it was published a unit's message expires; 0 where it does not. In a mix the
    longest."""
    dropped_by_broker: bool = False
    """Whether the broker itself drops messages that have expired."""

    def dropped_after_ns(self, units: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """How long after its publish call the broker drops each unit, in ns, by the units' numbers;
        0 of those that it keeps. None where it drops none."""
        if not (self.dropped_by_broker and self.expires_s):
            return None
        if self.mix is not None:
            return self.mix.expire_after_ns(units)
        return np.full(len(units), int(self.expires_s * 1e9), dtype=np.int64)

    timeout_s: float = math.inf
    """Seconds that a unit may take before it counts as timed out, as `ledger.settle` judges it."""


def unit_shape(cell: CellRecord, seed: int = 0) -> UnitShape:
    """How to read the events of a cell's blocks; `seed` is the run's."""
    workload, load = stored_workload(cell.workload), stored_load(cell.load)
    steps, options = workload.steps, workload.options
    broker = BROKERS.get(cell.config.get("broker", {}).get("service", ""))
    sequential = len(steps) > 1 and max(steps) == 1
    return UnitShape(
        sequential=sequential,
        grouped=workload.joins,
        watched=load.watched,
        held=load.held,
        stores_results=keeps_results(
            cell.config.get("backend", {}).get("service", ""), cell.config.get("settings", {})
        ),
        tasks_per_unit=sum(steps),
        steps=steps if len(steps) > 1 and not sequential else (),
        strands=workload.strands if max(workload.strands) > 1 else (),
        counted_down=steps[0],
        calls_per_task=workload.calls / sum(steps),
        comes_again=workload.comes_again,
        loses_processes=workload.loses_processes or not cell.load.get("faults"),
        mix=Mix.of(workload, seed),
        own_tasks=isinstance(workload, OwnTaskWorkload),
        timeout_s=float(cell.measure.get("timeout", math.inf)),
        priorities=options.priority or () if options.in_turn else (),
        expires_s=max(one.expires or 0.0 for one in workload.message_options),
        dropped_by_broker=broker is not None and broker.drops_expired,
        countdown_s=workload.longest_countdown_s,
        routes=Routes.of(cell.config, [*of_options(workload.message_options)]),
    )
