"""Message options that a broker or a way of publishing cannot carry out."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator

from harness.scenario.checks.queues import made_by
from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.messages import MessageOptions
from harness.scenario.models.queues import default_queue, options_of
from harness.scenario.vendors.registry import BROKERS, VENDORS
from harness.scenario.workloads.registry import Workload


def option_conflicts(
    configuration: Configuration, workload: Workload, load: Load
) -> Iterator[Conflict]:
    """What cannot work in one cell: locations begin with `workload` or `load`."""
    if workload.fired_by_beat:
        return
    for where, options in workload.options_said():
        of_options = (configuration, where, options)
        yield from as_far_as_known(_priority_conflicts, *of_options)
        yield from as_far_as_known(_countdown_conflicts, *of_options)
        yield from as_far_as_known(_publish_conflicts, *of_options, load)


def _priority_conflicts(
    configuration: Configuration, where: Location, options: MessageOptions
) -> Iterator[Conflict]:
    if options.priority is not None:
        broker = BROKERS[configuration.broker.service]
        who, highest = f'configuration "{configuration.name}"', max(options.priority)
        name = options.queue or default_queue(configuration)
        its = options_of(configuration, name).as_settings()
        settings = ChainMap(its, made_by(configuration, name))
        for message in broker.priority_problems(who, highest, settings):
            yield (*where, "priority"), message


def _countdown_conflicts(
    configuration: Configuration, where: Location, options: MessageOptions
) -> Iterator[Conflict]:
    if options.countdown is not None:
        broker = BROKERS[configuration.broker.service]
        for message in broker.countdown_problems(options.countdown, configuration.settings):
            yield (*where, "countdown"), message


def _publish_conflicts(
    configuration: Configuration, where: Location, options: MessageOptions, load: Load
) -> Iterator[Conflict]:
    if (
        options.message_groups is not None
        and not BROKERS[configuration.broker.service].message_groups
    ):
        able = [VENDORS[name].title for name, row in BROKERS.items() if row.message_groups]
        message = f"message groups are of {' and '.join(able)}: remove them"
        yield (*where, "message_groups"), message
    changing = [name for name in ("countdown", "expires") if getattr(options, name) is not None]
    if options.in_turn:
        changing.append("a list of priorities")
    if (options.message_groups or 1) > 1:
        changing.append("the message group")
    if changing and getattr(load, "publish", "api") == "prebuilt":
        message = f"{changing[0]} differs from message to message: use publish: api"
        yield (
            ("load", "publish"),
            f"publish: prebuilt writes what all messages share, and {message}",
        )
