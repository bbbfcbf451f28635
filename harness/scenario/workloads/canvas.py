"""The workload `canvas`: groups of chains and chains of groups, nested to a given depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.kinds import CellWord
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration, keeps_results
from harness.scenario.models.measure import Measure
from harness.scenario.vendors.registry import BACKENDS
from harness.scenario.workloads.base import Steps, Strands, TaskOrder, WorkloadBase

MOST_TASKS = 10_000
MOST_CARRIED = 100_000
"""Tasks that a unit's first messages carry for later, in all: at some 300 bytes each, 30 MB."""
_DEEPEST = 4
_SIGNATURE_BYTES = 200
"""A task that a message carries for later: its name, id, options and arguments, at least."""


class CanvasWorkload(WorkloadBase):
    """Chains in a group, or groups in a chain, and so on in turn: `depth` levels of `of` and the
    other, the innermost of single tasks. The results of the last tasks are joined."""

    joins: ClassVar[bool] = True
    past_batches: ClassVar[bool] = True

    workload: Literal["canvas"]
    of: Literal["group", "chain"] = "group"
    """The outermost level: a group of chains, or a chain of groups."""
    width: Annotated[int, Field(ge=2, le=1000)] = 3
    """Members of each group."""
    length: Annotated[int, Field(ge=2, le=100)] = 2
    """Links of each chain."""
    depth: Annotated[int, Field(ge=2, le=_DEEPEST)] = 2
    """Levels: 2 is a group of chains or a chain of groups, 3 a group of chains of groups. `of:
    chain` has 3 at most."""
    collect: Literal["get", "join"] = "get"
    """How the client waits, as for a group."""

    @model_validator(mode="after")
    def _not_too_deep(self) -> CanvasWorkload:
        # The header of its outermost chord would be of groups that end with groups: a worker that
        # puts their results together calls get() for each (celery/result.py, join_native), which
        # Celery 5.7 forbids inside a task, whenever one is not there yet.
        if self.of == "chain" and self.depth == _DEEPEST:
            raise ValueError(
                f"of: chain has a depth of {_DEEPEST - 1} at most: where a chain goes on behind "
                "groups that end with groups, Celery's workers fail now and then (Never call "
                "result.get() within a task)"
            )
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> CanvasWorkload:
        if (tasks := sum(self.steps)) > MOST_TASKS:
            raise ValueError(f"{tasks:,} tasks in a unit: at most {MOST_TASKS:,}")
        if (carried := self.steps[0] * self.tasks_behind) > MOST_CARRIED:
            raise ValueError(
                f"its {self.steps[0]:,} first messages carry {self.tasks_behind:,} further tasks "
                f"each, {carried:,} in all: at most {MOST_CARRIED:,}"
            )
        return self

    @property
    def levels(self) -> tuple[str, ...]:
        """`group` and `chain` in turn, from the outermost on."""
        other = "chain" if self.of == "group" else "group"
        return tuple((self.of, other)[level % 2] for level in range(self.depth))

    @property
    def steps(self) -> Steps:
        """As many as links follow each other, all of them as wide as tasks stand side by side."""
        chains = self.levels.count("chain")
        wide: int = self.width ** (self.depth - chains)
        deep: int = self.length**chains
        return (wide,) * deep

    @property
    def strands(self) -> Strands:
        """Built from the innermost level outwards: a group lays its members' parts side by side,
        and of a chain each link waits for the whole of the one before."""
        strands: Strands = (1,)
        for level in reversed(self.levels):
            if level == "group":
                strands = (1, *(self.width * parts for parts in strands[1:]))
            else:
                strands = strands * self.length
        return strands

    @property
    def joins_groups(self) -> bool:
        """Whether what the caller joins are groups again: members that end with a group."""
        return self.of == "group" and self.depth > 2

    @property
    def tasks_behind(self) -> int:
        """How many tasks the message of each first task carries for later: of every chain that it
        is in the further links, with all that is in them."""
        behind, tasks = 0, 1
        for level in reversed(self.levels):
            if level == "chain":
                behind += (self.length - 1) * tasks
            tasks *= self.length if level == "chain" else self.width
        return behind

    @property
    def largest_message_bytes(self) -> int:
        """Each of the first tasks carries all those that come behind it."""
        return _SIGNATURE_BYTES * self.tasks_behind

    def payloads(self) -> Iterator[tuple[Location, int]]:
        """Of the shape of the unit, whose results are numbers."""
        yield ("workload", "width"), self.largest_message_bytes

    def result_payloads(self) -> Iterator[tuple[Location, int]]:
        """Numbers only."""
        return iter(())

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `canvas-group` (3 and 2 are the defaults)."""
        return CellWord("of", self.of)

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Backends that take no chords, where it has some."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        yield from as_far_as_known(self._without_chords, configuration)

    def _without_chords(self, configuration: Configuration) -> Iterator[Conflict]:
        service = configuration.backend.service
        stored = keeps_results(service, configuration.settings)
        if (
            stored
            and TaskOrder(self.steps, self.strands).has_chords
            and not BACKENDS[service].chords
        ):
            fit = " or ".join(name for name, row in BACKENDS.items() if row.chords)
            message = f"a chain that goes on behind a group is a chord, and {service} takes none"
            yield ("workload", "workload"), f"{message}: use backend {fit}, or of: group, depth: 2"
