"""What of queues a broker cannot have, and messages that nobody would ever take."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from fnmatch import fnmatchcase
from typing import Any

from harness.errors import Problem
from harness.scenario.checks.groups import group_places
from harness.scenario.files.document import Conflict, Document, Location
from harness.scenario.files.fields import queue_name_fault
from harness.scenario.files.unknown import as_far_as_known, entries
from harness.scenario.files.validation import validate
from harness.scenario.files.wording import did_you_mean, listed, shown
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.queues import (
    FROM_APP,
    consumed_queues,
    default_queue,
    described_queues,
    keeps_queues_of_app,
    options_of,
    routes,
)
from harness.scenario.vendors.base import Provider, QueueOptions
from harness.scenario.vendors.registry import BROKERS, VENDORS
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.registry import TASKS, Workload

_OF_DEFAULT = "task_default_queue_type"
_OF_MISSING = "task_create_missing_queue_type"


def queue_problems(document: Document) -> list[Problem]:
    """What is wrong with `queues:` of a configuration's document, each queue by the model that its
    broker's vendor has of it."""
    queues, service = document.get(("queues",)), document.get(("broker", "service"))
    doubted = any(place[:1] == ("broker",) for place in document.unknown)
    if not isinstance(queues, dict) or doubted or not isinstance(service, str):
        return []
    if service not in BROKERS:
        return []
    problems: list[Problem] = []
    for name, said in queues.items():
        place = ("queues", name)
        if name == FROM_APP:
            problems += _problems_of_from_app(document, queues)
        elif message := _broker_knows_one(service):
            problems.append(document.key_mark(place).problem(message))
        elif not isinstance(said, dict):
            message = f"expected a mapping, {{}} for a queue like any other, not {shown(said)}"
            problems.append(document.value_mark(place).problem(message))
        else:
            problems += _problems_of_queue(document, name, said, service)
    return problems


def _problems_of_from_app(document: Document, queues: Mapping[str, Any]) -> Iterator[Problem]:
    if queues[FROM_APP] is not True:
        message = f"{FROM_APP} is true, or not there: {shown(queues[FROM_APP])} says nothing"
        yield document.value_mark(("queues", FROM_APP)).problem(message)
    elif len(queues) > 1:
        message = f"the app says what its queues are: remove the others, or {FROM_APP}"
        yield document.key_mark(("queues", FROM_APP)).problem(message)


def _broker_knows_one(service: str) -> str | None:
    if BROKERS[service].queue is not None:
        return None
    return f"the harness keeps one queue of a block apart on {VENDORS[service].title}: remove this"


def _problems_of_queue(
    document: Document, name: str, said: Mapping[str, Any], service: str
) -> list[Problem]:
    place, model = ("queues", name), BROKERS[service].queue or QueueOptions
    if not model.model_fields:
        message = f"on {VENDORS[service].title} all queues are alike: write {{}}"
        return [document.key_mark((*place, key)).problem(message) for key in said]
    problems: list[Problem] = []
    validate(model, document.below(place, document.key_mark(place)), problems)
    return problems


def queue_conflicts(configuration: Configuration, provider: Provider | None) -> Iterator[Conflict]:
    """Names that the broker does not take, what its queues cannot have, and queues that nobody
    consumes."""
    for judge in (_name_conflicts, _field_conflicts, _route_conflicts, _idle_conflicts):
        yield from as_far_as_known(judge, configuration)
    yield from as_far_as_known(_shared_conflicts, configuration, provider)


def _places(configuration: Configuration) -> Iterator[tuple[Location, str]]:
    """Each place of the configuration that names a queue, but for routes."""
    for name in described_queues(configuration):
        yield ("queues", name), name
    for place, _, worker in group_places(configuration):
        for index, name in enumerate(entries(worker.queues)):
            yield (*place, "queues", index), name


def _name_conflicts(configuration: Configuration) -> Iterator[Conflict]:
    service = configuration.broker.service
    default, key = default_queue(configuration), "task_default_queue"
    said = configuration.settings.get(key)
    if isinstance(said, str) and (message := queue_name_fault(said)):
        yield ("settings", key), f"{key}: {message}"
    for place, name in routes(configuration):
        if message := queue_name_fault(name):
            yield place, f"task_routes: {message}"
    for place, name in (*_places(configuration), *routes(configuration)):
        if name == default or queue_name_fault(name):
            continue
        message = _broker_knows_one(service) or BROKERS[service].queue_name_problem(name)
        if message:
            yield place, message


def _field_conflicts(configuration: Configuration) -> Iterator[Conflict]:
    for name in described_queues(configuration):
        yield from as_far_as_known(_conflicts_of_queue, configuration, name)


def _conflicts_of_queue(configuration: Configuration, name: str) -> Iterator[Conflict]:
    options = options_of(configuration, name)
    for field, message in options.problems(name, made_by(configuration, name)):
        yield ("queues", name, field), message


def _route_conflicts(configuration: Configuration) -> Iterator[Conflict]:
    said, consumed = configuration.settings.get("task_routes"), consumed_queues(configuration)
    place: Location = ("settings", "task_routes")
    if keeps_queues_of_app(configuration):
        for name in ("task_default_queue", "task_routes"):
            if name in configuration.settings:
                message = f"queues: {{{FROM_APP}: true}} lets the app's own hold: remove this"
                yield ("settings", name), message
        return
    if said is not None and not isinstance(said, Mapping):
        message = f"expected names of tasks with their queues, not {shown(said)}"
        yield place, f"task_routes: {message}"
        return
    for task, route in (said or {}).items():
        if not _names_a_queue(route):
            message = f"{shown(task)} goes to a queue, by its name or as {{queue: NAME}}"
            yield (*place, task), f"task_routes: {message}: what else a call has, its workload says"
        elif task.startswith(_OURS) and not leads_somewhere(task):
            message = f"task_routes: the harness has no task {shown(task)}"
            yield (*place, task), f"{message}{did_you_mean(task, TASKS)}"
    for where, name in routes(configuration):
        if consumed is not None and name not in consumed and not queue_name_fault(name):
            yield where, _nobody_consumes(name, consumed, configuration)


def _names_a_queue(route: object) -> bool:
    return isinstance(route, str) or (
        isinstance(route, Mapping) and set(route) == {"queue"} and isinstance(route["queue"], str)
    )


_OURS = "harness.probe."


def leads_somewhere(route: str) -> bool:
    """Whether a route of `task_routes`, a name of a task or a pattern, fits a task of the harness'
    own workloads."""
    return any(fnmatchcase(task, route) for task in TASKS)


def _idle_conflicts(configuration: Configuration) -> Iterator[Conflict]:
    """Queues that are described, and that no group consumes: most likely by another name."""
    consumed = consumed_queues(configuration)
    for name in described_queues(configuration) if consumed is not None else ():
        if consumed is not None and name not in consumed:
            yield ("queues", name), _nobody_consumes(name, consumed, configuration)


def _nobody_consumes(name: str, consumed: Collection[str], configuration: Configuration) -> str:
    message = f'no worker of configuration "{configuration.name}" consumes queue {shown(name)}'
    guess = did_you_mean(name, consumed)
    return f"{message}{guess}; they consume {listed(consumed)}"


def _shared_conflicts(
    configuration: Configuration, provider: Provider | None
) -> Iterator[Conflict]:
    """Several queues where blocks are told apart by nothing but the default queue's name."""
    places = [*_places(configuration), *routes(configuration)]
    broker, default = configuration.broker, default_queue(configuration)
    others = [place for place, name in places if name != default]
    if keeps_queues_of_app(configuration):
        others.append(("queues", FROM_APP))
    if others and (message := BROKERS[broker.service].one_queue_only(broker, provider)):
        yield others[0], message


def lost_conflicts(configuration: Configuration, workload: Workload) -> Iterator[Conflict]:
    """Units of a cell whose messages nobody would ever take; locations begin with `workload`."""
    who = f'configuration "{configuration.name}"'
    if keeps_queues_of_app(configuration):
        if not isinstance(workload, OwnTaskWorkload):
            message = f"{who} keeps the queues of an app of your own, and {workload.workload} has"
            yield ("workload", "workload"), f"{message} none: use workload task"
        return
    consumed, routed = consumed_queues(configuration), [*routes(configuration)]
    for place, name in dict.fromkeys(workload.queues_said()):
        if reason := _no_way(configuration, name or default_queue(configuration), consumed):
            if name is not None:
                yield place, reason
            elif not routed:  # else nobody can say which tasks go there
                instead = 'say "options: {queue: ...}" here, or name it in the queues of a group'
                yield place, f"its tasks go to Celery's default queue: {reason}; {instead}"


def _no_way(
    configuration: Configuration, name: str, consumed: Collection[str] | None
) -> str | None:
    """Why messages cannot go to a queue; None if they can."""
    broker = configuration.broker
    row = BROKERS[broker.service]
    if consumed is not None and name not in consumed:
        return _nobody_consumes(name, consumed, configuration)
    if name == default_queue(configuration):
        return None
    return (
        _broker_knows_one(broker.service)
        or row.queue_name_problem(name)
        or row.one_queue_only(broker, None)
        or None
    )


def made_by(configuration: Configuration, name: str) -> MutableMapping[str, Any]:
    """The settings by which Celery would make a queue of which nothing is said, by their names for
    its default queue."""
    settings = configuration.settings
    if name == default_queue(configuration):
        return settings
    return ChainMap({_OF_DEFAULT: settings.get(_OF_MISSING)}, settings)
