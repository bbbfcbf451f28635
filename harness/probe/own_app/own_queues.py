"""The queues of a user's own app, where they are kept: which there are, by whose word, and where
measured tasks go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from celery import Celery

from harness.probe.spoken import Line, WorkloadSpec
from harness.probe.workloads.messages import Options


def described(app: Celery, parts: Sequence[WorkloadSpec], groups: Sequence[Sequence[str]]) -> Line:
    """All queues that are known before anything runs, and what a worker consumes that is not told
    otherwise: `declared` (queue -> by whose word), `consumed` (by workers that are not asked),
    `measured` (the queue of each part; None where a route leads to an exchange)."""
    declared: dict[str, list[str]] = {}
    own = [str(name) for name in app.amqp.queues.consume_from]
    measured = [led_to(app, part) for part in parts]
    for name, who in (
        *((name, "task_queues" if app.conf.task_queues else "task_default_queue") for name in own),
        *_routed(app),
        *((name, "workers") for group in groups for name in group),
        *zip(measured, (str(part["task"]) for part in parts)),
    ):
        if name is not None:
            whose = declared.setdefault(name, [])
            whose += [who] if who not in whose else []
    return {"declared": declared, "consumed": own, "measured": measured}


def _routed(app: Celery) -> Iterator[tuple[str, str]]:
    """What static routes and options of tasks lead to; what a function decides nobody can say."""
    routes = app.conf.task_routes
    for one in routes if isinstance(routes, (list, tuple)) else [routes]:
        for route in one.values() if isinstance(one, Mapping) else ():
            if name := _name(route.get("queue") if isinstance(route, Mapping) else route):
                yield name, "task_routes"
    for name, task in sorted(app.tasks.items()):
        if queue := _name(getattr(task, "queue", None)):
            yield queue, f"queue of {name}"


def led_to(app: Celery, part: WorkloadSpec) -> str | None:
    """The queue of a part's messages, as Celery's own router has it; None where it only says an
    exchange that no queue is bound to by that key. Raises what a route of the user's raises."""
    task = app.tasks[part["task"]]
    options = {**task._get_exec_options(), **Options(part).of(0)}
    found = app.amqp.router.route(options, task.name, (), {}, task)
    if queue := _name(found.get("queue")):
        return queue
    for name, one in app.amqp.queues.items():
        if (one.exchange.name, one.routing_key) == (
            found.get("exchange"),
            found.get("routing_key"),
        ):
            return str(name)
    return None


def _name(queue: Any) -> str | None:
    named = getattr(queue, "name", queue)
    return named if isinstance(named, str) and named else None
