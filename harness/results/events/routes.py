"""Where the units of a cell go, and who takes them there, as far as its scenario says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.results.arrays import Numbers
from harness.scenario.models.configuration import DEFAULT_QUEUE, Worker, groups_of
from harness.scenario.settings.planned import planned_worker


@dataclass(frozen=True)
class PlannedGroup:
    """A group of workers, before it runs."""

    name: str
    workers: int
    slots: int
    """Tasks that all of its workers can run at once, at most."""
    queues: tuple[str, ...]


@dataclass(frozen=True)
class Routes:
    """The queues and worker groups of a cell. Both have one entry where nothing is divided."""

    groups: tuple[PlannedGroup, ...]
    queues: tuple[str, ...]
    """In the order of the scenario."""
    of_parts: tuple[str, ...]
    """The queue of each part of a mix; of other workloads there is one part."""
    elsewhere: bool = False
    """The user's own app, or `task_routes`, decides where a part does not: what stands above for
    such a part is the default queue."""
    said: tuple[bool, ...] = ()
    """Whether each part names its queue itself."""

    @staticmethod
    def of(config: Mapping[str, Any], asked: Sequence[str | None]) -> Routes:
        """Of a configuration as a record holds it; `asked`: the queue that each part names."""
        settings = config.get("settings") or {}
        default = str(settings.get("task_default_queue") or DEFAULT_QUEUE)
        declared = dict(config.get("queues") or {})
        by_app = bool(declared.pop("from_app", False))
        of_parts = tuple(queue or default for queue in asked)
        groups = groups_of(config)
        consumed = [queue for group in groups.values() for queue in group.queues]
        queues = tuple(dict.fromkeys([*consumed, *declared, *of_parts]))
        return Routes(
            tuple(_planned(name, group, settings, queues) for name, group in groups.items()),
            queues,
            of_parts,
            by_app or bool(settings.get("task_routes")),
            tuple(queue is not None for queue in asked),
        )

    def consumers(self, queue: str) -> tuple[str, ...]:
        """Names of the groups that consume a queue."""
        return tuple(group.name for group in self.groups if queue in group.queues)

    def of_units(self, names: Sequence[str], parts: Numbers, told: Numbers) -> Numbers:
        """Index in `names` of each unit's queue: the one that was told, else as planned; where
        neither part nor plan decides, that of the other units of the same part. `parts`: of each
        unit its part; `told`: of each the index of the queue that it came from, -1 where nobody
        told."""
        planned = np.array([names.index(queue) for queue in self.of_parts], dtype=np.int64)
        for part, said in enumerate(self.said):
            found = told[(parts == part) & (told >= 0)] if self.elsewhere and not said else told[:0]
            if len(found):
                planned[part] = np.bincount(found).argmax()
        queues: Numbers = np.where(told >= 0, told, planned[parts])
        return queues


def _planned(
    name: str, group: Worker, settings: Mapping[str, Any], known: Sequence[str]
) -> PlannedGroup:
    """One that names no queue consumes all that there are."""
    slots = planned_worker(group, settings).slots
    return PlannedGroup(name, group.count, slots, group.queues or tuple(known))


def of_options(options: Sequence[object]) -> Iterator[str | None]:
    """The queue that each of some message options names."""
    for one in options:
        yield getattr(one, "queue", None)
