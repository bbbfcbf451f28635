"""The tutorial's workload `chain`: tasks one after the other, each with the result of the one
before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.files.kinds import CellWord
from harness.scenario.workloads.base import Payload, Steps, WorkloadBase


class ChainWorkload(WorkloadBase):
    """`fetch_user_name(id)`, then `greeting_user(name)` as often as the length asks for."""

    past_batches: ClassVar[bool] = True

    workload: Literal["chain"]
    length: Annotated[int, Field(ge=2, le=1000)] = 2
    id: int | None = None
    """Whose name the chain fetches; without it, every unit fetches a name of its own."""
    payload_bytes: Payload = 0
    """Above 0, the name that is handed on is that many bytes long."""

    @model_validator(mode="after")
    def _one_name(self) -> ChainWorkload:
        if self.payload_bytes and self.id is not None:
            raise ValueError("payload_bytes replaces id: give one or the other")
        return self

    @property
    def steps(self) -> Steps:
        """As many steps as links: each task begins when the one before it has ended."""
        return (1,) * self.length

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `chain-2`."""
        return CellWord("length", str(self.length))
