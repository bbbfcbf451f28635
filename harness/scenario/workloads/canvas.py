"""Canvas workloads beyond the tutorial's: chord, a group in a chain, map, starmap and chunks."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.workloads.base import Steps, WorkloadBase

MOST_BYTES = 64 * 1024 * 1024
Payload = Annotated[int, Field(ge=0, le=MOST_BYTES)]
Size = Annotated[int, Field(ge=1, le=10_000)]


class _FanOut(WorkloadBase):
    """Several calls in one unit."""

    payload_bytes: Payload = 0
    """Above 0, every call carries a string of that many bytes instead of a number."""


class _Joined(_FanOut):
    """Tasks side by side, and one that gets all their results."""

    size: Annotated[int, Field(ge=2, le=10_000)] = 10
    """Tasks side by side. Not 1: several versions of Celery make a chain of that."""
    follow_parents: bool = True
    """As of `AsyncResult.get()`: by default a caller that waits asks for the results of all
    tasks before the last one too, to learn of a failure."""

    @property
    def largest_message_bytes(self) -> int:
        """What the unit's largest message carries: the last task gets all that came before."""
        return self.size * self.payload_bytes


class ChordWorkload(_Joined):
    """A chord: `buy_milk(volume)` and `buy_bread(count)` in turn, then `put_together(bought)`."""

    workload: Literal["chord"]

    @property
    def steps(self) -> Steps:
        """The header, and the body."""
        return (self.size, 1)


class NestedWorkload(_Joined):
    """A group in a chain: `buy_milk(volume)`, then `add(volume, i)` for each i, then
    `put_together(bought)`. Celery runs it as a chord."""

    workload: Literal["nested"]

    @property
    def steps(self) -> Steps:
        """One task before the group, and one behind it."""
        return (1, self.size, 1)


class _OneMessage(_FanOut):
    """Many calls in one message, which a worker runs one after the other."""

    size: Size = 10
    """Calls."""

    @property
    def largest_message_bytes(self) -> int:
        """All calls are in it."""
        return self.size * self.payload_bytes

    @property
    def calls(self) -> int:
        """All in its one message."""
        return self.size


class MapWorkload(_OneMessage):
    """`buy_milk.map(volumes)`."""

    workload: Literal["map"]


class StarmapWorkload(_OneMessage):
    """`add.starmap(pairs)`."""

    workload: Literal["starmap"]


class ChunksWorkload(_FanOut):
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
        """A whole chunk."""
        return self.chunk * self.payload_bytes

    @property
    def steps(self) -> Steps:
        """The chunks, side by side."""
        return (-(-self.size // self.chunk),)

    @property
    def calls(self) -> int:
        """Of all chunks."""
        return self.size
