"""What a history means, worked out one unit at a time, the slow and obvious way."""

from __future__ import annotations

from dataclasses import dataclass

from harness.probe.events import Outcome, UnitFlag
from harness.results.ledger import BlockEnd
from tests.results.histories import History, Task, Unit

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
    measured = [unit for unit in history.units if unit.flag == UnitFlag.MEASURED]
    measured.sort(key=lambda unit: unit.number)
    known = {unit.number: known_tasks(unit, history) for unit in measured}
    missing = [
        unit
        for unit in measured
        if not unit.publish_failed
        and told(unit, known[unit.number], stores_results=stores_results) == "nothing"
    ]
    held = held_units(history, missing, known, end, stores_results=stores_results)
    result = []
    for unit in measured:
        tasks = known[unit.number]
        stage = min(
            (stage_of(task, stores_results=stores_results) for task in tasks), key=STAGES.index
        )
        outcome = (
            "failed" if unit.publish_failed else told(unit, tasks, stores_results=stores_results)
        )
        if outcome == "nothing":
            late = end.cut_short or unit.number in held or stored_late(unit, tasks)
            outcome = "timed_out" if late else "lost"
        phases, total, last = timing(history, unit, tasks)
        said = unit.seen or unit.checked
        as_meant = outcome == "failed" and said is Outcome.FAILED_AS_MEANT
        lost_at = stage if outcome == "lost" else None
        result.append(Verdict(unit, tasks, outcome, as_meant, lost_at, phases, total, last))
    return result


def known_tasks(unit: Unit, history: History) -> list[Task]:
    if unit.named:
        return unit.tasks
    everything = [task for other in history.units for task in other.tasks] + history.strangers
    return [next((task for task in everything if task.ident == unit.ident), Task(unit.ident))]


def told(unit: Unit, tasks: list[Task], *, stores_results: bool) -> str:
    """The outcome that somebody vouches for, or `nothing`."""
    words = {
        Outcome.OK: "ok",
        Outcome.FAILED: "failed",
        Outcome.FAILED_AS_MEANT: "failed",
        Outcome.WRONG: "wrong",
    }
    if unit.seen is Outcome.TIMED_OUT and unit.checked in words:
        return "wrong" if unit.checked is Outcome.WRONG else "timed_out"
    said = unit.checked if unit.seen is None else unit.seen
    if said in words:
        return words[said]
    if not stores_results and all(task.finished for task in tasks):
        return "failed" if any(min(task.finished)[1] for task in tasks) else "ok"
    return "nothing"


def stored_late(unit: Unit, tasks: list[Task]) -> bool:
    """All results were stored, one of them when the client had looked already."""
    if unit.checked is None or not all(task.stored for task in tasks):
        return False
    return any(min(task.stored) > unit.checked_at for task in tasks)


def stage_of(task: Task, *, stores_results: bool) -> str:
    if not task.received and not task.started and not task.finished:
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
    known: dict[int, list[Task]],
    end: BlockEnd,
    *,
    stores_results: bool,
) -> set[int]:
    """Units with something on its way, and nothing of them gone."""
    queue: list[tuple[int, int, int]] = []
    held: set[int] = set()
    broken: set[int] = set()
    for unit in missing:
        for place, task in enumerate(known[unit.number]):
            before = known[unit.number][place - 1] if history.sequential and place else None
            stage = stage_of(task, stores_results=stores_results)
            if stage == "never_received" and before is None:
                queue.append((unit.publish, unit.number, place))
            elif stage == "never_received" and before is not None and before.finished:
                queue.append((min(before.finished)[0], unit.number, place))
            elif stage in ("received_not_started", "started_not_finished"):
                (held if end.workers_alive else broken).add(unit.number)
            elif stage == "finished_not_stored":
                broken.add(unit.number)
    queue.sort()
    lost = queue[: max(0, len(queue) - end.waiting)]
    held |= {number for _, number, _ in queue[len(lost) :]}
    return held - {number for _, number, _ in lost} - broken


def timing(
    history: History, unit: Unit, tasks: list[Task]
) -> tuple[dict[str, int] | None, int | None, int | None]:
    if not all(task.received and task.started and task.finished for task in tasks):
        return None, None, None
    received = [min(task.received) for task in tasks]
    started = [min(task.started) for task in tasks]
    finished = [min(task.finished)[0] for task in tasks]
    if history.sequential:
        origins, path = [unit.publish, *finished[:-1]], list(range(len(tasks)))
    else:
        origins, path = [unit.publish] * len(tasks), [finished.index(max(finished))]
    end = finished[path[-1]]
    if history.watched and unit.seen in (None, Outcome.TIMED_OUT):
        return None, None, end
    over = unit.seen_at if history.watched else end
    due = unit.publish if unit.due is None else unit.due
    phases = {
        "schedule": unit.publish - due,
        "queue": sum(received[i] - origins[i] for i in path),
        "dispatch": sum(started[i] - received[i] for i in path),
        "run": sum(finished[i] - started[i] for i in path),
        "result": over - end,
    }
    return phases, over - due, end


def foreign_tasks(history: History) -> int:
    """Tasks that ran though no client of the block names them."""
    named = {unit.ident for unit in history.units}
    named |= {task.ident for unit in history.units if unit.named for task in unit.tasks}
    ran = [task for unit in history.units for task in unit.tasks] + history.strangers
    return len({task.ident for task in ran if task.started} - named)
