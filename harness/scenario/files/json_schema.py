"""JSON Schema of both kinds of file, for editors. The models are its only source."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel

from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Scenario

Kind = Literal["configuration", "scenario"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[Kind, type[BaseModel]] = {"configuration": Configuration, "scenario": Scenario}
KINDS: tuple[Kind, ...] = tuple(_MODELS)


def file_name(kind: Kind) -> str:
    """The name under which a schema is committed in `schemas/`."""
    return f"{kind}.schema.json"


def schema_text(kind: Kind) -> str:
    """The schema of one kind of file, byte for byte as committed."""
    return rendered(_MODELS[kind], f"harness {kind}")


def rendered(model: type[BaseModel], title: str) -> str:
    """The schema of any model."""
    schema = _without_titles(model.model_json_schema())
    schema = {"$schema": _DIALECT, "title": title, **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _without_titles(node: Any) -> Any:
    """Pydantic titles every field with its own name, which editors would show instead of it."""
    if isinstance(node, dict):
        return {
            key: _without_titles(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    return node
