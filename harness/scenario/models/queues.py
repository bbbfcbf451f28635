"""Queues of a configuration: what they are called, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from harness.scenario.files.document import Location
from harness.scenario.files.unknown import NotKnownError
from harness.scenario.models.configuration import DEFAULT_QUEUE, Configuration
from harness.scenario.models.messages import MessageOptions
from harness.scenario.vendors.base import QueueOptions
from harness.scenario.vendors.registry import BROKERS

FROM_APP = "from_app"
"""Stands instead of queues: an app of the user's own has them."""


def default_queue(configuration: Configuration) -> str:
    """What the queue is called to which tasks go that nobody sends elsewhere. On the broker it has
    the name that a block's namespace gives it."""
    return str(configuration.settings.get("task_default_queue") or DEFAULT_QUEUE)


def keeps_queues_of_app(configuration: Configuration) -> bool:
    """Whether queues and routes of an app of the user's own are kept."""
    return FROM_APP in configuration.queues


def queue_options(configuration: Configuration) -> Mapping[str, QueueOptions]:
    """The queues of which the configuration says something, by their names: as the broker's vendor
    has it."""
    names = described_queues(configuration)
    return {name: options_of(configuration, name) for name in names}


def options_of(configuration: Configuration, name: str) -> QueueOptions:
    """One of them; without any options where nothing is said of it. NotKnownError where it is no
    such queue, as of a faulty file whose broker was mended."""
    model = BROKERS[configuration.broker.service].queue or QueueOptions
    said = name in described_queues(configuration)
    try:
        return model.model_validate(configuration.queues[name] if said else {})
    except ValidationError:
        raise NotKnownError from None


def described_queues(configuration: Configuration) -> tuple[str, ...]:
    """Their names alone: known, too, where what is said of them makes no sense."""
    one_only = BROKERS[configuration.broker.service].queue is None
    return () if one_only or keeps_queues_of_app(configuration) else tuple(configuration.queues)


def routes(configuration: Configuration) -> Iterator[tuple[Location, str]]:
    """Where `task_routes` leads tasks: the place of each route, and the queue."""
    said = configuration.settings.get("task_routes")
    for task, route in said.items() if isinstance(said, Mapping) else ():
        name = route.get("queue") if isinstance(route, Mapping) else route
        if isinstance(name, str):
            yield ("settings", "task_routes", task), name


def consumed_queues(configuration: Configuration) -> tuple[str, ...] | None:
    """Every queue that some group of workers says to consume; None where one says nothing: it
    consumes all that there are."""
    groups = configuration.groups.values()
    if not all(group.queues for group in groups):
        return None
    return tuple(dict.fromkeys(name for group in groups for name in group.queues))


def known_queues(
    configuration: Configuration, messages: tuple[MessageOptions, ...]
) -> tuple[str, ...]:
    """All queues of a cell, in the order of the file; nothing where nobody says anything of queues,
    so that there is the default one only. `messages`: options of each kind of message."""
    said = [name for group in configuration.groups.values() for name in group.queues]
    said += described_queues(configuration)
    said += [name for _, name in routes(configuration)]
    sent = [one.queue for one in messages]
    said += [name for name in sent if name is not None]
    if not said:
        return ()
    everybody_says = consumed_queues(configuration) is not None
    default = default_queue(configuration)
    # Celery declares it for whoever consumes it, or sends to it.
    first = [] if everybody_says and None not in sent else [default]
    return tuple(dict.fromkeys([*first, *said]))
