"""Chords and groups in chains, by numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.probe.recording.events import Kind, Outcome, UnitFlag
from harness.results.block.ledger import BlockEnd, Final, settle
from harness.results.block.phases import phases
from harness.results.block.summary import digest
from harness.results.block.timeline import timeline
from harness.results.events.merged import Merged
from harness.results.events.unit_shape import UnitShape
from harness.scenario.workloads.base import TaskOrder
from tests.results.events.histories import History, Record, Task, Unit, ident_of
from tests.results.events.test_truth import merged_from

CHORD = (2, 1)
NESTED = (1, 2, 1)
Stamps = tuple[int, int, int, int, int]
"""Received, started, finished, storing, stored; those that are 0 never came."""


def task(place: int, stamps: Sequence[int], *, raised: bool = False) -> Task:
    received, started, finished, storing, stored = [*stamps, *(0 for _ in range(5))][:5]
    return Task(
        ident_of(0, place),
        received=[received] * bool(received),
        started=[started] * bool(started),
        finished=[(finished, raised)] * bool(finished),
        storing=[storing] * bool(storing),
        stored=[stored] * bool(stored),
    )


def unit_of(*stamps: Sequence[int]) -> Unit:
    """Published at 100; its result seen at 1000."""
    made = [task(place, one) for place, one in enumerate(stamps)]
    return Unit(0, UnitFlag.MEASURED, 100, made, published=150, seen=Outcome.OK, seen_at=1000)


def merged_of(unit: Unit, steps: tuple[int, ...], *others: Record) -> Merged:
    per_unit = sum(steps)
    history = History(
        sequential=False, watched=True, units=[unit], strangers=[], release=0, files=1, seed=1,
        per_unit=per_unit, steps=steps, others=list(others),
    )  # fmt: skip
    return merged_from(history)


def shape_of(steps: tuple[int, ...], *, stores_results: bool = True) -> UnitShape:
    return UnitShape(
        sequential=False, grouped=False, watched=True, held=False, stores_results=stores_results,
        tasks_per_unit=sum(steps), steps=steps,
    )  # fmt: skip


WHOLE_CHORD = unit_of(
    (200, 210, 300, 301, 390),  # finishes last, and is stored first
    (205, 220, 290, 295, 400),
    (450, 470, 500, 510, 520),
)
WHOLE_NESTED = unit_of(
    (110, 120, 130, 131, 140),
    (200, 210, 300, 301, 310),
    (205, 250, 280, 281, 290),
    (450, 470, 500, 510, 520),
)


def test_a_chords_phases_go_through_the_header_task_that_finished_last() -> None:
    timing = phases(merged_of(WHOLE_CHORD, CHORD), order=TaskOrder(CHORD), watched=True)
    assert {name: int(times[0]) for name, times in timing.by_name()} == {
        "schedule": 0,
        "queue": (200 - 100) + (450 - 300),
        "dispatch": (210 - 200) + (470 - 450),
        "retry": 0,
        "run": (300 - 210) + (500 - 470),
        "result": 1000 - 500,
    }
    assert timing.total_ns.tolist() == [900]


def test_a_chords_figures() -> None:
    """The join delay begins when the last header task is stored, whichever finished last."""
    canvas = digest(merged_of(WHOLE_CHORD, CHORD), shape_of(CHORD), BlockEnd()).fields["canvas_s"]
    assert {name: found.mean for name, found in canvas.items()} == {
        "member_spread": pytest.approx(10e-9),
        "join_delay": pytest.approx((470 - 400) * 1e-9),
    }


def test_the_figures_of_a_group_in_a_chain() -> None:
    """Into the group (a figure per member) and out of it again."""
    merged = merged_of(WHOLE_NESTED, NESTED)
    canvas = digest(merged, shape_of(NESTED), BlockEnd()).fields["canvas_s"]
    ends = {name: (found.min, found.max) for name, found in canvas.items()}
    assert [(name, found.count) for name, found in canvas.items()] == [
        ("member_spread", 1),
        ("fan_out", 2),
        ("join_delay", 1),
    ]
    assert ends["member_spread"] == pytest.approx((20e-9, 20e-9))
    assert ends["fan_out"] == pytest.approx(((210 - 130) * 1e-9, (250 - 130) * 1e-9))
    assert ends["join_delay"] == pytest.approx((160e-9, 160e-9))
    timing = phases(merged, order=TaskOrder(NESTED), watched=True)
    assert timing.queue_ns.tolist() == [(110 - 100) + (200 - 130) + (450 - 300)]
    assert timing.total_ns.tolist() == [900]


DONE = (200, 210, 300, 301, 310)


@pytest.mark.parametrize(
    ("stamps", "stage"),
    [
        ((DONE, (), ()), "never_received"),
        ((DONE, (205,), ()), "received_not_started"),
        # The body was never published: that its message is nowhere says nothing.
        ((DONE, (205, 220), ()), "started_not_finished"),
        ((DONE, (205, 220, 290), ()), "never_received"),
        ((DONE, DONE, ()), "never_received"),
        ((DONE, DONE, (450,)), "received_not_started"),
        ((DONE, DONE, (450, 470)), "started_not_finished"),
        ((DONE, DONE, (450, 470, 500)), "finished_not_stored"),
        ((DONE, DONE, (450, 470, 500, 510, 520)), "stored_not_seen"),
    ],
)
def test_how_far_a_lost_chord_got(stamps: tuple[Sequence[int], ...], stage: str) -> None:
    unit = unit_of(*stamps)
    unit.seen, unit.checked, unit.checked_at = Outcome.TIMED_OUT, Outcome.NONE, 2000
    merged = merged_of(unit, CHORD)
    end = BlockEnd(workers_alive=False)
    ledger = settle(merged, end, order=TaskOrder(CHORD), stores_results=True)
    assert ledger.final.tolist() == [Final.LOST]
    assert {name: n for name, n in ledger.losses().model_dump().items() if n} == {stage: 1}


@pytest.mark.parametrize(("waiting", "final"), [(0, Final.LOST), (1, Final.TIMED_OUT)])
def test_a_body_in_the_queue_holds_its_chord(waiting: int, final: Final) -> None:
    """One message, though the chord has three tasks."""
    unit = unit_of(DONE, DONE, ())
    unit.seen, unit.checked = Outcome.TIMED_OUT, Outcome.NONE
    end = BlockEnd(waiting=waiting)
    ledger = settle(merged_of(unit, CHORD), end, order=TaskOrder(CHORD), stores_results=True)
    assert ledger.final.tolist() == [final]


def test_a_chord_whose_header_raised_has_failed() -> None:
    """Its body never ran; Celery stores the failure under the body's id all the same."""
    unit = unit_of(DONE, DONE, (0, 0, 0, 330, 340))
    unit.tasks[1] = task(1, DONE, raised=True)
    unit.seen = Outcome.FAILED
    fields = digest(merged_of(unit, CHORD), shape_of(CHORD), BlockEnd()).fields
    assert fields["outcomes"].failed == fields["outcomes"].total == 1
    assert fields["loss"].never_received == 0
    assert fields["canvas_s"]["join_delay"].count == 0


def test_bodies_wait_only_when_their_headers_are_done() -> None:
    """Second by second: two header tasks are in the queue at once, the body after them."""
    merged = merged_of(WHOLE_CHORD, CHORD)
    result = digest(merged, shape_of(CHORD), BlockEnd())
    found = timeline(merged, result.ledger, result.phases, order=TaskOrder(CHORD), interval_s=1e-7)
    assert found is not None
    # Intervals of 100 from 100 on: received at 200, 205 and 450, the header over at 300.
    assert found.waiting.tolist() == [2, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_looks_of_chord_unlock_are_counted_and_foreign_to_nobody() -> None:
    """By the body's id, which is the unit's; those for other people's chords do not count."""
    unit = unit_of(DONE, DONE, (450, 470, 500, 510, 520))
    body, other = ident_of(0, 2), ident_of(7, 2)
    looks = [(Kind.UNLOCKING, ident, at, 0, 0, 0) for ident, at in ((body, 1), (body, 2))]
    merged = merged_of(unit, CHORD, *looks, (Kind.UNLOCKING, other, 3, 0, 0, 0))
    assert (merged.unlock_looks, merged.foreign_tasks) == (2, 0)
    fields = digest(merged, shape_of(CHORD), BlockEnd()).fields
    assert fields["unlock_looks_per_unit"] == 2.0
