"""What workers will run with, as far as a configuration says: its settings, and the options of
`celery worker`, which beat them.

Before a run this is all that is known. Once a worker runs, it says itself what holds
(`probe.recording.ran_with`, `results.events.ran_with`): an app of the user's own may have a word in
it, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.affinity import usable_cores
from harness.probe.spoken import CelerySettings
from harness.scenario.models.configuration import Configuration, Worker
from harness.scenario.settings.celery_settings import known_settings
from harness.scenario.vendors.registry import BROKERS

_NUMBERS: Mapping[str, str] = {
    "--prefetch-multiplier": "worker_prefetch_multiplier",
    "--time-limit": "task_time_limit",
    "--soft-time-limit": "task_soft_time_limit",
    "--max-tasks-per-child": "worker_max_tasks_per_child",
    "--max-memory-per-child": "worker_max_memory_per_child",
}
_FLAGS: Mapping[str, str] = {
    "-E": "worker_send_task_events",
    "--events": "worker_send_task_events",
    "--task-events": "worker_send_task_events",
    "--disable-prefetch": "worker_disable_prefetch",
}
_TEXTS: Mapping[str, str] = {"--pool-start-method": "worker_pool_start_method"}
_LONG: Mapping[str, str] = {"-O": "--optimization"}
_VALUED = (*_NUMBERS, *_TEXTS, "--autoscale", "--optimization")
_STEPS = ("gossip", "mingle", "heartbeat")
_PREFETCH_MULTIPLIER = 4
_OF_TASKS = frozenset({"task_time_limit", "task_soft_time_limit"})
"""Each task has them from the app's settings, and goes by these before an option."""
_BY_COMMAND = ("worker_pool", "worker_concurrency")
"""The harness always says these on the command line."""


@dataclass(frozen=True)
class Planned:
    """A worker process of one group, before it runs."""

    pool: str
    """Kind of its pool: `prefork` ..."""
    concurrency: int
    """Tasks that it can run at once, at most."""
    least_concurrency: int
    """Tasks that the worker can run at once when it starts: fewer than `concurrency` only with
    `--autoscale`."""
    settings: Mapping[str, Any]
    """The configuration's settings, with those that options of the command line give laid above
    them."""
    decided: frozenset[str]
    """Names of settings that an app of the user's own has no say in."""
    optimization: str
    off: frozenset[str]
    """The ones of `gossip`, `mingle` and `heartbeat` that are switched off."""
    count: int
    """Worker processes that are started so."""

    @property
    def prefetch_count(self) -> int:
        """Messages that it takes at once, unacknowledged; 0 for no limit."""
        multiplier = self.settings.get("worker_prefetch_multiplier")
        each = _PREFETCH_MULTIPLIER if multiplier is None else int(multiplier)
        return self.concurrency * each

    @property
    def slots(self) -> int:
        """Tasks that all workers of the group can run at once, at most."""
        return self.concurrency * self.count


def planned(configuration: Configuration) -> Mapping[str, Planned]:
    """What settings and options make of a worker of each group of this configuration."""
    groups, settings = configuration.groups, configuration.settings
    return {name: planned_worker(group, settings) for name, group in groups.items()}


def planned_slots(configuration: Configuration) -> int:
    """Tasks that all workers of a configuration can run at once, at most."""
    return sum(group.slots for group in planned(configuration).values())


def planned_worker(worker: Worker, settings: Mapping[str, Any]) -> Planned:
    """What settings and options make of one worker. What an option's value cannot mean is left out:
    Celery's own command line refuses it."""
    laid: CelerySettings = {}
    most = _auto(worker.pool) if worker.concurrency == "auto" else worker.concurrency
    least = most
    optimization, off = "default", set()
    for flag, value in _options(worker.options):
        if flag == "--autoscale":
            least, most = _autoscaled(value, (least, most))
        elif flag == "--optimization":
            optimization = value
        elif flag in _TEXTS:
            laid[_TEXTS[flag]] = value
        elif flag in _NUMBERS and (number := _number(value)) is not None:
            laid[_NUMBERS[flag]] = number
        elif flag in _FLAGS:
            laid[_FLAGS[flag]] = True
        elif flag.startswith("--without-"):
            off.add(flag.removeprefix("--without-"))
        elif not flag.startswith("-"):
            laid |= _setting(flag, value)
    held = {name: settings[name] for name in _OF_TASKS if settings.get(name) is not None}
    single = worker.pool == "solo"
    return Planned(
        pool=worker.pool,
        concurrency=1 if single else most,
        least_concurrency=1 if single else least,
        settings={**settings, **laid, **held},
        decided=frozenset({*settings, *(laid.keys() - _OF_TASKS), *_BY_COMMAND}),
        optimization=optimization,
        off=frozenset(off & set(_STEPS)),
        count=worker.count,
    )


def _auto(pool: str) -> int:
    """What `--concurrency=auto` comes to in a worker that may use the cores that this process may.
    One that is kept to others says it itself when it is ready."""
    try:
        from celery.utils.sysinfo import cpu_budget  # noqa: PLC0415 - not in Celery before 5.7
    except ImportError:
        return usable_cores()
    return int(cpu_budget(use_cgroup_quota=pool == "prefork").count)


def transport_options(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """`broker_transport_options`, empty where there are none."""
    options = settings.get("broker_transport_options")
    return options if isinstance(options, Mapping) else {}


def redelivery_time_s(configuration: Configuration) -> float | None:
    """How long a message that a dead worker held stays with the broker before it is delivered
    again, at most; None where the broker notices the death itself (AMQP), or where a text stands
    for a number, of which kombu alone knows what comes."""
    broker = BROKERS[configuration.broker.service]
    if broker.redelivery_s is None:
        return None
    options = [transport_options(one.settings) for one in planned(configuration).values()]
    try:
        return max(broker.redelivery_s(broker.with_defaults(one)) for one in options)
    except (TypeError, ValueError):
        return None


def _options(words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each option with its value, and `NAME=VALUE` for a setting, as `celery worker` reads them."""
    rest = iter(words)
    for word in rest:
        flag, separator, value = word.partition("=")
        if word.startswith("-") and not word.startswith("--") and len(word) > 2:
            flag, separator, value = word[:2], "=", word[2:].removeprefix("=")
        flag = _LONG.get(flag, flag)
        if not separator and flag in _VALUED:
            value = next(rest, "")
        yield flag, value


def _autoscaled(value: str, before: tuple[int, int]) -> tuple[int, int]:
    """`10,3` is at most 10, at least 3."""
    most, _, least = value.partition(",")
    try:
        return int(least or 0), int(most)
    except ValueError:
        return before


def _number(text: str) -> int | float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else value


def _setting(name: str, value: str) -> CelerySettings:
    """`worker.prefetch_multiplier=2`, after the options: celery/loaders/base.py."""
    name = name.lower().replace(".", "_")
    name = f"worker{name}" if name.startswith("_") else name
    option = known_settings().get(name)
    if option is None:
        return {}
    try:
        return {name: option.to_python(value)}
    except ValueError:
        return {}
