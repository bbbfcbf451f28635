"""What a history means, worked out one unit at a time, the slow and obvious way."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from harness.probe.recording.events import Kind, Outcome, UnitFlag
from harness.results.block.ledger import BlockEnd
from tests.results.events.histories import History, Look, Record, Task, Unit

FAR = ("never_received", "received_not_started", "started_not_finished")
STAGES = (*FAR, "finished_not_stored", "stored_not_seen")


@dataclass
class Verdict:
    """What is to be said of one measured unit."""

    unit: Unit
    tasks: list[Task]
    outcome: str
    as_meant: bool
    lost_at: str | None
    phases: dict[str, int] | None
    total: int | None
    end: int | None
    """When its last task finished, as far as its path is known."""

    @property
    def completed(self) -> bool:
        return self.outcome == "ok" or self.as_meant


def verdicts(history: History, end: BlockEnd, *, stores_results: bool) -> list[Verdict]:
    """One per measured unit, in the order of their numbers."""
    measured = [unit for unit in history.units if unit.flag == UnitFlag.MEASURED and unit.recorded]
    measured.sort(key=lambda unit: unit.number)
    missing = [
        unit
        for unit in measured
        if not unit.publish_failed
        and told(history, unit, stores_results=stores_results) == "nothing"
    ]
    held = held_units(history, missing, end, stores_results=stores_results)
    result = []
    for unit in measured:
        tasks = unit.tasks
        stages = [
            stage_of(task, stores_results=stores_results)
            for place, task in enumerate(tasks)
            if touched(task) or origin_of(history, unit, place) is not None
        ]
        stage = min(stages, key=STAGES.index)
        outcome = (
            "failed" if unit.publish_failed else told(history, unit, stores_results=stores_results)
        )
        if outcome == "nothing":
            late = end.cut_short or unit.number in held or stored_late(unit)
            outcome = "timed_out" if late else "lost"
        phases, total, last = timing(history, unit)
        said = seen(history, unit)[1] or checked(unit)[1]
        as_meant = outcome == "failed" and said is Outcome.FAILED_AS_MEANT
        lost_at = stage if outcome == "lost" else None
        result.append(Verdict(unit, tasks, outcome, as_meant, lost_at, phases, total, last))
    return result


WORST_LAST = (
    Outcome.NONE,
    Outcome.OK,
    Outcome.TIMED_OUT,
    Outcome.FAILED_AS_MEANT,
    Outcome.FAILED,
    Outcome.WRONG,
)


def earliest(looks: list[Look]) -> Look:
    """The first look; of several at the same moment the one with the worst news."""
    return min(looks, key=lambda look: (look[0], -WORST_LAST.index(look[1])))


def seen(history: History, unit: Unit) -> Look | tuple[None, None]:
    """When the unit's result was seen, and what it was; a group's perhaps member by member."""
    looks = unit.looks()
    members = unit.members_seen[: history.members or history.per_unit]
    if members and all(members):
        each = [earliest(one) for one in members]
        last = max(at for at, _ in each)
        looks = [*looks, (last, max((said for _, said in each), key=WORST_LAST.index))]
    return earliest(looks) if looks else (None, None)


def checked(unit: Unit) -> Look | tuple[None, None]:
    return earliest(unit.checks()) if unit.checks() else (None, None)


def told(history: History, unit: Unit, *, stores_results: bool) -> str:
    """The outcome that somebody vouches for, or `nothing`."""
    words = {
        Outcome.OK: "ok",
        Outcome.FAILED: "failed",
        Outcome.FAILED_AS_MEANT: "failed",
        Outcome.WRONG: "wrong",
    }
    at_once, afterwards = seen(history, unit)[1], checked(unit)[1]
    if at_once is Outcome.TIMED_OUT and afterwards in words:
        return "wrong" if afterwards is Outcome.WRONG else "timed_out"
    said = afterwards if at_once is None else at_once
    if said in words:
        return words[said]
    if not stores_results and all(task.finished for task in unit.tasks):
        return "failed" if any(raised(task) for task in unit.tasks) else "ok"
    return "nothing"


def raised(task: Task) -> bool:
    """Its first end was an exception; of several ends at the same moment, one of them."""
    first = min(at for at, _ in task.finished)
    return any(how for at, how in task.finished if at == first)


def finished_at(task: Task) -> int:
    """Its first end; a failure that somebody else began to store before that was over then."""
    first = min(at for at, _ in task.finished)
    if raised(task) and task.storing:
        storing = min(task.storing)
        if not task.started or storing >= min(task.started):
            return min(first, storing)
    return first


def stored_late(unit: Unit) -> bool:
    """All results were stored, one of them when the client had looked already."""
    looked_at = checked(unit)[0]
    if looked_at is None or not all(task.stored for task in unit.tasks):
        return False
    return any(min(task.stored) > looked_at for task in unit.tasks)


def steps_of(history: History) -> list[range]:
    """The places of each step's tasks, one step after the other."""
    sizes = history.steps or ([1] * history.per_unit if history.sequential else [history.per_unit])
    ends = list(itertools.accumulate(sizes))
    return [range(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def origin_of(history: History, unit: Unit, place: int) -> int | None:
    """When a task could be received at the earliest; None if its turn never came."""
    before = [unit.tasks[other] for other in awaited(history, place)]
    if not before:
        return unit.publish
    if not all(task.finished for task in before):
        return None
    return max(finished_at(task) for task in before)


def awaited(history: History, place: int) -> list[int]:
    """The places of the tasks that a task waits for."""
    if history.waits_for:
        return sorted(history.waits_for[place])
    steps = steps_of(history)
    step = next(number for number, places in enumerate(steps) if place in places)
    return list(steps[step - 1]) if step else []


def touched(task: Task) -> bool:
    """A worker had it."""
    return bool(task.received or task.started or task.finished)


def stage_of(task: Task, *, stores_results: bool) -> str:
    if not touched(task):
        return "never_received"
    if not task.started:
        return "received_not_started"
    if not task.finished:
        return "started_not_finished"
    if stores_results and not task.stored:
        return "finished_not_stored"
    return "stored_not_seen"


def held_units(
    history: History,
    missing: list[Unit],
    end: BlockEnd,
    *,
    stores_results: bool,
) -> set[int]:
    """Units with something on its way, and nothing of them gone."""
    queue: list[tuple[int, int, int]] = []
    held: set[int] = set()
    broken: set[int] = set()
    for unit in missing:
        for place, task in enumerate(unit.tasks):
            origin = origin_of(history, unit, place)
            stage = stage_of(task, stores_results=stores_results)
            if stage == "never_received" and origin is not None:
                queue.append((origin, unit.number, place))
            elif stage in ("received_not_started", "started_not_finished"):
                (held if end.workers_alive else broken).add(unit.number)
            elif stage == "finished_not_stored":
                broken.add(unit.number)
    queue.sort()
    lost = queue[: max(0, len(queue) - end.waiting)]
    held |= {number for _, number, _ in queue[len(lost) :]}
    return held - {number for _, number, _ in lost} - broken


@dataclass
class Execution:
    """One of a task, as one process' stamps have it."""

    started: int
    process: int
    received: int | None
    ended: int | None


def executions(history: History, task: Task) -> list[Execution]:
    """In the order of their starts. Within a process the first end is the first start's."""
    by_process: dict[int, list[Record]] = {}
    for name, records in history.logs().items():
        mine = [record for record in records if record[1] == task.ident]
        by_process.setdefault(int(name.split("-")[1]), []).extend(mine)
    found = []
    for process, records in by_process.items():
        received, started, ended = (
            sorted(record[2] for record in records if record[0] == kind)
            for kind in (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED)
        )
        for number, at in enumerate(started):
            reception = received[number] if number < len(received) else None
            end = ended[number] if number < len(ended) else None
            found.append(Execution(at, process, reception, end))
    return sorted(found, key=lambda one: (one.started, one.process))


def begins(history: History, task: Task) -> tuple[int, int]:
    """When dispatch was over, counted from the first reception, and when the execution that gave
    the result was started."""
    first = started = min(task.started)
    if len(task.started) > 1 or len(task.received) > 1:
        ran = executions(history, task)
        if ran[0].received is not None:
            first -= ran[0].received - min(task.received)
        ended = [one for one in ran if one.ended is not None]
        if ended:
            started = min(ended, key=lambda one: one.ended or 0).started
    return first, started


def timing(history: History, unit: Unit) -> tuple[dict[str, int] | None, int | None, int | None]:
    tasks = unit.tasks
    if not all(task.received and task.started and task.finished for task in tasks):
        return None, None, None
    received = [min(task.received) for task in tasks]
    first, started = map(list, zip(*(begins(history, task) for task in tasks), strict=True))
    finished = [finished_at(task) for task in tasks]
    last, path = list(steps_of(history)[-1]), list[int]()
    while last:
        path.insert(0, max(last, key=lambda place: (finished[place], -place)))
        last = awaited(history, path[0])
    origins = [unit.publish, *(finished[place] for place in path[:-1])]
    end = finished[path[-1]]
    seen_at, said = seen(history, unit)
    if not history.watched:
        over = end
    elif seen_at is None or said is Outcome.TIMED_OUT:
        return None, None, end
    else:
        over = seen_at
    due = unit.publish if unit.due is None else unit.due
    phases = {
        "schedule": unit.publish - due,
        "queue": sum(received[i] - origin for i, origin in zip(path, origins, strict=True)),
        "dispatch": sum(first[i] - received[i] for i in path),
        "retry": sum(started[i] - first[i] for i in path),
        "run": sum(finished[i] - started[i] for i in path),
        "result": over - end,
    }
    return phases, over - due, end


def foreign_tasks(history: History) -> int:
    """Tasks that ran though no client of the block told of their publication, since it published
    its first measured unit."""
    ran = [task for task in _unheard(history) if task.started]
    return len({task.ident for task in ran if max(task.started) >= _first_publish(history)})


def side_end(history: History) -> int | None:
    """When the last of them ended."""
    ends = [at for task in _unheard(history) for at, _ in task.finished]
    return max((at for at in ends if at >= _first_publish(history)), default=None)


def _unheard(history: History) -> list[Task]:
    told = [task for unit in history.units if not unit.recorded for task in unit.tasks]
    return told + history.strangers


def _first_publish(history: History) -> float:
    measured = [unit for unit in history.units if unit.flag == UnitFlag.MEASURED and unit.recorded]
    return min((unit.publish for unit in measured), default=math.inf)
