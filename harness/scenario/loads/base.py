"""What every load has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from harness.scenario.files.fields import Frozen
from harness.scenario.models.measure import MeasureOverride

Publish = Literal["api", "batch", "prebuilt"]
MOST_CLIENTS = 16


class LoadBase(Frozen):
    """What every load may say."""

    if TYPE_CHECKING:
        load: str  # each kind has its own name

    measure: MeasureOverride = MeasureOverride()
    clients: Annotated[int, Field(ge=1, le=MOST_CLIENTS)] = 1
    """Client processes that share the load."""

    @property
    def watched(self) -> bool:
        """Whether somebody looks for results while it is measured: a caller, or an observer."""
        return False

    @property
    def held(self) -> bool:
        """Whether workers are held until everything is published."""
        return False
