"""From a configuration and its namespaces to the complete Celery settings of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import ServiceError
from harness.probe.spoken import CelerySettings
from harness.scenario.files import secrets
from harness.scenario.models.configuration import Configuration
from harness.scenario.settings.serializers import added_settings
from harness.services.base import CeleryEnd

_SECRET_LENGTH = 8
"""Expanded values of this length are treated as secrets; shorter ones are ports and such."""


def expand(text: str, environ: Mapping[str, str], *, where: str) -> str:
    """`text` with every `${NAME}` replaced; ServiceError names all variables that are missing."""
    missing = sorted({name for name in secrets.variables(text) if name not in environ})
    if missing:
        raise ServiceError(
            f"{where} needs the environment variable{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}: export {'them' if len(missing) > 1 else 'it'} and run again"
        )
    return secrets.expand(text, environ)


def block_settings(
    configuration: Configuration,
    broker: CeleryEnd,
    backend: CeleryEnd | None,
    environ: Mapping[str, str],
) -> CelerySettings:
    """The whole of what Celery is told: the namespaces' needs below the configuration's own.

    Nested dictionaries such as `broker_transport_options` are merged key by key.
    """
    settings: CelerySettings = {}
    for end in (broker, backend):
        settings = merge(settings, end.settings if end else {})
    where = f"configuration {configuration.name}"
    settings = merge(settings, added_settings(configuration.settings))
    settings = merge(settings, _expand_values(configuration.settings, environ, where))
    settings["broker_url"] = broker.url
    if queue := broker.settings.get("task_default_queue"):  # the file only says how it is called
        settings["task_default_queue"] = queue
    if backend is not None:
        settings["result_backend"] = backend.url
    return settings


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> CelerySettings:
    """A new dictionary; where both have a dictionary under a key the two are merged."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(_mapping(old), _mapping(value)) if both else value
    return merged


def secrets_of(configuration: Configuration, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Values that came into the settings from the environment and look like secrets."""
    names = {name for text in _strings(configuration.settings) for name in secrets.variables(text)}
    values = (environ.get(name, "") for name in sorted(names))
    return tuple(value for value in values if len(value) >= _SECRET_LENGTH)


def _expand_values(value: Any, environ: Mapping[str, str], where: str) -> Any:
    if isinstance(value, str):
        return expand(value, environ, where=where)
    if isinstance(value, Mapping):
        return {key: _expand_values(item, environ, where) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_expand_values(item, environ, where) for item in value]
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
