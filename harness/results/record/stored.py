"""The base of everything that is stored."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """Frozen; readers ignore fields they do not know, so that fields may be added."""

    model_config = ConfigDict(frozen=True, extra="ignore")
