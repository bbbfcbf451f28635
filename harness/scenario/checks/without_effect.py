"""What a file says and nothing would come of: refused at its line, or somebody would believe it.

Only what was written counts: defaults say nothing. What another part of the same plan may use
(another load of the same workload, another `--provider`) is no problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from harness.errors import Problem
from harness.scenario.files.document import Conflict, Document
from harness.scenario.files.unknown import as_far_as_known, entries_of
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import END_NAMES, Configuration, EndName
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import parse_gate
from harness.scenario.models.scenario import Scenario
from harness.scenario.vendors.base import Endpoint
from harness.scenario.workloads.registry import Workload

_OF_CALLERS = ("collect", "follow_parents")
"""Fields of workloads that say how somebody waits for a unit's result."""
_EXTENTS = ("units", "duration")


def add_unread_fields(
    configuration: Configuration | None, document: Document, problems: list[Problem]
) -> None:
    """Fields of another provider than the endpoint itself names. For a file as it was written:
    `--provider`, `--set` and axes may bring the provider that reads them."""
    if configuration is None:
        return
    unread = (as_far_as_known(_unread_fields, configuration, role) for role in END_NAMES)
    for place, message in chain.from_iterable(unread):
        problem = document.value_mark(place).problem(message)
        problems += [problem] if problem not in problems else []


def has_provider_axis(scenario: Document) -> bool:
    """Whether a matrix says who runs the servers."""
    matrix = scenario.get(("matrix",))
    return isinstance(matrix, dict) and any("provider" in str(axis) for axis in matrix)


def _unread_fields(configuration: Configuration, role: EndName) -> Iterator[Conflict]:
    endpoint = getattr(configuration, role)
    if not isinstance(endpoint, Endpoint) or endpoint.provider is None:
        return
    for name, reader in endpoint.read_by.items():
        if name in endpoint.model_fields_set and endpoint.provider != reader:
            if getattr(endpoint, name) is None:
                continue
            message = (
                f"only provider {reader} reads this, and this {role} has provider "
                f"{endpoint.provider}: remove it"
            )
            yield (role, name), message


def unread_in_scenario(scenario: Scenario) -> Iterator[Conflict]:
    """What none of its workloads, loads and gates uses; where it stands."""
    yield from as_far_as_known(_unread_measure, scenario)
    for number, workload in enumerate(entries_of(scenario, "workloads")):
        for place, message in as_far_as_known(_of_workload, scenario, workload):
            yield ("workloads", number, *place), message
    yield from as_far_as_known(_unread_baseline, scenario)


def _unread_baseline(scenario: Scenario) -> Iterator[Conflict]:
    if scenario.baseline is not None and not any(map(_needs_baseline, scenario.gates)):
        message = 'no gate says "baseline", so nothing is compared with it: add one, or remove this'
        yield ("baseline",), message


def _unread_measure(scenario: Scenario) -> Iterator[Conflict]:
    loads = [load for workload in scenario.workloads for load in _loads(scenario, workload)]
    if loads and all(load.says_how_long for load in loads):
        for name in _EXTENTS:
            if getattr(scenario.measure, name) is not None:
                yield ("measure", name), _says_itself(loads)


def _of_workload(scenario: Scenario, workload: Workload) -> Iterator[Conflict]:
    loads = _loads(scenario, workload)
    if not loads:
        return
    if all(load.says_how_long for load in loads):
        for name in _EXTENTS:
            if getattr(workload.measure, name) is not None:
                yield ("measure", name), _says_itself(loads)
    if any(load.has_callers for load in loads):
        return
    kinds = " and ".join(dict.fromkeys(load.load for load in loads))
    for name in _OF_CALLERS:
        if name in workload.model_fields_set:
            message = f"{name} says how a caller waits, and in load {kinds} nobody does"
            yield (name,), f"{message}: use load closed, or remove it"


def _says_itself(loads: list[Load] | tuple[Load, ...]) -> str:
    kinds = " and ".join(dict.fromkeys(load.load for load in loads))
    return f"load {kinds} says itself how long it lasts: remove this"


def _loads(scenario: Scenario, workload: Workload) -> tuple[Load, ...]:
    return (scenario.loads or ()) if workload.loads is None else workload.loads


def _needs_baseline(text: str) -> bool:
    with suppress(GateSyntaxError):
        return parse_gate(text).needs_baseline
    return True  # a problem of its own
