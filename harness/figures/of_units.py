"""Figures of units, tasks and schedules: how many, how fast, how they ended."""

from __future__ import annotations

from typing import Literal

from harness.figures.figure import STATISTICS, Figure, Samples

PHASES = ("schedule", "queue", "dispatch", "retry", "run", "result")
"""The phases of a unit, in order. They add up to its total latency. Blocks of older versions have
no `retry`: it was part of `run`."""
_OF_A_TASK = {
    "latency.total": "latency_s",
    "phase.dispatch": "dispatch_s",
    "phase.run": "run_s",
    "lateness": "lateness_s",
}
"""Times that a record has of each task of a mix, too, and where."""
_OF_A_QUEUE = {
    "latency.total": "latency_s",
    "phase.queue": "queue_s",
    "phase.dispatch": "dispatch_s",
    "phase.run": "run_s",
}
_OF_A_GROUP = {"phase.dispatch": "dispatch_s", "phase.run": "run_s"}
_LATE = ("p50", "p99", "max")
_PHASE_WORDS = {
    "schedule": "due to publish call",
    "queue": "publish call to received by a worker",
    "dispatch": "received to the call of the function",
    "retry": "first start of a task to that of the execution which gave the result",
    "run": "the function",
    "result": "end of the function to the result in the caller's hands",
}


def _phase(name: str) -> Figure:
    what = f"phase of a unit: {_PHASE_WORDS[name]}"
    samples = Samples("units", f"{name}_ns")
    return _spread(f"phase.{name}", what, f"phases_s.{name}", name, heading=name, samples=samples)


def _spread(
    name: str,
    what: str,
    field: str,
    column: str,
    *,
    heading: str = "",
    samples: Samples | None = None,
    csv: tuple[str, ...] = ("mean",),
    words: str = "",
) -> Figure:
    """A distribution of times, of which shorter ones are better."""
    return Figure(
        name, what, "s", "less", field, column, heading, words,
        distribution=True, samples=samples, csv=csv, needs_watching=name == "latency.total",
        of_task=_OF_A_TASK.get(name, ""), of_queue=_OF_A_QUEUE.get(name, ""),
        of_group=_OF_A_GROUP.get(name, ""),
    )  # fmt: skip


LOAD = (
    Figure(
        "units", "published units", "units", "more", "units", "units", summed=True, of_task="units",
        of_queue="published",
    ),
    Figure(
        "published_tasks", "tasks of which these consist", "tasks", "more", "tasks", "tasks",
        summed=True,
    ),
    Figure("window", "length of the measurement", "s", "less", "window_s", "window_s"),
    Figure(
        "throughput", "completed units per second", "units/s", "more", "throughput_per_s",
        "throughput_per_s", "units/s", of_task="throughput_per_s", of_queue="throughput_per_s",
    ),
    Figure(
        "throughput.tasks", "their tasks per second", "tasks/s", "more", "tasks_per_s",
        "tasks_per_s", "tasks/s", was=("tasks",), of_group="tasks_per_s",
    ),
    Figure(
        "throughput.publish", "units published per second, of a backlog", "units/s", "more",
        "publish_rate_per_s", "publish_rate_per_s", "publish units/s", was=("publish_rate",),
    ),
)  # fmt: skip
TIMES = (
    _spread(
        "latency.total", "a unit's whole latency, the sum of its phases", "latency_s", "latency",
        heading="total", samples=Samples("units", "total_ns"), csv=("count", *STATISTICS),
        words="latency",
    ),
    *map(_phase, PHASES),
    _spread(
        "call.publish", "time in the publish call", "calls_s.publish_call", "publish_call",
        heading="publish call",
        samples=Samples("units", "published_ns - publish_ns", completed_only=False),
    ),
    _spread(
        "call.store", "time in the worker's store call", "calls_s.store_call", "store_call",
        heading="store call",
        samples=Samples("tasks", "stored_ns - storing_ns", completed_only=False),
    ),
    _spread(
        "canvas.hop", "end of a chain's link to the start of the next", "canvas_s.hop", "hop",
        heading="chain hop",
    ),
    _spread(
        "canvas.member_spread", "first to last end of a group's members",
        "canvas_s.member_spread", "member_spread", heading="member spread",
    ),
    _spread(
        "canvas.join", "last member's end to the group's result", "canvas_s.join", "join",
        heading="group join",
    ),
)  # fmt: skip
LEDGER = (
    *(
        Figure(
            name, what, "units", "less", f"outcomes.{name}", name, summed=True,
            of_task=f"outcomes.{name}", of_queue=f"outcomes.{name}",
        )
        for name, what in (
            ("wrong", "units with another result than the expected one"),
            ("lost", "units that nothing runs and nothing holds, without a result"),
            ("timed_out", "units whose result came after the limit, or not before the end"),
        )
    ),
    Figure(
        "failed_as_meant", "units that failed, and were meant to", "units", "more",
        "failed_as_meant", "failed_as_meant", summed=True, of_task="failed_as_meant",
        of_queue="failed_as_meant",
    ),
    Figure(
        "duplicated", "executions of a task beyond its first", "executions", "less", "duplicated",
        "duplicated", summed=True, of_task="duplicated", of_queue="duplicated",
    ),
)  # fmt: skip
OPEN_LOOP = (
    Figure(
        "throughput.planned", "units due per second, of an open loop", "units/s", "more",
        "planned_per_s", "planned_per_s",
    ),
    Figure(
        "throughput.sent", "units sent in time per second, of an open loop", "units/s", "more",
        "sent_per_s", "sent_per_s", "sent/s",
    ),
    Figure(
        "unsent", "units of an open loop that were due and never sent", "units", "less", "unsent",
        "unsent", summed=True,
    ),
    Figure(
        "saturation", "the highest rate that kept the limits of load saturate", "units/s", "more",
        "saturation.rate_per_s", "saturation_per_s", "highest rate", "highest rate",
        only_load="saturate",
    ),
)  # fmt: skip
CANVAS = (
    _spread(
        "canvas.fan_out", "end of the link before a group to each member's start",
        "canvas_s.fan_out", "fan_out", heading="fan out",
    ),
    _spread(
        "canvas.join_delay", "last header task stored to the start of the chord's body",
        "canvas_s.join_delay", "join_delay", heading="join delay",
    ),
    Figure(
        "calls_per_task", "function calls that a task carries: above 1 for map, starmap, chunks",
        "per task", "more", "calls_per_task", "calls_per_task", "calls/ message",
    ),
)  # fmt: skip
TRACKING = (
    _spread(
        "tracking.learned_late", "begin of the worker's store call to the caller having the result",
        "tracking_s.learned_late", "learned_late", heading="learned late",
    ),
    _spread(
        "tracking.started_late", "the same of the state STARTED", "tracking_s.started_late",
        "started_late", heading="started late",
    ),
    Figure(
        "tracking.looks", "how often a caller asked for the state of its task", "per unit", "less",
        "looks_per_unit", "looks_per_unit", "looks",
    ),
    Figure(
        "tracking.started_seen", "units whose caller saw STARTED", "units", "more", "started_seen",
        "started_seen", summed=True,
    ),
    Figure(
        "canvas.unlock_looks", "looks of Celery's chord_unlock, where a backend does not count",
        "per unit", "less", "unlock_looks_per_unit", "unlock_looks_per_unit", "unlock looks",
    ),
)  # fmt: skip


def _count(
    name: str, what: str, key: str, *, better: Literal["more", "less"] = "less", heading: str = ""
) -> Figure:
    return Figure(
        name, what, "fires", better, f"periodic.{key}", f"schedule_{key}", heading or key,
        summed=True,
    )  # fmt: skip


SCHEDULES = (
    _count(
        "periodic.expected", "moments of a schedule's plan", "expected", better="more",
        heading="planned",
    ),
    _count("periodic.fires", "fires for these moments", "fires", better="more"),
    _count("missed", "moments of a schedule without a fire", "missed"),
    _count("doubled", "second fires for one moment of a schedule", "doubled"),
    _count("periodic.slipped", "moments that drift alone has cost", "slipped"),
    Figure(
        "periodic.drift_per_hour", "what ordinary intervals of a schedule are too long in an hour",
        "s", "less", "periodic.drift_per_hour_s", "schedule_drift_per_hour_s", "drift/h",
    ),
    Figure(
        "periodic.behind_max", "what all intervals were too long together, of the worst entry", "s",
        "less", "periodic.behind_max_s", "schedule_behind_max_s", "behind",
    ),
    _spread(
        "periodic.due_to_sent", "moment a schedule aimed at to beat's publish call",
        "periodic.due_to_sent_s", "due_to_sent", csv=_LATE, heading="sent",
    ),
    _spread(
        "periodic.sent_to_started", "beat's publish call to the call of the function",
        "periodic.sent_to_started_s", "sent_to_started", csv=_LATE, heading="started",
    ),
    _spread(
        "periodic.due_to_tick", "moment a schedule aimed at to beat noticing it",
        "periodic.due_to_tick_s", "due_to_tick", csv=_LATE,
    ),
    _spread(
        "periodic.due_to_started", "moment a schedule aimed at to the call of the function",
        "periodic.due_to_started_s", "due_to_started", csv=_LATE,
    ),
    Figure(
        "periodic.drift_per_fire", "by how much an ordinary interval was too long", "s", "less",
        "periodic.drift_per_fire_s", "schedule_drift_per_fire_s",
    ),
    Figure(
        "periodic.behind", "what all intervals were too long together, mean of the entries", "s",
        "less", "periodic.behind_s", "schedule_behind_s",
    ),
    Figure(
        "periodic.beat_cpu", "CPU time of celery beat per fire", "ms/fire", "less",
        "periodic.beat_cpu_ms_per_fire", "schedule_beat_cpu_ms_per_fire", "beat CPU",
    ),
)  # fmt: skip
FURTHER = (
    Figure(
        "ok", "units that ended as they were meant to", "units", "more", "completed", "completed",
        summed=True, of_task="ended_as_meant", of_queue="ended_as_meant",
    ),
    Figure(
        "failed", "units that failed and were not meant to", "units", "less", "failed_unmeant",
        "failed_unmeant", summed=True, of_task="failed_unmeant", of_queue="failed_unmeant",
    ),
    _spread(
        "lateness", "start of a task with a countdown less its ETA", "lateness_s", "lateness",
        csv=_LATE,
    ),
    _spread(
        "latency.priority.NAME", "latency of the units of one priority", "priorities_s",
        "priorities",
    ),
    Figure(
        "retried", "executions that asked for a further one", "executions", "less", "retried",
        "retried", summed=True, of_task="retried",
    ),
    Figure(
        "replaced", "executions that ended in self.replace", "executions", "less", "replaced",
        "replaced", summed=True, of_task="replaced",
    ),
    *(
        Figure(
            f"recovery.{name}", f"longest time of all faults until {until}", "s", "less",
            column=f"recovery_{name}_s",
        )
        for name, until in (
            ("first", "a unit that was due after it was completed"),
            ("p99", "the p99 was back"),
        )
    ),
    Figure(
        "tracking.started_share", "share of the completed units whose caller saw STARTED", "share",
        "more", column="started_seen_share", heading="STARTED seen",
    ),
    Figure(
        "fallen_workers", "workers that ended by themselves", "workers", "less", "fallen_workers",
        "fallen_workers", summed=True, of_group="fallen",
    ),
    Figure(
        "silent_workers", "workers that received nothing any more after a fault", "workers",
        "less", "silent_workers", "silent_workers", summed=True,
    ),
)  # fmt: skip
BESIDE = (
    Figure(
        "saturation.broken_at", "the lowest rate that did not keep them", "units/s", "more",
        "saturation.broken_at_per_s", "broken_at_per_s", "broken at", only_load="saturate",
    ),
    Figure(
        "network.rtt", "round trip to the broker through the network that was asked for", "s",
        "less", "network.rtt_s", "network_rtt_s",
    ),
    Figure(
        "observer.cpu", "CPU time per result of the process that watched for results", "us/result",
        "less", "observer.cpu_us_per_result", "observer_cpu_us_per_result",
    ),
    Figure(
        "observer.resolution", "by how much it may have seen a result too late", "s", "less",
        "observer.resolution_s", "observer_resolution_s",
    ),
)  # fmt: skip
OF_CHILDREN = (
    Figure(
        "children", "processes that a prefork pool had, all that were replaced among them",
        "processes", "less", "children.lived", "children", "processes",
    ),
    Figure(
        "replaced_children", "pool processes in whose place another one was started", "processes",
        "less", "children.replaced", "replaced_children", "replaced",
    ),
    _spread(
        "replacement_gap",
        "last task of a pool process to the first of its successor, while tasks waited",
        "children.gap_s", "replacement_gap", heading="gap", csv=_LATE,
    ),
    Figure(
        "replacement_share", "share of the slots' time that replacing pool processes took", "share",
        "less", "children.lost_share", "replacement_share", "time lost",
    ),
    _spread(
        "child_start", "a worker begins to start a pool process to its being initialised",
        "children.start_s", "child_start", heading="start",
    ),
    Figure(
        "child_memory", "the most memory of pool processes that ended in good order", "bytes",
        "less", "children.peak_rss_bytes", "child_peak_rss_bytes", "memory at the end",
    ),
)  # fmt: skip
STOPS = (
    Figure(
        "expired", "units that were thrown away because they had expired", "units", "less",
        "expired", "expired", summed=True, of_task="expired",
    ),
    Figure(
        "revoked", "units that were revoked before their end", "units", "less", "revoked",
        "revoked", summed=True, of_task="revoked",
    ),
    Figure(
        "time_limited", "units that ran into a time limit", "units", "less", "time_limited",
        "time_limited", summed=True, of_task="time_limited",
    ),
    Figure(
        "process_lost", "executions whose pool process ended under them", "executions", "less",
        "process_lost", "process_lost", summed=True, of_task="process_lost",
    ),
)  # fmt: skip
