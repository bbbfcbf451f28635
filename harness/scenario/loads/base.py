"""What every load has in common."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import Frozen
from harness.scenario.files.kinds import CellWord
from harness.scenario.models.measure import Measure, MeasureOverride

Publish = Literal["api", "batch", "prebuilt"]
MOST_CLIENTS = 16
MOST_UNITS = 16_000_000
"""The most units of one client in a block. It has numbers for 16,777,216 (`probe.recording.ids`):
probe tasks take some, and random arrivals may be more than their rate says."""
_WARMUP_CALLERS = 8
"""Of each client, where the load has no callers of its own."""


class LoadBase(Frozen):
    """What every load may say, and what is asked of it.

    Example: a kind that publishes `size` units at once, again and again.
        >>> class BurstLoad(LoadBase):
        ...     load: Literal["burst"] = "burst"
        ...     size: Annotated[int, Field(ge=1)] = 100
        ...
        ...     @property
        ...     def word(self) -> CellWord:
        ...         return CellWord("size", str(self.size))
        >>> BurstLoad(size=5).lasts_s(Measure(duration="10s"))
        10.0
        >>> [where for where, problem in BurstLoad().conflicts(Measure())]
        [('load', 'load')]

    A row of `harness.scenario.loads.registry` names the `Session` that runs it.
    """

    if TYPE_CHECKING:
        load: str  # each kind has its own name

    has_callers: ClassVar[bool] = False
    """Somebody waits for each unit's result, as a user does."""
    fired_by_beat: ClassVar[bool] = False
    """Beat publishes, not a client."""
    gives_the_rate: ClassVar[bool] = False
    """It says when units are due, so how many are done per second is no merit of who does them."""

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

    @property
    def says_how_long(self) -> bool:
        """Whether it says itself how long it lasts, so that `measure` need not."""
        return False

    @property
    def word(self) -> CellWord:
        """How names of cells call the load."""
        return CellWord()

    @property
    def warmup_callers(self) -> int:
        """How many wait for warm-up units, over all clients."""
        return _WARMUP_CALLERS * self.clients

    def conflicts(self, measure: Measure) -> Iterator[Conflict]:
        """What of it cannot work, whatever the workload is: locations begin with `load`."""
        if not self.says_how_long and measure.units is None and measure.duration is None:
            message = f"how long is load {self.load} measured? give measure.units or "
            yield ("load", "load"), f"{message}measure.duration"

    def default_timeout_s(self, measure: Measure) -> float | None:  # noqa: ARG002 - for kinds that ask
        """Seconds that one unit may take where nobody says it; None: as `Measure` has it."""
        return None

    def length_s(self, measure: Measure) -> float | None:  # noqa: ARG002 - for kinds that ask
        """Seconds that the load lasts, where that is known exactly: moments of faults lie
        within."""
        return None

    def lasts_s(self, measure: Measure) -> float:
        """Seconds that the load lasts at most: from its begin until its last unit is due."""
        return measure.duration or in_turn_s(measure.units or 0, 1, measure)

    def planned_units(self, measure: Measure) -> float:
        """How many units are planned; 0 where that is not known before."""
        return measure.units or 0

    def asked_per_s(self, measure: Measure) -> float | None:  # noqa: ARG002 - for kinds that ask
        """Units per second that it asks for in the counted phase that asks for most; None where it
        takes what it gets."""
        return None


def in_turn_s(units: int, callers: int, measure: Measure) -> float:
    """Seconds at most for units that callers wait for, each as long as it may take."""
    return math.ceil(units / callers) * measure.timeout
