"""Workloads whose messages carry many calls: `map`, `starmap` and `chunks`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.workloads.base import FanOut, Steps

Size = Annotated[int, Field(ge=1, le=10_000)]


class _OneMessage(FanOut):
    """Many calls in one message, which a worker runs one after the other."""

    size: Size = 10
    """Calls."""

    @property
    def calls(self) -> int:
        """All in its one message."""
        return self.size


class MapWorkload(_OneMessage):
    """`buy_milk.map(volumes)`: calls of one argument, in one message."""

    workload: Literal["map"]


class StarmapWorkload(_OneMessage):
    """`add.starmap(pairs)`: calls of several arguments, in one message."""

    workload: Literal["starmap"]


class ChunksWorkload(FanOut):
    """`add.chunks(pairs, chunk)`: a group of messages that carry several calls each."""

    joins: ClassVar[bool] = True
    workload: Literal["chunks"]
    size: Size = 100
    """Calls."""
    chunk: Size = 10
    """Calls in one message; the last one may carry fewer."""
    collect: Literal["get", "join"] = "get"
    """How the client waits, as for a group."""

    @model_validator(mode="after")
    def _no_empty_chunk(self) -> ChunksWorkload:
        if self.chunk > self.size:
            raise ValueError(f"chunk is larger than size: at most {self.size} calls to a chunk")
        return self

    @property
    def largest_message_bytes(self) -> int:
        """Bytes of a whole chunk: the arguments of all its calls."""
        return self.chunk * self.payload_bytes

    @property
    def steps(self) -> Steps:
        """The chunks, side by side."""
        return (-(-self.size // self.chunk),)

    @property
    def calls(self) -> int:
        """Calls of functions in all chunks of a unit together."""
        return self.size
