"""What makes two things the same one: their values, not the names that people read.

A value in its canonical form is JSON with sorted keys: `1`, `1.0`, `"1"` and `true` are four
values, two mappings with the same entries in another order are one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import Configuration
from harness.scenario.plan.axes import fields_of, is_of_work, parts
from harness.scenario.plan.value_words import canonical
from harness.scenario.workloads.registry import Workload

EXTENT = ("units", "duration", "warmup")
"""What of a measuring plan is part of what is measured."""

_CONFIGURATION: TypeAdapter[Any] = TypeAdapter(Configuration)
_WORKLOAD: TypeAdapter[Any] = TypeAdapter(Workload)
_LOAD: TypeAdapter[Any] = TypeAdapter(Load)
_OF_PACKAGES = "celery.name"
_OF_WORK = "name"
"""A set of packages, and a workload, may be renamed without becoming another one."""


def work_key(
    workload: Mapping[str, Any],
    load: Mapping[str, Any],
    measure: Mapping[str, Any],
    axes: Collection[str],
) -> str:
    """What is measured at every point of a matrix: workload, load and measuring plan without what
    the axes say of them. Arguments as a record holds them."""
    of_workload, of_load = fields_of("workload", axes), fields_of("load", axes)
    planned = [field for field in (*of_workload, *of_load) if field.startswith("measure.")]
    plan = {name: value for name, value in measure.items() if name != "blocks"}
    if any(field.removeprefix("measure.") in ("units", "duration") for field in planned):
        planned += ["measure.units", "measure.duration"]  # one takes the other away
    return canonical(
        [
            without(workload, [_OF_WORK, *of_workload]),
            without(load, of_load),
            without(plan, [field.removeprefix("measure.") for field in planned]),
        ]
    )


def cell_key(
    config: Mapping[str, Any],
    axes: Mapping[str, Any],
    workload: Mapping[str, Any],
    load: Mapping[str, Any],
) -> str:
    """A text that is alike for the same cell in every run: the configuration's name, the values of
    its axes as they were resolved (`1s` and `1000ms` are one), workload and load. What is a default
    is left out, so that a field that a later version adds changes nothing."""
    plain = _plain(_CONFIGURATION, config)
    resolved = {
        axis: [_resolved(plain, path, value) for path in parts(axis) if not is_of_work(path)]
        for axis, value in axes.items()
    }
    work = without(_plain(_WORKLOAD, workload), [_OF_WORK])
    return canonical([config.get("name"), resolved, work, _plain(_LOAD, load)])


def axes_key(config: Mapping[str, Any], axes: Mapping[str, Any]) -> str:
    """Configuration and point of the matrix, as in `cell_key`; values of work as written."""
    plain = _plain(_CONFIGURATION, config)
    resolved = {
        axis: [value if is_of_work(path) else _resolved(plain, path, value) for path in parts(axis)]
        for axis, value in axes.items()
    }
    return canonical([config.get("name"), resolved])


def configuration_key(config: Mapping[str, Any]) -> str:
    """All that a configuration says, without its description and without defaults."""
    return canonical(without(_plain(_CONFIGURATION, config), ["description"]))


def extent_key(measure: Mapping[str, Any]) -> str:
    """How much is measured: two cells that differ in nothing else are not one."""
    return canonical([measure.get(name) for name in EXTENT])


def without(fields: Mapping[str, Any], left_out: Iterable[str]) -> dict[str, Any]:
    """A copy without some fields, by dotted names."""
    kept = dict(fields)
    for field in left_out:
        head, _, rest = field.partition(".")
        inside = kept.get(head)
        if rest and isinstance(inside, Mapping):
            kept[head] = without(inside, [rest])
        elif rest and isinstance(inside, list | tuple):
            kept[head] = _without_in_list(inside, rest)
        elif not rest:
            kept.pop(head, None)
    return kept


def _without_in_list(entries: Sequence[Any], left_out: str) -> list[Any]:
    """`1.weight`: without a field of one entry; `1`: with nothing in its place."""
    number, _, field = left_out.partition(".")
    kept = list(entries)
    if number.isdecimal() and int(number) < len(kept):
        inside = kept[int(number)]
        known = field and isinstance(inside, Mapping)
        kept[int(number)] = without(inside, [field]) if known else None
    return kept


def _plain(adapter: TypeAdapter[Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What a record holds of a model without its defaults; as it stands where it is of another
    version and cannot be read."""
    try:
        model: BaseModel = adapter.validate_json(json.dumps(stored))
    except (ValidationError, TypeError):
        return dict(stored)
    plain: dict[str, Any] = model.model_dump(mode="json", exclude_defaults=True)
    return without(plain, [_OF_PACKAGES])


def _resolved(config: Mapping[str, Any], path: str, value: Any) -> Any:
    """The value at a path of the configuration; as written where the path leads nowhere."""
    inside: Any = config
    *heads, last = path.split(".")
    for head in heads:
        inside = inside.get(head) if isinstance(inside, Mapping) else None
    if isinstance(inside, Mapping) and last in inside:
        return inside[last]
    known = heads[:1] != ["settings"] and path.partition(".")[0] in Configuration.model_fields
    return None if known else value
