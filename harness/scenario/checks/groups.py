"""Groups of workers: what cannot work of one, and of all together."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from harness.errors import Problem
from harness.extras import needs
from harness.scenario.files.document import Conflict, Document, Location
from harness.scenario.files.unknown import as_far_as_known, entries
from harness.scenario.files.wording import shown
from harness.scenario.models.configuration import OTHER_FORM, Configuration, Worker
from harness.scenario.settings.celery_sets import celery_version
from harness.scenario.settings.celery_since import minor_of
from harness.scenario.settings.worker_options import worker_option_problems


def form_problems(document: Document) -> Iterator[Problem]:
    """Both ways at once to say which workers there are, at the second; or no group in `workers`."""
    data = document.data if isinstance(document.data, dict) else {}
    first, *second = [key for key in data if key in OTHER_FORM] or [""]
    for key in second:
        message = f"{shown(first)} says already which workers there are: give one of the two"
        if document.key_mark((key,)).file != document.key_mark((first,)).file:  # an axis, or --set
            message = (
                f"the configuration has {shown(first)}: this says something of {shown(key)}, and "
                "there is one of the two"
            )
        yield document.key_mark((key,)).problem(message)
    doubted = any(place[:1] == ("workers",) for place in document.unknown | document.partial)
    if data.get("workers") == {} and not doubted:  # else there were some, which cannot be read
        message = 'no group of workers: add one, such as "fast: {queues: [urgent]}"'
        yield document.value_mark(("workers",)).problem(message)


def group_places(configuration: Configuration) -> Iterator[tuple[Location, str, Worker]]:
    """Each group that is known: its place in the file, its name, and the group."""
    several = bool(configuration.workers)
    for name, group in configuration.groups.items():
        yield ("workers", name) if several else ("worker",), name, group


def group_conflicts(configuration: Configuration, *, own_app: bool) -> Iterator[Conflict]:
    """What cannot work within the groups of a configuration. `own_app`: an app of the user's own
    may add options to those of `celery worker`."""
    for place, name, group in group_places(configuration):
        for where, message in (
            *as_far_as_known(_pool_conflicts, configuration, group),
            *as_far_as_known(_option_conflicts, configuration, group, own_app=own_app),
            *as_far_as_known(_queue_conflicts, configuration, name, group),
        ):
            yield (*place, *where), message


def missing_pools(configuration: Configuration) -> Iterator[Conflict]:
    """Pools that need a package which this Python lacks."""
    message = needs("pool gevent", "gevent", "gevent")
    if configuration.celery is not None or not message:
        return
    for place, _, group in group_places(configuration):
        for where in as_far_as_known(_gevent, group):
            yield (*place, *where), message


def _gevent(group: Worker) -> Iterator[Location]:
    if group.pool == "gevent":
        yield ("pool",)


def _pool_conflicts(configuration: Configuration, group: Worker) -> Iterator[Conflict]:
    if group.concurrency == "auto":
        version = celery_version(configuration.celery)
        if configuration.celery is None:
            version = importlib.metadata.version("celery")
        if version and minor_of(version) < _SIZES_ITSELF:
            message = f"celery {version} knows no concurrency auto, which came with 5.7: "
            yield ("concurrency",), message + "give a number"
            return
    if group.pool == "solo" and group.concurrency != 1:
        yield ("concurrency",), 'pool solo runs one task at a time: set "concurrency: 1"'


def _option_conflicts(
    configuration: Configuration, group: Worker, *, own_app: bool
) -> Iterator[Conflict]:
    version = celery_version(configuration.celery)
    for index, message in worker_option_problems(group.options, version, of_own_apps=own_app):
        yield ("options", index), message
    if group.pool != "prefork":
        for index, word in enumerate(entries(group.options)):
            if (option := word.partition("=")[0]) in _OF_PREFORK:
                message = (
                    f"{option} is about the processes of a prefork pool, and pool {group.pool} "
                    "takes no notice of it: remove it"
                )
                yield ("options", index), message
            elif option == "--autoscale" and group.pool != "gevent":
                message = f"pool {group.pool} cannot grow: remove --autoscale"
                yield ("options", index), message


_OF_PREFORK = ("--max-tasks-per-child", "--max-memory-per-child", "--pool-start-method")
_SIZES_ITSELF = (5, 7)


def _queue_conflicts(configuration: Configuration, name: str, group: Worker) -> Iterator[Conflict]:
    if len(configuration.groups) > 1 and not group.queues:
        yield (
            (),
            f"group {shown(name)} has no queues, and of several groups each says what it consumes: "
            f'add "queues: [...]"',
        )
    seen: set[str] = set()
    for index, queue in enumerate(entries(group.queues)):
        if queue in seen:
            yield ("queues", index), f"queue {shown(queue)} stands here twice"
        seen.add(queue)
