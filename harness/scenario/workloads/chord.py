"""Workloads of which one task waits for many: `chord`, and `nested`, a group in a chain."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.workloads.base import FanOut, Steps


class _Joined(FanOut):
    """Tasks side by side, and one that gets all their results in its message."""

    waits_for_header: ClassVar[bool] = True
    past_batches: ClassVar[bool] = True

    size: Annotated[int, Field(ge=2, le=10_000)] = 10
    """Tasks side by side. Not 1: several versions of Celery make a chain of that."""
    follow_parents: bool = True
    """As of `AsyncResult.get()`: by default a caller that waits asks for the results of all
    tasks before the last one too, to learn of a failure."""


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
