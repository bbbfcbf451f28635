"""Celery settings of a configuration: which names there are, in which version.

Names are those of Celery's own table and those that its code asks for beside it; what they may
hold, `setting_values` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from harness.errors import Problem
from harness.probe.own_app.celery_sources import installed
from harness.scenario.files.document import Document, Location
from harness.scenario.files.wording import did_you_mean, shown
from harness.scenario.settings.celery_since import minor_of, since
from harness.scenario.settings.setting_values import inner_problems, value_problem
from harness.scenario.vendors.transport_options import SETTING as TRANSPORT_SETTING
from harness.scenario.vendors.transport_options import TRANSPORT_OPTIONS

_BROKER = 'the harness makes it from "broker:"'
_BACKEND = 'the harness makes it from "backend:"'
_QUEUE = "Celery's default queue has a name of the block's own, and these follow from it"
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
            "dynamodb_endpoint_url",
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
            "task_default_exchange",
            "task_default_routing_key",
        ),
        _QUEUE,
    ),
    "task_queues": 'say "queues:", and "queues:" of a group of workers which of them it consumes',
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


@cache
def known_settings() -> Mapping[str, Any]:
    """Every setting of the installed Celery's table by its lower-case name, as its `Option`."""
    from celery.app.defaults import NAMESPACES, flatten  # noqa: PLC0415 - 0.2 s, so late

    return dict(flatten(NAMESPACES))


def is_setting(name: str) -> bool:
    """Whether the installed Celery knows it, in its table or where its code asks for it."""
    return name in known_settings() or name in installed().settings


def settings_problems(
    document: Document, location: Location, service: object, version: str | None = None
) -> list[Problem]:
    """What is wrong with the settings at a location of a configuration.

    `service` is the broker's, as the document has it: it decides which transport options exist.
    `version` is Celery's, where it is not the one installed.
    """
    settings = document.get(location)
    if not isinstance(settings, dict):
        return []
    problems = []
    for name, value in settings.items():
        place = (*location, name)
        if message := _name_problem(name, service, version):
            problems.append(document.key_mark(place).problem(message))
        elif message := value_problem(name, value, known_settings().get(name)):
            problems.append(document.value_mark(place).problem(message))
        else:
            found = inner_problems(name, value, str(service), known_settings())
            for below, message, of_key in found:
                mark = document.key_mark if of_key else document.value_mark
                problems.append(mark((*place, *below)).problem(message))
    return problems


def _name_problem(name: str, service: object, version: str | None) -> str | None:
    if reason := OWNED.get(name):
        return f"{name} may not be set: {reason}"
    first = since(name)
    if version is not None and first is not None and minor_of(version) < first:
        return (
            f"celery {version} has no setting {name}: it came with {first[0]}.{first[1]}, and an "
            "older one would ignore it"
        )
    if name in known_settings() or first is not None or is_setting(name):
        return None
    if new := _new_name(name):
        return f"{shown(name)} is an old name: write {new}"
    if name in TRANSPORT_OPTIONS.get(str(service), ()):
        return f"{name} is an option of the transport: put it under {TRANSPORT_SETTING}"
    known = {*known_settings(), *installed().settings}
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
