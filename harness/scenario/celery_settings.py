"""Celery settings of a configuration, checked against Celery's own table.

The table knows names and rough types. Where its type says less than Celery accepts, `_ALSO`
widens it: this module must never be stricter than the Celery it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from harness.errors import Problem
from harness.scenario.document import Document, Location
from harness.scenario.secrets import variables
from harness.scenario.wording import did_you_mean, listed, shown, yaml_1_1_hint

_BROKER = 'the harness makes it from "broker:"'
_BACKEND = 'the harness makes it from "backend:"'
_QUEUE = "every block has a queue of its own, named by the harness"
_NAMES = "the harness names it, to find and remove it after the block"
_WORKER = "the worker's command line decides it: set"

OWNED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "broker_url",
            "broker_read_url",
            "broker_write_url",
            "broker_transport",
            "broker_host",
            "broker_port",
            "broker_user",
            "broker_password",
            "broker_vhost",
        ),
        _BROKER,
    ),
    **dict.fromkeys(
        (
            "result_backend",
            "cache_backend",
            "database_url",
            "database_table_schemas",
            "s3_access_key_id",
            "s3_base_path",
            "s3_bucket",
            "s3_endpoint_url",
            "s3_region",
            "s3_secret_access_key",
            "redis_host",
            "redis_port",
            "redis_db",
            "redis_username",
            "redis_password",
        ),
        _BACKEND,
    ),
    **dict.fromkeys(
        (
            "task_default_queue",
            "task_default_exchange",
            "task_default_routing_key",
            "task_queues",
            "task_routes",
        ),
        _QUEUE,
    ),
    **dict.fromkeys(("control_exchange", "event_exchange", "event_queue_prefix"), _NAMES),
    **dict.fromkeys(
        ("beat_schedule", "beat_schedule_filename", "beat_scheduler"),
        "the workload periodic makes the schedule",
    ),
    "task_always_eager": "tasks would run in the client, and no broker be measured",
    "worker_concurrency": f'{_WORKER} "concurrency:" under "worker:"',
    "worker_pool": f'{_WORKER} "pool:" under "worker:"',
}
"""Settings that the harness must own, and why: a configuration may not set them."""

OWNED_OPTIONS: Mapping[tuple[str, str], str] = {
    ("broker_transport_options", "global_keyprefix"): _NAMES,
    ("broker_transport_options", "predefined_queues"): _QUEUE,
    ("broker_transport_options", "queue_name_prefix"): 'set "queue_name_prefix:" under "broker:"',
    ("broker_transport_options", "region"): 'set "region:" under "broker:"',
    ("result_backend_transport_options", "global_keyprefix"): _NAMES,
}
"""The same for single options inside a setting."""

TRANSPORT_OPTIONS: Mapping[str, frozenset[str]] = {
    "redis": frozenset(
        (
            "sep",
            "ack_emulation",
            "unacked_key",
            "unacked_index_key",
            "unacked_mutex_key",
            "unacked_mutex_expire",
            "visibility_timeout",
            "unacked_restore_limit",
            "unacked_restore_interval",
            "unacked_restore_throttle",
            "fanout_prefix",
            "fanout_patterns",
            "socket_timeout",
            "socket_connect_timeout",
            "socket_keepalive",
            "socket_keepalive_options",
            "queue_order_strategy",
            "max_connections",
            "health_check_interval",
            "retry_on_timeout",
            "priority_steps",
            "client_name",
            "polling_interval",
        )
    ),
    "rabbitmq": frozenset(
        (
            "confirm_publish",
            "max_retries",
            "interval_start",
            "interval_step",
            "interval_max",
            "read_timeout",
            "write_timeout",
            "login_method",
            "client_properties",
        )
    ),
    "sqs": frozenset(
        (
            "polling_interval",
            "wait_time_seconds",
            "visibility_timeout",
            "is_secure",
            "port",
            "predefined_exchanges",
            "supports_fanout",
            "sqs_base64_encoding",
            "queue_tags",
            "fetch_message_attributes",
            "sts_role_arn",
        )
    ),
}
"""Documented transport options (kombu 5.7). Transports take others too, so an unknown option is
an error only if it looks like a misspelt known one."""

AMOUNTS = frozenset(
    (
        *("visibility_timeout", "unacked_mutex_expire", "polling_interval", "wait_time_seconds"),
        *("socket_timeout", "socket_connect_timeout", "read_timeout", "write_timeout"),
        *("health_check_interval", "max_connections"),
        *("max_retries", "interval_start", "interval_step", "interval_max"),
    )
)
SWITCHES = frozenset(
    (
        *("ack_emulation", "fanout_patterns", "socket_keepalive", "retry_on_timeout"),
        *("confirm_publish", "is_secure", "supports_fanout", "sqs_base64_encoding"),
    )
)
"""What kombu computes with, and what it only asks for its truth, so that any text switches it on.
`fanout_prefix` is in neither: it may be a text. Options not named are not checked."""

_NEAR_MISS = 0.85
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
_KINDS_OF_QUEUE = ("classic", "quorum")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "task_default_queue_type": _KINDS_OF_QUEUE,
    "task_create_missing_queue_type": _KINDS_OF_QUEUE,
    "broker_native_delayed_delivery_queue_type": _KINDS_OF_QUEUE,
    "task_default_delivery_mode": ("persistent", "transient"),
}
"""Texts that mean something. Of another kind of queue Celery silently makes a classic one, and a
cell would bear the name of what was not measured."""
_NOT_NEGATIVE = ("worker_prefetch_multiplier",)
"""Below zero the worker would ask its broker for an impossible window."""


@cache
def known_settings() -> Mapping[str, Any]:
    """Every setting of the installed Celery by its lower-case name, as Celery's `Option`."""
    from celery.app.defaults import NAMESPACES, flatten  # noqa: PLC0415 - 0.2 s, so late

    return dict(flatten(NAMESPACES))


def settings_problems(document: Document, location: Location, service: object) -> list[Problem]:
    """What is wrong with the settings at a location of a configuration.

    `service` is the broker's, as the document has it: it decides which transport options exist.
    """
    settings = document.get(location)
    if not isinstance(settings, dict):
        return []
    problems = []
    for name, value in settings.items():
        place = (*location, name)
        if message := _name_problem(name):
            problems.append(document.key_mark(place).problem(message))
        elif message := _type_problem(name, value):
            problems.append(document.value_mark(place).problem(message))
        elif isinstance(value, dict):
            problems += _option_problems(document, place, value, str(service))
    return problems


def _name_problem(name: str) -> str | None:
    if reason := OWNED.get(name):
        return f"{name} may not be set: {reason}"
    known = known_settings()
    if name in known:
        return None
    if new := _new_name(name):
        return f"{shown(name)} is an old name: write {new}"
    return f"Celery has no setting {shown(name)}{did_you_mean(name, known)}"


def _new_name(name: str) -> str | None:
    """The lower-case name behind an upper-case or pre-4.0 one."""
    known = known_settings()
    for candidate in (name.lower(), name.lower().removeprefix("celery_")):
        if candidate in known and name != candidate:
            return candidate
    return _new_names().get(name.lower())


@cache
def _new_names() -> Mapping[str, str]:
    return {
        pattern.format(name): name
        for name, option in known_settings().items()
        for pattern in option.old
    }


def _type_problem(name: str, value: Any) -> str | None:
    option = known_settings()[name]
    if option.type not in _TYPES:
        return None
    accepted, what = _TYPES[option.type]
    accepted += _ALSO.get(name, ())
    if value is None:
        # Celery reads null as "off" or "no limit" for all but its switches.
        usable = option.type != "bool" or option.default is None
    elif isinstance(value, bool):
        usable = bool in accepted
    else:
        usable = isinstance(value, accepted)
    hint = yaml_1_1_hint(value) if option.type == "bool" else ""
    if not usable:
        return f"{name}: expected {what}, not {shown(value)}{hint}"
    if name in _NOT_NEGATIVE and value is not None and value < 0:
        return f"{name}: expected {what}, 0 or more, not {shown(value)}"
    return _word_problem(name, value)


def _word_problem(name: str, value: Any) -> str | None:
    words = _WORDS.get(name)
    if words is None or not isinstance(value, str) or value in words or variables(value):
        return None
    return (
        f"{name}: expected one of {listed(words)}, not {shown(value)}{did_you_mean(value, words)}"
    )


def _option_problems(
    document: Document, place: Location, options: dict[str, Any], service: str
) -> list[Problem]:
    problems = []
    for name, value in options.items():
        if message := _option_problem(str(place[-1]), name, service):
            problems.append(document.key_mark((*place, name)).problem(message))
        elif message := _option_value_problem(str(place[-1]), name, value, service):
            problems.append(document.value_mark((*place, name)).problem(message))
    return problems


def _option_problem(setting: str, name: str, service: str) -> str | None:
    if reason := OWNED_OPTIONS.get((setting, name)):
        return f"{name} may not be set here: {reason}"
    known = TRANSPORT_OPTIONS.get(service, frozenset())
    if setting != "broker_transport_options" or name in known:
        return None
    guess = did_you_mean(name, known, cutoff=_NEAR_MISS)
    return f"unknown transport option {shown(name)}{guess}" if guess else None


def _option_value_problem(setting: str, name: str, value: Any, service: str) -> str | None:
    known = TRANSPORT_OPTIONS.get(service, frozenset())
    if setting != "broker_transport_options" or name not in known or value is None:
        return None
    if isinstance(value, str) and variables(value):
        return None  # what it holds is not known before the run
    if name in AMOUNTS:
        number = isinstance(value, _NUMBER) and not isinstance(value, bool)
        if not number or not value >= 0:  # so that .nan is none
            return f"{name}: expected a number, 0 or more, not {shown(value)}"
    if name in SWITCHES and not isinstance(value, bool):
        return f"{name}: expected true or false, not {shown(value)}{yaml_1_1_hint(value)}"
    return None
