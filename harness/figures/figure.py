"""What a row of the table of figures says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal["duration", "rate", "count", "size", "number"]
"""What a value measures. `number` is a factor: it has no unit."""
Unit = Literal[
    "units/s", "tasks/s", "calls/s", "s", "ms/task", "ms/call", "ms/fire", "us/result",
    "bytes", "bytes/task", "bytes/call", "bytes/result", "$/million tasks",
    "per task", "per call", "per unit", "share",
    "units", "tasks", "executions", "fires", "results", "workers", "processes",
    "connections",
]  # fmt: skip
"""In which a record has the value."""
_KINDS: Mapping[Unit, Kind] = {
    "units/s": "rate",
    "tasks/s": "rate",
    "calls/s": "rate",
    "s": "duration",
    "ms/task": "duration",
    "ms/call": "duration",
    "ms/fire": "duration",
    "us/result": "duration",
    "bytes": "size",
    "bytes/task": "size",
    "bytes/call": "size",
    "bytes/result": "size",
    "$/million tasks": "number",
    "per task": "number",
    "per call": "number",
    "per unit": "number",
    "share": "number",
}
Within = Literal["task", "part", "queue", "group"]
"""What of a block a figure can be of alone: `task` and `part` are two words for one of a mix."""
WITHIN: tuple[Within, ...] = get_args(Within)
STATISTICS = ("mean", "min", "p50", "p90", "p95", "p99", "p999", "max")
"""What is known of a distribution, beside the number of its samples."""
PLACEHOLDER = "NAME"


@dataclass(frozen=True)
class Samples:
    """Where the raw samples behind a distribution are."""

    file: str
    """`units` or `tasks`: a key of `BlockRecord.files`."""
    nanoseconds: str
    """SQL over the file's columns; NULL where there is no sample."""
    completed_only: bool = True
    """Only of units that ended as they were meant to."""


@dataclass(frozen=True)
class Figure:
    """One thing that is measured of a block.

    A row is all that gates, comparisons, histories, CSV, SQL and exports have to be told.

    Example: with a field `naps_s: Distribution` in the record, this makes `p99(naps) < 1s` a gate
    and `harness history x --metric naps.p99` a question.
        >>> naps = Figure(
        ...     "naps", "how long a worker slept", "s", "less", "naps_s", "naps", distribution=True
        ... )
        >>> naps.kind, naps.sql_column, naps.columns()
        ('duration', 'naps_s', (('naps_mean_s', 'mean'),))
    """

    name: str
    """In gates, comparisons, histories and JSON. One that ends in `.NAME` stands for many."""
    what: str
    """In words, for lists and documents: begins small, ends without a full stop."""
    unit: Unit
    better: Literal["more", "less"]
    field: str = ""
    """Path in a block's record: `periodic.missed`; in a dict all the rest of it is the key. Empty:
    computed, by the function of this name in `results.record.computed`."""
    column: str = ""
    """Column in CSV and SQL. A distribution's is a stem: `queue` gives `queue_s` and
    `queue_mean_s`."""
    heading: str = ""
    """Heading of a column of a report's table, where one shows it."""
    words: str = ""
    """The figure in a sentence; without them its name."""
    was: tuple[str, ...] = ()
    """Names of the figure in older versions."""
    distribution: bool = False
    """Whether the figure has samples: it then asks for one of STATISTICS."""
    samples: Samples | None = None
    """Where the samples of a distribution are kept; without them percentiles of several blocks are
    the median of the blocks' own."""
    csv: tuple[str, ...] = ("mean",)
    """Statistics of a distribution that CSV has, and perhaps `count`."""
    summed: bool = False
    """Added up over all blocks of a cell, failed ones included; others are the median."""
    needs_watching: bool = False
    """Says nothing in a backlog, where latency is the time in the queue."""
    per_task: bool = False
    """A cost of one task, which depends on the rate: see `results.judge.comparability`."""
    only_load: str = ""
    """The only load whose blocks have it."""
    of_task: str = ""
    """Path of the same figure in the record of one part of a mix; empty where there is none."""
    of_queue: str = ""
    """The same in the record of one queue."""
    of_group: str = ""
    """The same in the record of one worker group."""
    within: Within | Literal[""] = ""
    """Whether it is of one part of a mix, queue or worker group; empty: of a whole block."""
    one: str = ""
    """Which of these, as reports call it."""

    @property
    def many(self) -> bool:
        """Whether it stands for all figures whose names begin like its own."""
        return self.name.endswith(f".{PLACEHOLDER}")

    @property
    def kind(self) -> Kind:
        """What its values measure; without a unit of measure they are counts."""
        return _KINDS.get(self.unit, "count")

    @property
    def stated_in(self) -> str:
        """The figure's name in words."""
        return self.words or self.name

    @property
    def sql_column(self) -> str:
        """Column of table `blocks` in `harness sql`."""
        return f"{self.column}_s" if self.distribution else self.column

    @property
    def task(self) -> str:
        """The part of a mix that it is of; empty of anything else."""
        return self.one if self.within in ("task", "part") else ""

    def path_within(self, within: Within) -> str:
        """Path of the figure in the record of such a part of a block; empty where there is none.

        Example:
            >>> run = Figure("run", "the function", "s", "less", distribution=True, of_task="run_s")
            >>> run.path_within("part"), run.path_within("queue")
            ('run_s', '')
        """
        paths = {"queue": self.of_queue, "group": self.of_group}
        return paths.get(within, self.of_task)

    def of(self, one: str, within: Within = "task") -> Figure:
        """The same figure of one part of a mix, queue or worker group.

        Example:
            >>> run = Figure("run", "the function", "s", "less", distribution=True, of_task="run_s")
            >>> run.of("shop.tasks.add").one
            'shop.tasks.add'
        """
        return replace(self, within=within if one else "", one=one)

    def in_base_units(self, value: float) -> float:
        """A value of a record in base units: seconds instead of milliseconds."""
        return value / {"ms": 1e3, "us": 1e6}.get(self.unit.partition("/")[0], 1)

    def columns(self) -> tuple[tuple[str, str], ...]:
        """Each of its columns in CSV with the statistic that it holds, empty for a plain figure."""
        if not self.distribution:
            return ((self.column, ""),)
        return tuple(
            (f"{self.column}_{one}" if one == "count" else f"{self.column}_{one}_s", one)
            for one in self.csv
        )
