"""The workload and the load of a stored cell as the frozen values that they were written from.

What a kind of workload or load decides is asked of its model, of stored runs as of running ones.
Records of earlier versions may lack fields, have others, or hold what is refused today.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from harness.results.record.stored import Plain
from harness.scenario.files.fields import Frozen
from harness.scenario.files.unknown import told
from harness.scenario.loads.base import LoadBase
from harness.scenario.loads.registry import LOADS
from harness.scenario.workloads.base import WorkloadBase
from harness.scenario.workloads.mix import MixPart, MixWorkload
from harness.scenario.workloads.registry import WORKLOADS

T = TypeVar("T", bound=Frozen)


def stored_workload(fields: Mapping[str, Any]) -> WorkloadBase:
    """`CellRecord.workload`, typed. One of a kind that is not known here has units of one task."""
    kind = WORKLOADS.get(str(fields.get("workload", "")), WorkloadBase)
    typed = _typed(kind, without_unset(fields))
    if isinstance(typed, MixWorkload) and "parts" not in told(typed):
        parts = tuple(_stored_part(typed, one) for one in fields.get("parts", ()))
        return typed.model_copy(update={"parts": parts})
    return typed


def _stored_part(mix: MixWorkload, fields: Mapping[str, Any]) -> MixPart:
    """Of a kind that is not known here only what the mix says of it, with the name of its kind."""
    known = mix.kinds_of_parts.get(str(fields.get("workload", "")))
    if known is not None:
        return _typed(known, fields)
    return _typed(MixPart, {**fields, "name": fields.get("name") or fields.get("workload")})


def without_unset(workload: Mapping[str, Any]) -> Plain:
    """Entries of a mix once had loads and a measure too, which nobody read."""
    if not workload.get("mix"):
        return dict(workload)
    spent = ("loads", "measure")
    mix = [{k: v for k, v in part.items() if k not in spent} for part in workload["mix"]]
    return {**workload, "mix": mix}


def stored_load(fields: Mapping[str, Any]) -> LoadBase:
    """`CellRecord.load`, typed. Nobody watches one of a kind that is not known here."""
    return _typed(load_kind(fields), fields)


def load_kind(fields: Mapping[str, Any]) -> type[LoadBase]:
    """The kind of `CellRecord.load`, for what it decides whatever its fields say."""
    return LOADS.get(str(fields.get("load", "")), LoadBase)


def _typed(model: type[T], fields: Mapping[str, Any]) -> T:
    """With the fields that the model knows and understands; defaults stand for the others. A number
    or a word that is refused today is taken as it stands."""
    known = {name: value for name, value in fields.items() if name in model.model_fields}
    with suppress(ValidationError):
        return model.model_validate_json(json.dumps(known))
    understood = {}
    for name, value in known.items():
        field = model.model_fields[name]
        own_type: Any = Annotated[field.annotation, field]
        adapter: TypeAdapter[Any] = TypeAdapter(own_type)
        if not isinstance(value, dict | list):
            understood[name] = value  # it was measured, whatever the bounds are today
        with suppress(ValidationError):
            understood[name] = adapter.validate_json(json.dumps(value))
    return cast("T", model.model_construct(**understood))
