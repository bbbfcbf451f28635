"""What a Celery setting may hold: types by Celery's own table, and what fails only at run time.

Where the table's type says less than Celery accepts, `_ALSO` widens it: this module must never be
stricter than the Celery it measures.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from harness.scenario.files.document import Location
from harness.scenario.files.secrets import variables
from harness.scenario.files.wording import did_you_mean, listed, shown, yaml_1_1_hint
from harness.scenario.vendors.transport_options import transport_problems

_NUMBER = (int, float)
_TYPES: Mapping[object, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    int: ((int,), "a whole number"),
    "float": (_NUMBER, "a number"),
    "bool": ((bool,), "true or false"),
    "string": ((str,), "text"),
    "str": ((str,), "text"),
    "bytes": ((str,), "text"),
    "dict": ((dict,), "a mapping"),
    "tuple": ((list,), "a list"),
    "list": ((list,), "a list"),
}
_ALSO: Mapping[str, tuple[type, ...]] = {
    "broker_heartbeat": (float,),
    "broker_heartbeat_checkrate": (float,),  # an int in the table, whose default is 3.0
    "broker_use_ssl": (dict,),
    "cassandra_port": (int,),
    "imports": (str,),
    "include": (str,),
    "redis_backend_use_ssl": (bool,),
    "task_default_delivery_mode": (int,),  # text in the table, whose default is 2
    "task_default_priority": (int,),
    "task_default_rate_limit": (int, float),
}
_UNLISTED: Mapping[str, object] = {
    "redis_backend_health_check_interval": "float",
    "redis_client_name": "string",
    "result_backend_thread_safe": "bool",
}
"""Types of settings that Celery's code asks for and its table lacks."""
_KINDS_OF_QUEUE = ("classic", "quorum")
_KINDS_OF_EXCHANGE = ("direct", "topic", "fanout", "headers")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "task_default_queue_type": _KINDS_OF_QUEUE,
    "task_create_missing_queue_type": _KINDS_OF_QUEUE,
    "broker_native_delayed_delivery_queue_type": _KINDS_OF_QUEUE,
    "task_default_delivery_mode": ("persistent", "transient"),
    "task_default_exchange_type": _KINDS_OF_EXCHANGE,
    "task_create_missing_queue_exchange_type": _KINDS_OF_EXCHANGE,
    "result_exchange_type": _KINDS_OF_EXCHANGE,
    "broker_failover_strategy": ("round-robin", "shuffle"),
    "broker_login_method": ("AMQPLAIN", "PLAIN", "EXTERNAL"),
    "worker_pool_start_method": ("fork", "spawn"),
}
"""Texts that mean something. Of another kind of queue Celery silently makes a classic one, and a
cell would bear the name of what was not measured."""
_BETWEEN: Mapping[str, tuple[float, float | None]] = {
    # Below zero the worker would ask its broker for an impossible window.
    "worker_prefetch_multiplier": (0, None),
    "worker_max_tasks_per_child": (1, None),  # billiard's pool asserts it
    "worker_max_memory_per_child": (1, None),
    "worker_eta_task_limit": (1, None),
    "task_time_limit": (0, None),
    "task_soft_time_limit": (0, None),
    "task_queue_max_priority": (0, 255),  # a byte in RabbitMQ and AMQP
    "task_default_priority": (0, 255),
    "task_protocol": (1, 2),
    "broker_pool_limit": (0, None),
    "broker_heartbeat": (0, None),
    "result_expires": (0, None),
    "redis_max_connections": (1, None),
}
_RATE = re.compile(r"[0-9]+(\.[0-9]+)?(/[smh])?")
_RETRY_POLICY = ("max_retries", "interval_start", "interval_step", "interval_max", "retry_errors")
"""What `Connection.ensure` of kombu takes: anything else is a TypeError at the first publish."""
Found = tuple[Location, str, bool]
"""A place below the setting, what is wrong there, and whether with the key itself."""


def value_problem(name: str, value: Any, option: Any) -> str | None:
    """What is wrong with a setting's value. `option` is its entry in Celery's table, if any."""
    kind = _UNLISTED.get(name) if option is None else option.type
    if kind in _TYPES:
        accepted, what = _TYPES[kind]
        accepted += _ALSO.get(name, ())
        if value is None:
            # Celery reads null as "off" or "no limit" for all but its switches.
            usable = kind != "bool" or getattr(option, "default", None) is None
        elif isinstance(value, bool):
            usable = bool in accepted
        else:
            usable = isinstance(value, accepted)
        hint = yaml_1_1_hint(value) if kind == "bool" else ""
        if not usable:
            return f"{name}: expected {what}, not {shown(value)}{hint}"
    if isinstance(value, str) and variables(value):
        return None  # what it holds is not known before the run
    return _range_problem(name, value) or _word_problem(name, value) or _text_problem(name, value)


def _range_problem(name: str, value: Any) -> str | None:
    if name not in _BETWEEN or not isinstance(value, _NUMBER) or isinstance(value, bool):
        return None
    least, most = _BETWEEN[name]
    if value >= least and (most is None or value <= most):
        return None
    what = "a whole number" if isinstance(value, int) else "a number"
    how = f"{least:g} or more" if most is None else f"{least:g} to {most:g}"
    return f"{name}: expected {what}, {how}, not {shown(value)}"


def _word_problem(name: str, value: Any) -> str | None:
    words = _WORDS.get(name)
    if words is None or not isinstance(value, str) or value in words:
        return None
    if words is _KINDS_OF_EXCHANGE and value.startswith("x-"):  # a plug-in's
        return None
    return (
        f"{name}: expected one of {listed(words)}, not {shown(value)}{did_you_mean(value, words)}"
    )


def _text_problem(name: str, value: Any) -> str | None:
    if name == "task_default_rate_limit":
        return _rate_problem(name, value)
    if name == "timezone" and isinstance(value, str):
        known = zoneinfo.available_timezones()
        if known and value not in known:
            return f"timezone: there is no {shown(value)}{did_you_mean(value, known)}"
    return None


def _rate_problem(name: str, value: Any) -> str | None:
    good = value is None or (isinstance(value, _NUMBER) and value >= 0)
    if good or (isinstance(value, str) and _RATE.fullmatch(value)):
        return None
    return f"{name}: expected a rate such as 10/s, 100/m or 500/h, not {shown(value)}"


# --- inside of mappings ---------------------------------------------------------------------------


def inner_problems(
    name: str, value: Any, service: str, table: Mapping[str, Any]
) -> Iterator[Found]:
    """What is wrong inside a setting that is a mapping. `table` is Celery's own of settings."""
    if name == "task_annotations":
        several = value if isinstance(value, list) else [value]
        for index, one in enumerate(several):
            head: Location = (index,) if isinstance(value, list) else ()
            for place, message, of_key in _annotation_problems(one, table):
                yield (*head, *place), message, of_key
    elif not isinstance(value, dict):
        return
    elif name == "task_publish_retry_policy":
        for key in value:
            if key not in _RETRY_POLICY:
                guess = did_you_mean(key, _RETRY_POLICY)
                known = guess or f"; known: {listed(_RETRY_POLICY)}"
                yield (key,), f"kombu has no retry option {shown(key)}{known}", True
    else:
        yield from transport_problems(name, value, service)


def _annotation_problems(annotations: Any, table: Mapping[str, Any]) -> Iterator[Found]:
    """Of each task, attributes that Celery's own tasks have: an unknown one may be the user's."""
    from celery.app.task import Task  # noqa: PLC0415 - imports celery, so late

    settings_of = dict(Task.from_config)
    known = [name for name in dir(Task) if not name.startswith("_")]
    for task, attributes in annotations.items() if isinstance(annotations, dict) else ():
        if not isinstance(attributes, dict):
            message = f"expected a mapping of the task's attributes, not {shown(attributes)}"
            yield (task,), message, False
            continue
        for name, value in attributes.items():
            guess = did_you_mean(name, known, cutoff=0.8)
            setting = settings_of.get(name)
            if name not in known and guess:
                yield (task, name), f"tasks have no attribute {shown(name)}{guess}", True
            elif name == "rate_limit" and (message := _rate_problem(name, value) or ""):
                yield (task, name), message, False
            elif name != "rate_limit" and setting is not None:
                told = value_problem(setting, value, table.get(setting)) or ""
                if told:
                    yield (task, name), told.replace(f"{setting}:", f"{name}:"), False
