"""What callers learned, and when, by numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from harness.probe.recording.events import MOST_LOOKS, Kind, Outcome, UnitFlag, looks_fields
from harness.results.block.ledger import BlockEnd
from harness.results.block.summary import digest
from harness.results.events.merged import MISSING, NOT_TOLD, Merged
from harness.results.events.unit_shape import UnitShape
from harness.results.record.parts import LogFigures
from harness.results.samples import writing as samples
from tests.results.events.histories import History, Record, Task, Unit, ident_of
from tests.results.events.test_truth import merged_from
from tests.results.test_samples import TRACKING_COLUMNS

SHAPE = UnitShape(
    sequential=False, grouped=False, watched=True, held=False, stores_results=True,
    tasks_per_unit=1,
)  # fmt: skip


def unit_of(number: int, seen_at: int, outcome: Outcome = Outcome.OK) -> Unit:
    """Published at 100, its result stored from 400 to 450."""
    done = Task(
        ident_of(number, 0),
        received=[200],
        started=[210],
        finished=[(390, False)],
        storing=[400],
        stored=[450],
    )
    return Unit(
        number, UnitFlag.MEASURED, 100, [done], published=150, seen=outcome, seen_at=seen_at
    )


def looked(number: int, count: int) -> Record:
    return (Kind.LOOKED, ident_of(number, 0), 999, number, *looks_fields(count))


def merged_of(units: list[Unit], *others: Record) -> Merged:
    return merged_from(
        History(
            sequential=False,
            watched=True,
            units=units,
            strangers=[],
            release=0,
            files=2,
            seed=1,
            others=list(others),
        )
    )


def fields_of(units: list[Unit], *others: Record) -> LogFigures:
    return digest(merged_of(units, *others), SHAPE, BlockEnd()).fields


def test_late_is_counted_from_the_begin_of_the_store_call() -> None:
    """A caller may learn before the worker's call returns: 20, and not 30 too early."""
    fields = fields_of([unit_of(0, 420), unit_of(1, 500)], looked(0, 3), looked(1, 6))
    late = fields["tracking_s"]["learned_late"]
    assert late.count == 2
    assert (late.min, late.max) == pytest.approx((20e-9, 100e-9))
    assert (fields["looks_per_unit"], fields["started_seen"]) == (4.5, None)
    assert "started_late" not in fields["tracking_s"]


def test_started_seen() -> None:
    """One of two callers looked while the task ran."""
    stored = [(Kind.STORING_STARTED, ident_of(n, 0), 205, 0, 0, 0) for n in (0, 1)]
    seen = (Kind.STARTED_SEEN, ident_of(0, 0), 260, 0, 0, 0)
    fields = fields_of(
        [unit_of(0, 500), unit_of(1, 500)], *stored, seen, looked(0, 2), looked(1, 2)
    )
    late = fields["tracking_s"]["started_late"]
    assert (fields["started_seen"], late.count) == (1, 1)
    assert late.mean == pytest.approx(55e-9)


def test_nobody_saw_started() -> None:
    """It was stored, and every caller looked too late: none, and not unknown."""
    stored = (Kind.STORING_STARTED, ident_of(0, 0), 205, 0, 0, 0)
    assert fields_of([unit_of(0, 500)], stored, looked(0, 1))["started_seen"] == 0


def test_waiting_in_get_is_no_look() -> None:
    fields = fields_of([unit_of(0, 500)], looked(0, 0))
    assert fields["tracking_s"]["learned_late"].count == 1
    assert (fields["looks_per_unit"], fields["started_seen"]) == (None, None)


def test_a_caller_that_gave_up_learned_nothing() -> None:
    """Its looks stay in the samples, and out of the figures."""
    units = [unit_of(0, 500), unit_of(1, 900, Outcome.TIMED_OUT)]
    others = (looked(0, 2), looked(1, 1000))
    fields = fields_of(units, *others)
    assert (fields["looks_per_unit"], fields["tracking_s"]["learned_late"].count) == (2.0, 1)
    tracked = merged_of(units, *others).tracked
    assert tracked is not None
    assert tracked.looks.tolist() == [2, 1000]


@pytest.mark.parametrize("count", [0, 1, 0xFFFF, 0x1_0000, MOST_LOOKS, MOST_LOOKS + 1])
def test_counts_survive_their_record(count: int) -> None:
    tracked = merged_of([unit_of(0, 500), unit_of(1, 500)], looked(0, count)).tracked
    assert tracked is not None
    assert tracked.looks.tolist() == [min(count, MOST_LOOKS), NOT_TOLD]
    assert tracked.started_seen_ns.tolist() == [MISSING, MISSING]


def test_samples_keep_what_every_caller_saw(tmp_path: Path) -> None:
    """Read by a program that is not the harness; what did not happen is NULL."""
    units = [unit_of(number, 500) for number in range(3)]
    others = (
        *(looked(0, 70_000), looked(1, 0)),
        (Kind.STORING_STARTED, ident_of(0, 0), 205, 0, 0, 0),
        (Kind.STARTED_SEEN, ident_of(0, 0), 260, 0, 0, 0),
    )
    merged = merged_of(units, *others)
    assert merged.tracked is not None
    samples.write_tracking(tmp_path, merged, merged.tracked)
    with duckdb.connect() as database:
        found = database.read_parquet(str(tmp_path / samples.TRACKING_FILE))
        assert tuple(found.columns) == TRACKING_COLUMNS
        assert set(map(str, found.types)) == {"BIGINT"}
        rows = found.fetchall()
    assert rows == [(0, 70_000, 205, 260), (1, 0, None, None), (2, None, None, None)]


def test_other_workloads_have_no_such_figures() -> None:
    fields = fields_of([unit_of(0, 500)])
    assert (fields["tracking_s"], fields["looks_per_unit"], fields["started_seen"]) == (
        {},
        None,
        None,
    )
