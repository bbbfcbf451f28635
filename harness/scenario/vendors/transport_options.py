"""`broker_transport_options`, checked against what kombu's transports take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.scenario.files.document import Location
from harness.scenario.files.secrets import variables
from harness.scenario.files.wording import did_you_mean, listed, shown, yaml_1_1_hint

SETTING = "broker_transport_options"
_NAMES = "the harness names it, to find and remove it after the block"
_QUEUE = "every block has a queue of its own, named by the harness"

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


_WORDS: Mapping[str, tuple[str, ...]] = {
    "queue_order_strategy": ("round_robin", "priority", "sorted"),
    "login_method": ("AMQPLAIN", "PLAIN", "EXTERNAL"),
}
"""Texts that mean something: of anything else clients and workers fail when they connect."""
_MOST_OF_SQS: Mapping[str, int] = {"wait_time_seconds": 20, "visibility_timeout": 43_200}
"""Whole seconds, and no more of them: AWS refuses the rest (quotas of SQS)."""
_NEAR_MISS = 0.85
_NUMBER = (int, float)


def transport_problems(
    setting: str, options: Mapping[str, Any], service: str
) -> Iterator[tuple[Location, str, bool]]:
    """What is wrong with the options inside a setting: the key, what, and whether with the key."""
    for name, value in options.items():
        if message := _name_problem(setting, name, service):
            yield (name,), message, True
        elif message := _value_problem(setting, name, value, service):
            yield (name,), message, False


def _name_problem(setting: str, name: str, service: str) -> str | None:
    if reason := OWNED_OPTIONS.get((setting, name)):
        return f"{name} may not be set here: {reason}"
    known = TRANSPORT_OPTIONS.get(service, frozenset())
    if setting != SETTING or name in known:
        return None
    guess = did_you_mean(name, known, cutoff=_NEAR_MISS)
    return f"unknown transport option {shown(name)}{guess}" if guess else None


def _value_problem(setting: str, name: str, value: Any, service: str) -> str | None:
    known = TRANSPORT_OPTIONS.get(service, frozenset())
    if setting != SETTING or name not in known or value is None:
        return None
    if isinstance(value, str) and variables(value):
        return None  # what it holds is not known before the run
    if name in AMOUNTS:
        return _amount_problem(name, value, service)
    if name in SWITCHES and not isinstance(value, bool):
        return f"{name}: expected true or false, not {shown(value)}{yaml_1_1_hint(value)}"
    words = _WORDS.get(name, ())
    if words and value not in words and not _is_import_path(value):
        guess = did_you_mean(value, words) if isinstance(value, str) else ""
        return f"{name}: expected one of {listed(words)}, not {shown(value)}{guess}"
    return None


def _amount_problem(name: str, value: Any, service: str) -> str | None:
    number = isinstance(value, _NUMBER) and not isinstance(value, bool)
    if not number or not value >= 0:  # so that .nan is none
        return f"{name}: expected a number, 0 or more, not {shown(value)}"
    most = _MOST_OF_SQS.get(name) if service == "sqs" else None
    if most is not None and (not isinstance(value, int) or value > most):
        return f"{name}: SQS takes whole seconds, 0 to {most}, not {shown(value)}"
    return None


def _is_import_path(value: Any) -> bool:
    """kombu takes `package.module:Class` of the user's own for its words."""
    return isinstance(value, str) and ":" in value
