"""Every kind of load there is: one row each, which joins its halves.

A row names the model, with all that the kind decides, and, as text, who runs it: the session of
`harness.runner`, and the client's part in `harness.probe`. docs/architecture.md has the walk "add a
load".

For example, a backlog that comes in waves:

    class WavesLoad(LoadBase):
        '''So many backlogs, one after the other.'''

        load: Literal["waves"]
        waves: int = 3

        def lasts_s(self, measure: Measure) -> float:
            return self.waves * in_turn_s(measure.units or 0, 1, measure)

    LoadRow(WavesLoad, "harness.runner.sessions.waves:WavesSession",
            "harness.probe.loads.waves:Waves")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from harness.probe.spoken import LoadSpec
from harness.scenario.files.kinds import name_of, or_bare_name
from harness.scenario.loads.backlog import BacklogLoad
from harness.scenario.loads.base import LoadBase
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.loads.rate import RateLoad
from harness.scenario.loads.saturate import SaturateLoad
from harness.scenario.loads.schedule import ScheduleLoad


@dataclass(frozen=True)
class LoadRow:
    """What joins the two halves of a kind of load: its model here, what runs it in a block and in a
    client there."""

    model: type[LoadBase]
    session: str
    """`module:Class` of the harness' half, see `runner.sessions.session.Session`."""
    client: str = ""
    """`module:Class` of the client's half, see `probe.loads.base.Load`; empty: its callers."""


_SESSIONS, _CLIENTS = "harness.runner.sessions", "harness.probe.loads"
ROWS = (
    LoadRow(ClosedLoad, f"{_SESSIONS}.closed:ClosedSession"),
    LoadRow(BacklogLoad, f"{_SESSIONS}.backlog:BacklogSession", f"{_CLIENTS}.backlog:Backlog"),
    LoadRow(RateLoad, f"{_SESSIONS}.open_loop:RateSession"),
    LoadRow(SaturateLoad, f"{_SESSIONS}.saturate:SaturateSession"),
    LoadRow(ScheduleLoad, f"{_SESSIONS}.schedule:ScheduleSession"),
)
LOADS: Mapping[str, type[LoadBase]] = {name_of(row.model, "load"): row.model for row in ROWS}
"""`load:` of a scenario -> its model."""
SESSIONS: Mapping[str, str] = {name_of(row.model, "load"): row.session for row in ROWS}
"""`load:` of a scenario -> the session that runs it, as `module:Class`."""
_OF_CLIENTS: Mapping[type[LoadBase], str] = {row.model: row.client for row in ROWS}

if TYPE_CHECKING:
    Load = LoadBase
else:
    Load = Annotated[
        Union[tuple(row.model for row in ROWS)],  # noqa: UP007 - of a table
        Field(discriminator="load"),
    ]
LoadEntry = Annotated[Load, or_bare_name("load", Load)]
"""As it stands in a list: a mapping, or just the name."""


def spec_of(load: Load) -> LoadSpec:
    """What clients are told of a load: `load` of their cell spec."""
    further = {"client": _OF_CLIENTS[type(load)], "callers": load.warmup_callers}
    return load.model_dump(exclude={"measure"}) | further
