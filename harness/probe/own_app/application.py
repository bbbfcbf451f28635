"""The user's own application, run with the cell's broker, backend and settings.

Its code is not touched: what the cell decides is laid above its own configuration, and whatever
would lead a message elsewhere (variables of the environment; routes and queues, unless the cell
keeps them) is overruled.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from celery import Celery, Task, signals
from celery.app.defaults import NAMESPACES, flatten
from celery.app.routes import Router

from harness.probe import queues
from harness.probe.app_variables import SHELL_VARIABLE
from harness.probe.own_app.find_app import NoAppError, find_app
from harness.probe.own_app.inherited import pass_on, watch_binding
from harness.probe.recording.side_tasks import IN_PLACE
from harness.probe.spoken import CelerySettings, MessageOptions, OwnAppSpec, QueueSpec

_BROKER_VARIABLES = (
    *("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"),
    "BROKER_URL",
)
_BACKEND_VARIABLES = ("CELERY_RESULT_BACKEND", "RESULT_BACKEND")
OF_QUEUES = (
    *("task_routes", "task_queues", "task_default_queue", "task_default_exchange"),
    *("task_default_exchange_type", "task_default_routing_key", "task_create_missing_queues"),
)
"""Settings that say which queue a message goes to: the app's own hold where its queues are kept."""
RESET = (
    # Where servers are, and how they are reached.
    *("broker_url", "broker_read_url", "broker_write_url", "broker_transport"),
    *("broker_transport_options", "broker_failover_strategy", "broker_use_ssl"),
    *("broker_login_method", "broker_host", "broker_port", "broker_user", "broker_password"),
    *("broker_vhost", "result_backend", "result_backend_transport_options", "cache_backend"),
    *("redis_backend_use_ssl", "redis_host", "redis_port", "redis_db", "redis_username"),
    *("redis_password", "result_exchange", "result_exchange_type"),
    # Which queue a message goes to.
    *OF_QUEUES,
    *("worker_direct", "control_exchange", "event_exchange", "event_queue_prefix"),
    # Whether there is anything to measure.
    *("task_always_eager", "task_ignore_result"),
)
"""Settings that the app's own configuration has no say in."""
_ROUTING = ("queue", "exchange", "routing_key")
_MISSING = object()


def build(spec: Mapping[str, Any]) -> Celery:
    """Import the app that `spec["app"]` names (`name`, `project`), and put the cell above it."""
    settings = spec["settings"]
    give_back()
    guard(settings.get("broker_url", ""), settings.get("result_backend"))
    app = load(spec["app"])
    guard(settings.get("broker_url", ""), settings.get("result_backend"))  # it may have set them
    ready(app)
    settings = {**settings, **accepting(app, settings)}
    measured = {part["task"] for part in spec["workload"]["parts"]}
    stores_results: bool = spec["stores_results"]
    keeps_queues = spec["app"].get("keeps_queues", False)
    told: Sequence[QueueSpec] = () if keeps_queues else spec.get("queues", ())
    if keeps_queues:  # the default one among them
        settings = {name: value for name, value in settings.items() if name not in OF_QUEUES}

    def rule(**_: Any) -> None:
        with choosing_on(app):
            overrule(app, settings, stores_results=stores_results, keeps_queues=keeps_queues)
            queues.declare(app, told)
        if not keeps_queues:
            app.amqp.Router = lambda *_, **__: OwnQueues(app, told)

    rule()
    pass_on(app, settings)
    _rule_tasks(app, measured, stores_results=stores_results)
    # Its own code may set things later: in these signals, or by a config_from_object.
    app.on_after_configure.connect(rule, weak=False)
    signals.celeryd_init.connect(rule, weak=False)
    signals.worker_init.connect(rule, weak=False)
    return app


@contextlib.contextmanager
def choosing_on(app: Celery) -> Iterator[None]:
    """What `celery worker --queues` has chosen stays so: it is forgotten with the app's `amqp`, and
    the worker would consume all queues that there are."""
    amqp = vars(app).get("amqp")
    known = None if amqp is None else vars(amqp).get("queues")
    chosen = None if known is None else known._consume_from
    yield
    if chosen is not None:
        app.amqp.queues.select(list(chosen))


def give_back() -> None:
    """The user's variables that begin with CELERY_ and the like, which were kept from Celery: the
    app's own code may need them. Not those that options of `celery worker` would still follow."""
    found = json.loads(os.environ.pop(SHELL_VARIABLE, "{}"))
    for name, value in found.items():
        if not name.startswith("CELERY_WORKER_") and name not in ("LOADER", "CONFIG_MODULE"):
            os.environ[name] = value


def guard(broker_url: str, backend_url: str | None) -> None:
    """Variables of the environment that beat every configuration name the block's servers.

    They hold while the app is imported, too: code that connects then finds no other server.
    """
    found = dict.fromkeys(_BROKER_VARIABLES, broker_url)
    found |= dict.fromkeys(_BACKEND_VARIABLES, backend_url or "disabled://")
    os.environ.update(found)


def load(named: OwnAppSpec) -> Celery:
    """Import the app from its project's folder. NoAppError, or whatever its code raises."""
    app, _ = located(named)
    return app


def located(named: OwnAppSpec) -> tuple[Celery, str]:
    """The same, and the app's name as `module:attribute`."""
    watch_binding()
    os.chdir(named["project"])
    # In front, where `celery -A` has the current folder; what runs by now is loaded already.
    sys.path.insert(0, named["project"])
    let_in_namesake(named["name"].partition(":")[0])
    return find_app(named["name"])


def let_in_namesake(module_name: str) -> None:
    """A package of the user's may have the name of ours: its modules are found, too. Of ours, only
    the probe is in the way. NoAppError where theirs has a `probe` as well."""
    ours = sys.modules[__name__.partition(".")[0]]
    found = (importlib.machinery.PathFinder.find_spec(ours.__name__, [at]) for at in sys.path)
    theirs = next((one for one in found if one and one.origin != ours.__file__), None)
    if theirs is None:
        return
    places = list(theirs.submodule_search_locations or ())
    if any((Path(at) / f"probe{end}").exists() for at in places for end in ("", ".py")):
        raise NoAppError(
            f"its package {ours.__name__} has a module probe, the name of the harness' own part "
            "that runs beside it: give one of the two another name"
        )
    ours.__path__ = [*places, *ours.__path__]
    is_named = module_name.partition(".")[0] == ours.__name__
    if is_named and theirs.origin is not None and theirs.loader is not None:
        theirs.loader.exec_module(ours)


def ready(app: Celery) -> None:
    """Have the app read its configuration and register its tasks: all that a worker would
    import."""
    # "Current" holds for one thread only; shared tasks of other threads go to the default app.
    app.set_default()
    app.set_current()
    # A configuration that is still pending is read now, not later. Not by a look for a key: that
    # would take a KeyError of the user's own modules for a missing setting.
    len(app.conf)
    app.finalize()
    app.loader.import_default_modules()


def accepting(app: Celery, settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """What consumers have to accept besides what the app's own do: the serializers that `settings`
    name. Its tasks may go on to use theirs."""
    used = [settings[name] for name in _SERIALIZERS if settings.get(name)]
    found = {}
    for name in ("accept_content", "result_accept_content"):
        own = app.conf[name]
        if name not in settings and own is not None and not set(used) <= set(own):
            found[name] = list(dict.fromkeys([*own, *used]))
    return found


_SERIALIZERS = ("task_serializer", "result_serializer", "event_serializer")


def overrule(
    app: Celery, settings: Mapping[str, Any], *, stores_results: bool, keeps_queues: bool = False
) -> None:
    """Lay the cell's settings above the app's own; `keeps_queues`: but for those of queues."""
    defaults = flat_defaults()
    for name in RESET:
        if name in defaults and not (keeps_queues and name in OF_QUEUES):
            app.conf[name] = defaults[name]
    app.conf["task_ignore_result"] = not stores_results
    for name, value in settings.items():
        app.conf[name] = value
    # What the app's own code may have made of the old ones.
    for name in ("amqp", "control", "timezone"):
        vars(app).pop(name, None)
    vars(app.loader).pop("default_modules", None)  # of `imports`, which workers still look for
    app._pool = None
    app._backend_cache = None
    vars(app._local).pop("backend", None)
    told = (app.conf.broker_read_url, app.conf.broker_write_url)
    if told != (settings["broker_url"],) * 2:
        raise NoAppError("its configuration does not let the broker be overruled")


class OwnQueues:
    """A router into the block's queues and no others, whatever routes, tasks and calls of the app
    say: where a call names one of them there, else where the cell's `task_routes` lead, else into
    the default queue."""

    def __init__(self, app: Celery, told: Sequence[QueueSpec]) -> None:
        self._app = app
        self._known = {name for one in told for name in (one["name"], one["called"])}
        self._routes = Router(app.amqp.routes, app=app)

    def route(
        self, options: Mapping[str, Any], name: str = "", *_: Any, **__: Any
    ) -> MessageOptions:
        """The options of a call, with one of these queues as its destination."""
        kept = {option: value for option, value in options.items() if option not in _DESTINATION}
        return {**kept, "queue": self._app.amqp.queues[self._queue(options.get("queue"), name)]}

    def _queue(self, asked: Any, name: str) -> str:
        wanted = getattr(asked, "name", asked)
        if self._known and wanted not in self._known:
            wanted = (self._routes.lookup_route(name) or {}).get("queue")
        return str(wanted if wanted in self._known else self._app.conf.task_default_queue)


_DESTINATION = (*_ROUTING, "exchange_type")


def _rule_tasks(app: Celery, measured: set[str], *, stores_results: bool) -> None:
    for name, task in app.tasks.items():
        if has_backend(task):
            type(task).backend = Task.backend
            task._backend = None
        if name in measured or name in (IN_PLACE, "harness.probe.tasks.probe"):
            task.ignore_result = not stores_results
        if name == "harness.probe.tasks.probe":  # task_annotations may say something of all tasks
            task.rate_limit = task.time_limit = task.soft_time_limit = None
            task.acks_late = app.conf.task_acks_late


def has_backend(task: Any) -> bool:
    """Whether the task keeps its results elsewhere than the app does."""
    own = any("backend" in vars(one) for one in type(task).__mro__[:-1] if one is not Task)
    return task._backend is not None or (own and type(task).backend is not Task.backend)


# --- what was overruled -------------------------------------------------------------------------


def flat_defaults() -> CelerySettings:
    """Celery's settings and their defaults."""
    return {name: option.default for name, option in flatten(NAMESPACES)}


def own_settings(app: Celery) -> CelerySettings:
    """The settings in which the app differs from Celery's defaults."""
    found = {}
    for name, default in flat_defaults().items():
        value = app.conf.get(name, _MISSING)
        if value is not _MISSING and value != default:
            found[name] = value
    return found


def has_no_say(name: str) -> bool:
    """Whether the app's own configuration decides nothing by a setting: nor is its schedule run."""
    return name in RESET or name.startswith("beat_")


def overruled(app: Celery, measured: set[str], *, keeps_queues: bool) -> Iterator[str]:
    """What of the app's own does not hold: settings, and options of measured tasks."""
    own = sorted(name for name in own_settings(app) if has_no_say(name))
    yield from (name for name in own if not (keeps_queues and name in OF_QUEUES))
    for name in sorted(measured):
        task = app.tasks[name]
        for option in () if keeps_queues else _ROUTING:
            if getattr(task, option, None):
                yield f"{option} of {name}"
        if has_backend(task):
            yield f"backend of {name}"
        if task.ignore_result:
            yield f"ignore_result of {name}"
