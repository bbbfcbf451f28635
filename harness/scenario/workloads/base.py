"""What every workload has in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field

from harness.probe.spoken import WorkloadSpec
from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.fields import Frozen, Name, NonEmptyItems
from harness.scenario.files.kinds import CellWord
from harness.scenario.loads.base import LoadBase
from harness.scenario.loads.registry import LoadEntry
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure, MeasureOverride
from harness.scenario.models.messages import MessageOptions

MOST_BYTES = 64 * 1024 * 1024
Payload = Annotated[int, Field(ge=0, le=MOST_BYTES)]
Steps = tuple[int, ...]
"""How many tasks each step of a unit has. A step's tasks run side by side, and begin when all of
the step before have finished: a chord of n has the steps (n, 1)."""
Strands = tuple[int, ...]
"""For each step of a unit the number of equal parts into which it and the step before are divided:
a part's tasks begin when those of the same part before have finished. Three chains side by side,
of two tasks each, have the steps (3, 3) and the strands (1, 3); what the first says means
nothing."""


@dataclass(frozen=True)
class TaskOrder:
    """Which of a unit's tasks wait for which. A chain of three has the steps (1, 1, 1), a group one
    step."""

    steps: Steps = ()
    """All of them; empty where all tasks run side by side, however many they are."""
    strands: Strands = ()
    """One for each step; empty where each waits for all of the step before."""

    @property
    def has_chords(self) -> bool:
        """Some task waits for several others, whose results it gets."""
        parts = self.strands or (1,) * len(self.steps)
        return any(before > into for before, into in zip(self.steps, parts[1:], strict=False))

    def of_each(self, per_unit: int) -> tuple[Steps, Strands]:
        """Steps and strands in full, of a unit of `per_unit` tasks."""
        steps = self.steps or (per_unit,)
        return steps, self.strands or (1,) * len(steps)


SIDE_BY_SIDE = TaskOrder()
"""No task waits for another one of its unit: a single task, a group."""


@dataclass(frozen=True)
class KindOfUnit:
    """One of several kinds of unit that a workload mixes, for whoever reads what came of them."""

    label: str
    """How reports call it."""
    weight: int
    """How many of the units are of it, in proportion to the others' weights."""
    options: MessageOptions
    """Of its messages."""
    unchecked: bool = False
    """Whether any result will do."""


class WorkloadBase(Frozen):
    """What every workload may override, and what a unit of it is made of.

    Example: a kind whose units are n tasks side by side and one that follows all of them.
        >>> from typing import Literal
        >>> class GatherWorkload(WorkloadBase):
        ...     workload: Literal["gather"] = "gather"
        ...     n: Annotated[int, Field(ge=1)] = 3
        ...
        ...     @property
        ...     def steps(self) -> Steps:
        ...         return (self.n, 1)
        ...
        ...     @property
        ...     def word(self) -> CellWord:
        ...         return CellWord("n", str(self.n))
        >>> GatherWorkload(n=5).calls
        6
        >>> GatherWorkload(n=5).for_clients()["steps"]
        (5, 1)

    Clients run the class that its row names: `WorkloadRow(GatherWorkload, "module:Gather")`.
    """

    if TYPE_CHECKING:
        workload: str  # each kind has its own name

    joins: ClassVar[bool] = False
    """A unit's result is the list of all its tasks' results, which the caller joins."""
    waits_for_header: ClassVar[bool] = False
    """One of its tasks waits for the results of others: a chord."""
    prebuilt: ClassVar[bool] = False
    """`publish: prebuilt` can write its messages: one to a unit, of the harness' own tasks."""
    not_prebuilt: ClassVar[str] = ""
    """Why `publish: prebuilt` cannot write its messages, in words of the kind's own; empty where
    the check's do."""
    past_batches: ClassVar[bool] = False
    """Celery publishes a unit past any batch."""
    fired_by_beat: ClassVar[bool] = False
    """Beat publishes its units, at the moments of its schedule."""
    part_of_mixes: ClassVar[bool] = True
    """Its units may be some of a mix, where each is one task: see `mix.may_be_a_part`."""

    name: Name | None = None
    """How names of cells and reports call it, instead of by its kind and fields."""
    loads: NonEmptyItems[LoadEntry] | None = None
    """How units of this workload arrive, instead of by the scenario's loads."""
    measure: MeasureOverride = MeasureOverride()
    options: MessageOptions = MessageOptions()
    """Priority, countdown and expiry of each message."""

    @property
    def mixed(self) -> tuple[KindOfUnit, ...]:
        """The kinds of unit that there are figures of each by itself; empty where there is one,
        whose figures are the cell's own."""
        return ()

    @property
    def comes_again(self) -> bool:
        """Whether its tasks may ask to be run again, later: a block waits for that."""
        return False

    @property
    def loses_processes(self) -> bool:
        """Whether its tasks kill their pool processes on purpose: where such a task is run again,
        that was asked for."""
        return False

    @property
    def rate_limits(self) -> Mapping[str, str]:
        """Name of a task -> the rate that workers have to keep to, as Celery reads it."""
        return {}

    @property
    def longest_countdown_s(self) -> float:
        """Seconds that its units are asked to wait before they run, at most."""
        return max(one.countdown or 0.0 for one in self.message_options)

    @property
    def message_options(self) -> tuple[MessageOptions, ...]:
        """Options of the messages of each kind of unit; only a mix has several."""
        return tuple(kind.options for kind in self.mixed) or (self.options,)

    @property
    def steps(self) -> Steps:
        """How many tasks each step of a unit has; the tasks' positions in it follow from that. Told
        only here: clients, the reader of events and reports all go by it."""
        return (1,)

    @property
    def strands(self) -> Strands:
        """Which tasks of the step before each step's tasks wait for: here all of them."""
        return (1,) * len(self.steps)

    @property
    def calls(self) -> float:
        """Calls of functions in one unit, in the mean: a message may carry several."""
        return sum(self.steps)

    @property
    def least_run_s(self) -> float | None:
        """Seconds for which each of its tasks holds a slot of a worker at least, by what the
        scenario says; None where nobody can say: of code that is not the harness' own."""
        return 0.0

    @property
    def cpu_s(self) -> float:
        """CPU seconds that each of its tasks is told to use, beside what Celery does."""
        return 0.0

    @property
    def heavy_step_s(self) -> float | None:
        """How long `heavy_task` sleeps per step, which workers are told once for all tasks; None
        where it is not called."""
        return None

    @property
    def word(self) -> CellWord:
        """How names of cells call the workload."""
        return CellWord()

    @property
    def largest_message_bytes(self) -> int:
        """Bytes that the unit's largest message carries at least, by `payload_bytes`."""
        return int(getattr(self, "payload_bytes", 0))

    def payloads(self) -> Iterator[tuple[Location, int]]:
        """Places where the file says how large a message is, and how many bytes it carries at
        least."""
        yield ("workload", "payload_bytes"), self.largest_message_bytes

    def result_payloads(self) -> Iterator[tuple[Location, int]]:
        """Places where the file says how large a result is, and its bytes at least: every task
        gives back what it was sent."""
        return self.payloads()

    def options_said(self) -> Iterator[tuple[Location, MessageOptions]]:
        """Each kind of message, and where its options stand."""
        yield ("workload", "options"), self.options

    def queues_said(self) -> Iterator[tuple[Location, str | None]]:
        """Of each kind of unit the place that says which queue its messages go to, and the queue;
        the kind's own place, and None, where nothing does."""
        place: Location = ("workload", "options", "queue")
        yield place if self.options.queue else ("workload", "workload"), self.options.queue

    def conflicts(
        self,
        configuration: Configuration,  # noqa: ARG002 - for those who ask for it
        load: LoadBase,
        measure: Measure,  # noqa: ARG002
    ) -> Iterator[Conflict]:
        """What of this kind cannot work in one cell: locations begin with `workload` or `load`."""
        if load.fired_by_beat:
            message = f"beat publishes periodic tasks only, not {self.workload}"
            yield ("load", "load"), f"{message}: use workload periodic, or another load"

    def beyond_s(self, load: LoadBase, measure: Measure) -> float:  # noqa: ARG002
        """Seconds that a block of it may take beyond warm-up, load and drain, at most."""
        return 0.0

    def for_clients(self) -> WorkloadSpec:
        """What clients and workers are told of it: `workload` of their cell spec."""
        return self.model_dump(exclude={"name", "measure", "loads"}) | {"steps": self.steps}


def _task_rate(text: str) -> str:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(/[smh])?", text)
    if match is None or not float(match[1]):
        raise ValueError("expected a rate as Celery reads it: 10/s, 30/m or 100/h")
    return text


TaskRate = Annotated[str, AfterValidator(_task_rate)]
"""As Celery reads rate limits: `10/s`, `30/m`, `100/h` (celery/utils/time.py, rate)."""


class OneTask(WorkloadBase):
    """A kind of which every unit is one call of one task."""

    task: ClassVar[str]
    """Name of the task."""

    rate_limit: TaskRate | None = None
    """As of Celery's tasks: how many of it each worker begins in a time, at most."""

    @property
    def rate_limits(self) -> Mapping[str, str]:
        """Its own."""
        return {} if self.rate_limit is None else {self.task: self.rate_limit}

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Workers that keep no rate limits."""
        yield from super().conflicts(configuration, load, measure)
        if self.rate_limit and configuration.settings.get("worker_disable_rate_limits") is True:
            message = "worker_disable_rate_limits is on, and workers keep no rate limit: remove one"
            yield ("workload", "rate_limit"), f"{message} of the two"
        annotations = configuration.settings.get("task_annotations")
        everywhere = annotations.get("*") if isinstance(annotations, Mapping) else None
        if self.rate_limit and isinstance(everywhere, Mapping) and "rate_limit" in everywhere:
            message = 'task_annotations has a rate_limit for "*", which Celery lays above this one'
            yield ("workload", "rate_limit"), f"{message}: remove one of the two"


class OneOfSeveral(WorkloadBase):
    """One of `every` units is unlike the others: it is revoked, fails, or loses its process."""

    every: Annotated[int, Field(ge=1)] = 10
    """One of so many units is the one."""

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `revoke-10`."""
        return CellWord("every", str(self.every))


def beyond_timeout(what: str, measure: Measure, lower: str) -> str:
    """That something takes longer than a unit may, in words: what it is, and what to lower."""
    limit = f"the timeout is {measure.timeout:g} s"
    return f"{what}, and {limit}: raise measure.timeout, or {lower}"


class FanOut(WorkloadBase):
    """Several calls in one unit, `size` of them, whose values come together in one message."""

    if TYPE_CHECKING:
        size: int  # each kind has its own bounds and default

    payload_bytes: Payload = 0
    """Above 0, every call carries a string of that many bytes instead of a number."""

    @property
    def largest_message_bytes(self) -> int:
        """What the message carries that all calls' values are in."""
        return self.size * self.payload_bytes

    @property
    def word(self) -> CellWord:
        """How names of cells call it: `map-10`."""
        return CellWord("size", str(self.size))


@dataclass(frozen=True)
class WorkloadRow:
    """What joins the two halves of a kind of workload: its model here, its units in clients and
    workers."""

    model: type[WorkloadBase]
    units: str
    """`module:Class` of what publishes and checks its units, see `probe.workloads.base.Workload`.
    Workers import the module, too: it may define tasks."""
