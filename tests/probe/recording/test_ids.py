"""Ids that say which unit they belong to: every way to make one makes the same; no client has
another one's numbers."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.loads.backlog import Backlog
from harness.probe.loads.base import Extent
from harness.probe.loads.closed import Closed
from harness.probe.loads.open_loop import OpenLoop, Sent
from harness.probe.loads.pacer import Pacer, Phase, arrivals
from harness.probe.recording.events import Outcome, UnitFlag, id_bytes
from harness.probe.recording.ids import (
    BEAT,
    MOST_UNITS,
    UNITS_PER_CLIENT,
    first_unit,
    ident_maker,
    namer,
    new_tag,
)
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner
from harness.scenario.loads.base import MOST_UNITS as MOST_PLANNED

NO_WORKLOAD = cast(Workload, None)
END = first_unit(2)
"""Where the numbers of the second client end."""


@given(st.integers(0, MOST_UNITS - 1))
def test_the_short_way_to_an_ident_is_the_same(unit: int) -> None:
    tag = new_tag()
    assert ident_maker(tag)(unit) == id_bytes(namer(tag)(unit, 0))


@given(st.integers(0, BEAT), st.integers(0, UNITS_PER_CLIENT - 1))
def test_a_clients_numbers_end_where_the_next_ones_begin(client: int, own: int) -> None:
    assert first_unit(client) + own < first_unit(client + 1)


def test_a_plan_leaves_numbers_for_probe_tasks() -> None:
    assert UNITS_PER_CLIENT - MOST_PLANNED > 100_000


class Numbers:
    """Notes which units a load asks to be published, and has their results at once."""

    most_at_once = 4

    def __init__(self) -> None:
        self.taken: list[int] = []

    def publish(self, units: Any, *_: object) -> Any:
        if isinstance(units, int):  # as UnitRunner
            self.taken.append(units)
            return Published(units, NO_WORKLOAD, None)
        self.taken += units  # as Publisher
        return []

    def wait(self, _: Published) -> Outcome:
        return Outcome.OK

    def prepare(self) -> None:
        """Nothing."""

    def published(self) -> list[Published]:
        return []

    def close(self) -> None:
        """Nothing."""


def closed(extent: Extent, left: int) -> tuple[Numbers, Closed]:
    numbers = Numbers()
    load = Closed(cast(UnitRunner, numbers), threading.Event(), 4)
    assert load.run(NO_WORKLOAD, range(END - left, END), extent, UnitFlag.MEASURED) == []
    return numbers, load


@pytest.mark.parametrize("extent", [Extent(100, None), Extent(None, math.inf)])
def test_callers_stop_at_the_last_number(extent: Extent) -> None:
    """Whether so many units are planned, or so much time: nothing goes to the next client."""
    numbers, load = closed(extent, left=50)
    assert sorted(numbers.taken) == list(range(END - 50, END))
    assert (load.out_of_numbers, load.gave_up) == (True, False)


def test_callers_that_need_no_more_have_enough() -> None:
    numbers, load = closed(Extent(50, None), left=50)
    assert sorted(numbers.taken) == list(range(END - 50, END))
    assert not load.out_of_numbers


def test_callers_whose_time_is_over_begin_nothing() -> None:
    """A client that stood still since measuring began has no time of its own to make up for it."""
    numbers, load = closed(Extent(None, time.monotonic()), left=50)
    assert (numbers.taken, load.out_of_numbers) == ([], False)


@pytest.mark.parametrize("extent", [Extent(3, None), Extent(None, math.inf)])
def test_a_load_that_begins_where_the_numbers_end_runs_nothing(extent: Extent) -> None:
    """The load before it has taken the last one: the next is another client's."""
    numbers, load = closed(extent, left=0)
    assert (numbers.taken, load.next_unit, load.out_of_numbers) == ([], END, True)
    backlog = Backlog({"publish": "api"}, cast(UnitRunner, numbers), threading.Event())
    if extent.units is not None:
        assert backlog.run(NO_WORKLOAD, range(END, END), extent, UnitFlag.MEASURED) == []
        assert (numbers.taken, backlog.next_unit, backlog.out_of_numbers) == ([], END, True)
    sent = OpenLoop(threading.Event(), 2).run(
        lambda: numbers,
        Pacer(arrivals([Phase("steady", 0.01, 300.0, 300.0)], "constant", 0)),
        range(END, END),
        time.monotonic_ns(),
        time.monotonic_ns() + 60_000_000_000,
        contextlib.nullcontext,
    )
    assert (numbers.taken, sent) == ([], Sent((), END, {0: 3}, out_of_numbers=True))


@pytest.mark.parametrize(("planned", "out"), [(50, False), (51, True)])
def test_a_backlog_stops_at_the_last_number(planned: int, out: bool) -> None:
    numbers = Numbers()
    load = Backlog({"publish": "api"}, cast(UnitRunner, numbers), threading.Event())
    extent = Extent(planned, None)
    left = load.run(NO_WORKLOAD, range(END - 50, END), extent, UnitFlag.MEASURED)
    assert [one.unit for one in left] == numbers.taken == list(range(END - 50, END))
    assert (load.out_of_numbers, load.next_unit) == (out, END)


@pytest.mark.parametrize(("planned", "out"), [(50, False), (53, True)])
def test_an_open_loop_stops_at_the_last_number(planned: int, out: bool) -> None:
    """What was due besides is told as not sent."""
    numbers = Numbers()
    begin_ns = time.monotonic_ns()
    pacer = Pacer(
        arrivals([Phase("steady", 0.01, planned * 100.0, planned * 100.0)], "constant", 0)
    )
    sent = OpenLoop(threading.Event(), 2).run(
        lambda: numbers,
        pacer,
        range(END - 50, END),
        begin_ns,
        begin_ns + 60_000_000_000,
        contextlib.nullcontext,
    )
    assert sorted(numbers.taken) == list(range(END - 50, END))
    unsent = {0: planned - 50} if out else {}
    assert sent == Sent((), END, unsent, out_of_numbers=out)
