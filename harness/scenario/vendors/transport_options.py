"""`broker_transport_options`, checked against what kombu's transports take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.scenario.files.document import Location
from harness.scenario.files.secrets import variables
from harness.scenario.files.wording import did_you_mean, listed, shown, yaml_1_1_hint
from harness.scenario.vendors.base import TransportOption
from harness.scenario.vendors.registry import BACKENDS, BROKERS, VENDORS

SETTING = "broker_transport_options"
_RESULTS = "result_backend_transport_options"

TRANSPORT_OPTIONS: Mapping[str, Mapping[str, TransportOption]] = {
    name: row.transport_options for name, row in BROKERS.items()
}
"""Broker -> the options that its room knows. Transports take others too, so an unknown option is an
error only if it looks like a misspelt known one."""
OWNED_OPTIONS: Mapping[tuple[str, str], str] = {
    (setting, option): reason
    for setting, rows in ((SETTING, BROKERS), (_RESULTS, BACKENDS))
    for row in rows.values()
    for option, reason in row.owned_options.items()
}
"""Options inside a setting that the harness must own, whatever the service, and why."""
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
    known = TRANSPORT_OPTIONS.get(service, {})
    if setting != SETTING or name in known:
        return None
    guess = did_you_mean(name, known, cutoff=_NEAR_MISS)
    return f"unknown transport option {shown(name)}{guess}" if guess else None


def _value_problem(setting: str, name: str, value: Any, service: str) -> str | None:
    option = TRANSPORT_OPTIONS.get(service, {}).get(name)
    if setting != SETTING or option is None or value is None:
        return None
    if isinstance(value, str) and variables(value):
        return None  # what it holds is not known before the run
    if option.kind == "amount":
        return _amount_problem(name, value, option.most, service)
    if option.kind == "switch" and not isinstance(value, bool):
        return f"{name}: expected true or false, not {shown(value)}{yaml_1_1_hint(value)}"
    if option.words and value not in option.words and not _is_import_path(value):
        guess = did_you_mean(value, option.words) if isinstance(value, str) else ""
        return f"{name}: expected one of {listed(option.words)}, not {shown(value)}{guess}"
    return None


def _amount_problem(name: str, value: Any, most: int | None, service: str) -> str | None:
    number = isinstance(value, _NUMBER) and not isinstance(value, bool)
    if not number or not value >= 0:  # so that .nan is none
        return f"{name}: expected a number, 0 or more, not {shown(value)}"
    if most is not None and (not isinstance(value, int) or value > most):
        who = VENDORS[service].title
        return f"{name}: {who} takes whole seconds, 0 to {most}, not {shown(value)}"
    return None


def _is_import_path(value: Any) -> bool:
    """kombu takes `package.module:Class` of the user's own for its words."""
    return isinstance(value, str) and ":" in value
