"""JSON Schema of both kinds of file, for editors. The models are its only source."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

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
    schema = _without_titles(model.model_json_schema(schema_generator=_WithDocstrings))
    schema = {"$schema": _DIALECT, "title": title, **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _WithDocstrings(GenerateJsonSchema):
    """Fields are described by the docstrings below them. Pydantic can read these itself, when it
    makes a class: a sixth of the time that any command takes to begin, for a schema that few ask
    for."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """As pydantic has it, with what is said of each field."""
        made = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, words in _said_of(model).items():
            field = model.model_fields.get(name)
            stated = made.get("properties", {}).get(field.alias or name) if field else None
            if stated is not None:
                stated.setdefault("description", words)
        return made


def _said_of(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each field, in the class that has it or in one that this one is made of."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        for name in inspect.get_annotations(one):
            found.pop(name, None)  # declared anew: what was said before was of another one
        if issubclass(one, BaseModel) and one.__module__ != BaseModel.__module__:
            found |= _below_fields(one)
    return found


def _below_fields(model: type[BaseModel]) -> dict[str, str]:
    try:
        source = inspect.getsource(model)
    except (OSError, TypeError):  # made without a text
        return {}
    [stated] = ast.parse(textwrap.dedent(source)).body
    found = {}
    for field, below in pairwise(stated.body if isinstance(stated, ast.ClassDef) else ()):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ) if name in model.__annotations__:
                found[name] = inspect.cleandoc(words)
    return found


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
