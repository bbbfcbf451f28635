"""What Celery threw away or cut short: from the records of workers to counts beside outcomes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.probe.recording.events import RECORD, Kind, Outcome, Stop
from harness.results.block.ledger import BlockEnd
from harness.results.block.summary import digest
from harness.results.events.stops import Stops, stops_in
from harness.results.events.unit_shape import unit_shape
from harness.results.record.parts import LogFigures
from tests.report.made.records import cell
from tests.results.block.test_failures import Told
from tests.results.events.histories import ident_of
from tests.results.faults.made_blocks import SHAPE

WITHOUT = {"expired": 0, "revoked": 0, "time_limited": 0, "process_lost": 0}


class Stopping(Told):
    """Records of workers beside those of the client."""

    def stopped(self, unit: int, why: Stop, *, received: bool = True) -> None:
        if received:
            self.worker(Kind.RECEIVED, unit)
        self.records.append(RECORD.pack(ident_of(unit, 0), 16, 0, why, int(received), Kind.STOPPED))

    def worker(self, kind: Kind, unit: int, at_ns: int = 15) -> None:
        self.records.append(RECORD.pack(ident_of(unit, 0), at_ns, 0, 0, 0, kind))


def counts_of(fields: LogFigures) -> dict[str, int]:
    """Without zeros."""
    found = {name: fields[name] for name in WITHOUT}  # type: ignore[literal-required] # four names
    return {name: count for name, count in found.items() if count}


def test_each_unit_has_its_outcome_and_is_counted_beside_it(tmp_path: Path) -> None:
    """A task that ran into both limits is one unit; each lost process counts; what was revoked
    when it had expired is both."""
    told = Stopping()
    names = ("TaskRevokedError", "TaskRevokedError", "TimeLimitExceeded", "WorkerLostError")
    expired, revoked, limited, lost = (told.unit(name) for name in names)
    told.stopped(expired, Stop.EXPIRED, received=False)
    told.stopped(expired, Stop.REVOKED)
    told.stopped(revoked, Stop.TERMINATED)
    told.stopped(limited, Stop.SOFT_LIMIT)
    told.stopped(limited, Stop.HARD_LIMIT)
    told.stopped(lost, Stop.LOST)
    told.stopped(lost, Stop.LOST)
    told.unit(outcome=Outcome.OK)
    fields = digest(told.merged(tmp_path), SHAPE, BlockEnd()).fields
    assert counts_of(fields) == {
        "expired": 1, "revoked": 2, "time_limited": 1, "process_lost": 2,
    }  # fmt: skip
    assert (fields["outcomes"].failed, fields["outcomes"].ok) == (4, 1)


@pytest.mark.parametrize(("planned", "duplicated"), [(True, 1), (False, 3)])
def test_what_killed_its_process_on_purpose_is_no_duplicate(
    tmp_path: Path, planned: bool, duplicated: int
) -> None:
    """It lost its process twice and was run four times: one of these nobody had asked for."""
    told = Stopping()
    unit = told.unit(outcome=Outcome.OK)
    for at_ns in (11, 12, 13, 14):
        told.worker(Kind.STARTED, unit, at_ns)
    for _ in range(2):
        told.stopped(unit, Stop.LOST, received=False)
    shape = replace(SHAPE, loses_processes=planned)
    assert digest(told.merged(tmp_path), shape, BlockEnd()).fields["duplicated"] == duplicated


def test_a_block_without_any_has_zeros(tmp_path: Path) -> None:
    told = Stopping()
    told.unit(outcome=Outcome.OK)
    assert not counts_of(digest(told.merged(tmp_path), SHAPE, BlockEnd()).fields)


@pytest.mark.parametrize(
    ("dropped", "expires_s", "waiting", "orphans", "outcome", "expired"),
    [
        (True, 5e-9, 0, False, "failed", 1),
        (True, 11e-9, 0, False, "lost", 0),  # it had not expired when it was looked for
        (True, 5e-9, 1, False, "timed_out", 0),  # the queue still has it
        (True, 5e-9, 0, True, "lost", 0),  # something was broken: that may have taken it
        (False, 5e-9, 0, False, "lost", 0),  # of a broker that keeps it
    ],
)
def test_what_rabbitmq_drops_has_expired(
    tmp_path: Path,
    dropped: bool,
    expires_s: float,
    waiting: int,
    orphans: bool,
    outcome: str,
    expired: int,
) -> None:
    """Nobody receives it, and no result ever says so: published at 10 ns, looked for at 20."""
    told = Stopping()
    told.unit(kind=Kind.CHECKED, outcome=Outcome.NONE)
    merged = told.merged(tmp_path)
    shape = replace(SHAPE, expires_s=expires_s, dropped_by_broker=dropped)
    end = BlockEnd(waiting, orphans=merged.tasks.started_ns > 0 if orphans else None)
    fields = digest(merged, shape, end).fields
    assert getattr(fields["outcomes"], outcome) == 1
    assert fields["expired"] == expired


def test_without_results_what_was_thrown_away_has_failed(tmp_path: Path) -> None:
    told = Stopping()
    for why in (Stop.EXPIRED, Stop.REVOKED, Stop.HARD_LIMIT, Stop.SOFT_LIMIT):
        told.stopped(told.unit(outcome=Outcome.NONE), why)
    shape = replace(SHAPE, stores_results=False, watched=False)
    outcomes = digest(told.merged(tmp_path), shape, BlockEnd()).fields["outcomes"]
    assert (outcomes.failed, outcomes.timed_out) == (3, 1)


@pytest.mark.parametrize(
    ("seen_ns", "countdown_s", "outcome"),
    [(20, 0.0, "timed_out"), (20, 10e-9, "ok"), (20, 1e-9, "timed_out")],
)
def test_the_time_of_a_unit_counts_from_its_eta(
    tmp_path: Path, seen_ns: int, countdown_s: float, outcome: str
) -> None:
    """Published at 10 ns, seen at 20, and it may take 5."""
    told = Stopping()
    told.unit(outcome=Outcome.OK)
    shape = replace(SHAPE, timeout_s=5e-9, countdown_s=countdown_s)
    outcomes = digest(told.merged(tmp_path), shape, BlockEnd()).fields["outcomes"]
    assert getattr(outcomes, outcome) == 1


def test_stamps_that_will_not_come(tmp_path: Path) -> None:
    """What was thrown away before it was received lacks none; of three that were cut short one
    stamped its end all the same, and one runs once more."""
    told = Stopping()
    for received in (False, True):
        told.stopped(told.unit(), Stop.EXPIRED, received=received)
    for kinds in ((), (Kind.FINISHED,), (Kind.STARTED,)):
        unit = told.unit()
        for kind in (Kind.STARTED, *kinds):
            told.worker(kind, unit)
        told.stopped(unit, Stop.HARD_LIMIT)
    told.stopped(told.unit(), Stop.SOFT_LIMIT)
    told.merged(tmp_path)
    assert stops_in(tmp_path) == Stops(not_started=1, without_end=2)


def test_a_task_that_is_revoked_while_it_runs_on_is_over_when_that_is_stored(
    tmp_path: Path,
) -> None:
    """The client sees the result before the function has returned: no phase is below zero, and all
    of them add up."""
    told = Stopping()
    unit = told.unit("TaskRevokedError")
    told.stopped(unit, Stop.TERMINATED)
    stamps = (
        (Kind.RECEIVED, 11), (Kind.STARTED, 12), (Kind.STORING, 14), (Kind.FINISHED, 90),
        (Kind.STORING, 91),
    )  # fmt: skip
    for kind, at_ns in stamps:
        told.worker(kind, unit, at_ns)
    found = digest(told.merged(tmp_path), SHAPE, BlockEnd())
    assert found.fields["negative_phases"] == {}
    times = dict(found.phases.by_name())
    assert (times["run"].tolist(), found.merged.tasks.finished_ns.tolist()) == ([2], [14])
    assert sum(int(one[0]) for one in times.values()) == int(found.phases.total_ns[0])


@pytest.mark.parametrize("faults", [(), ({"fault": "kill_worker", "at": "3s"},)])
def test_only_a_fault_makes_a_lost_process_nobodys_wish(faults: tuple[object, ...]) -> None:
    """One rule for every workload: of own tasks as of kill_child."""
    given = {"load": "rate", "rate": 5.0, **({"faults": list(faults)} if faults else {})}
    of = cell("redis/add/rate-5", workload={"workload": "add"}, load=given)
    assert unit_shape(of).loses_processes == (not faults)
