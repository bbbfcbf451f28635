"""The base of everything that is stored."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

Plain = dict[str, Any]
"""A mapping of JSON as somebody else gives it (a scenario, Celery, a warning) or reads it (an
export): its keys are his."""


class Stored(BaseModel):
    """Frozen; readers ignore fields they do not know, so that fields may be added."""

    model_config = ConfigDict(frozen=True, extra="ignore")
