"""Settings: as strict as a typo needs, never stricter than Celery."""

from __future__ import annotations

from typing import Any

import pytest
from celery.app.defaults import DEFAULTS, SETTING_KEYS

from harness.scenario.celery_settings import (
    AMOUNTS,
    OWNED,
    OWNED_OPTIONS,
    SWITCHES,
    TRANSPORT_OPTIONS,
    settings_problems,
)
from harness.scenario.document import Document, Mark, Spot

HERE = Mark("f", 1, 1)


def complaints(settings: dict[str, Any], service: str = "redis") -> list[str]:
    document = Document({"settings": settings}, {(): Spot(HERE, HERE)})
    return [one.message for one in settings_problems(document, ("settings",), service)]


def plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | dict)


@pytest.mark.parametrize("name", sorted(SETTING_KEYS - set(OWNED)))
def test_every_default_of_celery_is_accepted(name: str) -> None:
    value = DEFAULTS[name]
    value = list(value) if isinstance(value, tuple) else value
    value = value if plain(value) or isinstance(value, list) else 86400
    assert complaints({name: value}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("broker_pool_limit", None),
        ("broker_use_ssl", {"cert_reqs": "CERT_NONE"}),
        ("result_expires", None),
        ("result_backend_max_retries", float("inf")),
        ("task_default_delivery_mode", "transient"),
        ("task_default_delivery_mode", 1),
        ("task_default_priority", 5),
        ("task_default_rate_limit", "10/s"),
        ("task_compression", "gzip"),
        ("task_time_limit", 5),
        ("broker_transport_options", {"confirm_publish": True, "unheard_of": 1}),
        ("result_backend_transport_options", {"visibilty_timeout": 5}),
    ],
)
def test_what_celery_takes_beyond_its_table(name: str, value: Any) -> None:
    assert complaints({name: value}) == []


def test_owned_settings_exist_in_celery_or_would_be_reported_anyway() -> None:
    assert set(OWNED) <= SETTING_KEYS
    assert {setting for setting, _ in OWNED_OPTIONS} <= SETTING_KEYS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CELERY_ACKS_LATE", "task_acks_late"),
        ("CELERYD_MAX_TASKS_PER_CHILD", "worker_max_tasks_per_child"),
        ("CELERY_IGNORE_RESULT", "task_ignore_result"),
        ("CELERY_TASK_RESULT_EXPIRES", "result_expires"),
        ("CELERY_TASK_ACKS_LATE", "task_acks_late"),
        ("BROKER_POOL_LIMIT", "broker_pool_limit"),
        ("CELERY_ACCEPT_CONTENT", "accept_content"),
    ],
)
def test_old_names_say_the_new_one(old: str, new: str) -> None:
    assert complaints({old: 1}) == [f'"{old}" is an old name: write {new}']


def test_transport_options_belong_to_a_broker() -> None:
    typo = {"broker_transport_options": {"poling_interval": 1}}
    expected = 'unknown transport option "poling_interval" (did you mean "polling_interval"?)'
    assert complaints(typo, "sqs") == [expected]
    assert complaints(typo, "rabbitmq") == []


@pytest.mark.parametrize(
    ("service", "name", "value", "told"),
    [
        ("redis", "visibility_timeout", True, "a number, 0 or more, not true"),
        ("redis", "visibility_timeout", "30", 'a number, 0 or more, not "30"'),
        ("redis", "socket_timeout", float("nan"), "a number, 0 or more, not NaN"),
        ("sqs", "wait_time_seconds", -1, "a number, 0 or more, not -1"),
        ("sqs", "polling_interval", [1], "a number, 0 or more, not a list"),
        ("rabbitmq", "confirm_publish", "abc", 'true or false, not "abc"'),
        ("rabbitmq", "confirm_publish", 1, "true or false, not 1"),
    ],
)
def test_values_of_transport_options(service: str, name: str, value: Any, told: str) -> None:
    settings = {"broker_transport_options": {name: value}}
    assert complaints(settings, service) == [f"{name}: expected {told}"]


@pytest.mark.parametrize(
    ("service", "options"),
    [
        ("redis", {"visibility_timeout": 0, "polling_interval": 0.05, "socket_timeout": None}),
        ("redis", {"visibility_timeout": float("inf"), "fanout_prefix": "/{db}."}),
        ("redis", {"visibility_timeout": "${SECONDS}", "socket_keepalive": "${SWITCH}"}),
        ("redis", {"confirm_publish": "not this transport's"}),
        ("rabbitmq", {"confirm_publish": False, "max_retries": None, "login_method": "PLAIN"}),
    ],
)
def test_values_that_transports_take(service: str, options: dict[str, Any]) -> None:
    assert complaints({"broker_transport_options": options}, service) == []


def test_every_checked_option_is_one() -> None:
    """A name that no transport knows would never be checked."""
    known = frozenset().union(*TRANSPORT_OPTIONS.values())
    assert known >= AMOUNTS | SWITCHES
    assert not AMOUNTS & SWITCHES
