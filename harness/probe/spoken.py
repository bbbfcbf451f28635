"""What the harness and its processes say to each other: the cell spec, and lines of a conversation.

Both are JSON. The harness writes the cell spec (`runner.prepare.cellspec`), every process reads it.
A command is `{"do": NAME, ...}` on standard input, its answer `{"done": NAME, ...}` or
`{"error": TEXT}` on standard output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from typing import NotRequired  # Python 3.11, and processes may run under an older one

Line = dict[str, Any]
"""One command or answer, as it enters or leaves a process."""
CelerySettings = dict[str, Any]
"""Settings of Celery by their lower-case names."""
WorkloadSpec = Mapping[str, Any]
"""A workload's or its part's own fields, as its model tells them: nobody but its units, which may
be a plug-in's, knows their names."""
LoadSpec = Mapping[str, Any]
"""A load's own fields, as its model tells them."""
PhaseSpec = Mapping[str, Any]
"""A phase of an open loop: `phase`, its name, `duration` in seconds, `rate` and `to` per second."""
MessageOptions = dict[str, Any]
"""What `apply_async` takes beside a task's arguments: `priority`, `countdown`, `serializer` ..."""


class OwnAppSpec(TypedDict):
    """An app of the user's own: `module:app`, and the folder that it lies in."""

    name: str
    project: str
    keeps_queues: NotRequired[bool]
    """Its own queues and routes hold."""
    groups: NotRequired[Sequence[Sequence[str]]]
    """Where they do, the queues that each group of workers is asked to consume; empty: the app's
    own."""


class OwnTasksSpec(TypedDict):
    """What a cell spec has of an app of the user's and its tasks."""

    app: OwnAppSpec
    workload: WorkloadSpec


class QueueSpec(TypedDict):
    """One queue of a block that has several."""

    name: str
    """On the broker."""
    called: str
    """In files and reports: the default queue has a name of the block's own on the broker."""
    arguments: Mapping[str, Any]
    """What it is declared with beside what Celery's settings say (`queue_arguments`)."""


class ScheduleSpec(TypedDict):
    """What beat has to know: 16 hex digits that its tasks' ids begin with, and a file."""

    tag: str
    window: str


class CellSpec(TypedDict):
    """What clients, observer, workers and beat of a block are told."""

    settings: CelerySettings
    """With URLs that hold credentials."""
    modules: str | None
    """A folder in which modules are looked for last."""
    events: str
    """The folder of event logs."""
    packages: Sequence[str]
    """Whose versions are noted."""
    workload: WorkloadSpec
    load: LoadSpec
    warmup: int
    units: int | None
    duration_s: float | None
    timeout_s: float
    schedule: ScheduleSpec | None
    stores_results: bool
    heavy_step_s: float
    app: NotRequired[OwnAppSpec]
    queues: NotRequired[Sequence[QueueSpec]]
    """Where the file says something of queues: all that the harness knows of."""


class ProbeAnswer(TypedDict):
    """How many probe tasks came back, and what publishing raised -> how often."""

    back: int
    errors: Mapping[str, int]


class WarmupAnswer(TypedDict):
    """Whether a client gave up, what its units failed with, how many further tasks it called."""

    gave_up: bool
    failures: Mapping[str, Any]
    called: int
    unit_s: float | None
    """What a unit took from its publication to its result, in the median of the later ones; None
    where nobody waited for any."""


class MeasureAnswer(TypedDict):
    """What a client did while it measured."""

    client_cpu_ns: int
    unresolved: int
    unresolved_tasks: int
    gave_up: bool
    out_of_numbers: bool
    publish_errors: Mapping[str, int]


class SendAnswer(TypedDict):
    """What became of phases of an open loop."""

    client_cpu_ns: int
    sent: int
    unsent: Mapping[str, int]
    """Number of a phase -> units that were due in it and not sent."""
    out_of_numbers: bool
    publish_errors: Mapping[str, int]


class ScheduleAnswer(TypedDict):
    """When the measured time of a schedule ended, CLOCK_MONOTONIC."""

    end_ns: int


class ObserverAnswer(TypedDict):
    """By which method an observer sees results, how exactly, and where replies have to go."""

    method: str
    resolution_s: float
    reply_to: str | None


class SettledAnswer(TypedDict):
    """What an observer has seen, and what it cost it."""

    seen: int
    undecodable: int
    caught_up: int
    cpu_ns: int
    resolution_s: float
    trouble: str
