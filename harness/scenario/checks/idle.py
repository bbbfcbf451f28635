"""What a configuration says of queues and tasks that nothing of a scenario comes to: a group of
workers without work, a route of a task that nobody has. That is no fault: other scenarios may
have the same configuration. So it is noted, at its line, where the scenario is checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem
from harness.scenario.checks.groups import group_places
from harness.scenario.checks.queues import leads_somewhere
from harness.scenario.files.document import Document, Location
from harness.scenario.files.wording import listed, shown
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.queues import default_queue, keeps_queues_of_app, routes
from harness.scenario.models.scenario import Cell
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.registry import TASKS, Workload, comes_along


@dataclass(frozen=True)
class Used:
    """A configuration at one point of a scenario's matrix, with the cells that it has there."""

    document: Document
    configuration: Configuration
    cells: tuple[Cell, ...]


def idle_notes(used: Iterable[Used]) -> list[Problem]:
    """What is idle at every point at which it stands. Empty where nobody can say, as of an app of
    the user's own that keeps its queues."""
    idle: dict[tuple[str, Location], Problem] = {}
    busy: set[tuple[str, Location]] = set()
    for one in used:
        if keeps_queues_of_app(one.configuration) or not one.cells:
            continue
        said = {**_idle_groups(one), **_idle_routes(one)}
        for place, message in said.items():
            key = (one.configuration.name, place)
            if message:
                idle.setdefault(key, one.document.key_mark(place).problem(message))
            else:
                busy.add(key)
    return [note for key, note in idle.items() if key not in busy]


def _idle_groups(one: Used) -> Mapping[Location, str]:
    """Of each of several groups why it has nothing to do; nothing where it has."""
    reached = {*_reached(one)}
    found: dict[Location, str] = {}
    for place, name, group in group_places(one.configuration):
        queues = listed(map(shown, group.queues))
        busy = not group.queues or not reached.isdisjoint(group.queues)
        message = f"no cell of this scenario sends anything to {queues}: its workers have no work"
        found[place] = "" if busy else f"group {shown(name)} is idle: {message}"
    return found if len(found) > 1 else {}


def _reached(one: Used) -> Iterator[str]:
    """Queues to which messages may go: with routes by names of tasks, all that these lead to."""
    yield from (queue for _, queue in routes(one.configuration))
    for cell in one.cells:
        for _, queue in cell.workload.queues_said():
            yield queue or default_queue(one.configuration)


def _idle_routes(one: Used) -> Mapping[Location, str]:
    """Of each route of `task_routes` that no workload has such a task; nothing where one may: tasks
    of an app of the user's own, and of other packages, are not known here."""
    if any(_has_others_tasks(cell.workload) for cell in one.cells):
        return {}
    said: Any = one.configuration.settings.get("task_routes")
    found: dict[Location, str] = {}
    for name in said if isinstance(said, Mapping) else ():
        message = f"task_routes: no cell of this scenario runs a task {shown(str(name))}"
        met = leads_somewhere(str(name))
        found["settings", "task_routes", name] = "" if met else f"{message}: {_THEIRS}"
    return found


def _has_others_tasks(workload: Workload) -> bool:
    return isinstance(workload, OwnTaskWorkload) or not comes_along(workload)


_THEIRS = f"those of the harness' own workloads are called {TASKS[0]} and the like"
