"""Polling, round by round: what it does with backends that write as they please."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from celery.backends.base import Backend

from harness.probe.recording.events import Outcome
from harness.probe.recording.recorder import Recorder
from harness.probe.watching.base import Troubles
from harness.probe.watching.polling import Polling
from harness.probe.watching.sightings import Sightings
from harness.probe.workloads.add import Add
from tests.probe.live import Site, valkey
from tests.probe.watching.watched import Paper, sightings_in


@dataclasses.dataclass
class Poll:
    """A poller in this process, and a client on paper."""

    backend: Any
    polling: Polling
    sightings: Sightings
    troubles: Troubles
    paper: Paper
    events: Path

    def store(self, unit: int) -> None:
        self.backend.store_result(self.paper.name(unit, 0), 2 * unit + 1, "SUCCESS")

    def round(self) -> int:
        """How many results have been seen when it is over."""
        self.polling.step(0)
        return self.sightings.seen

    def outcomes(self) -> dict[int, int]:
        return {u: outcome for (_, u, _), (_, outcome) in sightings_in(self.events).items()}


def poll(folder: Path, app: Celery, trouble: str = "") -> Iterator[Poll]:
    """`trouble`: what has to have gone wrong by its end."""
    events = folder / "events"
    events.mkdir()
    recorder, troubles = Recorder(str(events), "observer"), Troubles()
    sightings = Sightings(recorder, Add({"x": None, "y": None, "payload_bytes": 0}))
    polling = Polling(app, str(events), sightings, troubles, interval_s=0.0)
    paper = Paper(Site(folder, {}))
    sightings.watch([paper.tag])
    polling.watch(frozenset({paper.tag}))
    polling.open()
    yield Poll(app.backend, polling, sightings, troubles, paper, events)
    told = troubles.text()
    assert trouble in told if trouble else told == ""
    recorder.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Poll]:
    """One file per result."""
    (tmp_path / "results").mkdir()
    url = f"file://{tmp_path}/results"
    yield from poll(tmp_path, Celery(backend=url, set_as_current=False))


def test_a_file_that_is_being_written(files: Poll) -> None:
    """Empty, then a half, then whole: the whole one is what counts."""
    files.paper.published(0)
    assert files.round() == 0
    files.store(0)
    path = next(path for path in Path(files.backend.path.decode()).iterdir())
    whole = path.read_bytes()
    for part in (b"", b"", whole[:40], whole[:80]):
        path.write_bytes(part)
        assert files.round() == 0
    path.write_bytes(whole)
    assert files.round() == 1
    assert (files.outcomes(), files.sightings.undecodable) == ({0: Outcome.OK}, 0)


def test_what_stays_unreadable_is_wrong(files: Poll) -> None:
    files.paper.published(0)
    files.store(0)
    path = next(path for path in Path(files.backend.path.decode()).iterdir())
    path.write_bytes(b"no json")
    assert [files.round(), files.round()] == [0, 1]
    assert (files.outcomes(), files.sightings.undecodable) == ({0: Outcome.WRONG}, 1)


def test_results_in_order_are_seen_in_one_round(files: Poll) -> None:
    """Of 1500 outstanding the 700 oldest are there: batches are asked for while they bring any."""
    files.paper.published(*range(1500))
    for unit in range(700):
        files.store(unit)
    assert files.round() == 700


def test_results_out_of_order_are_seen_within_a_sweep(files: Poll) -> None:
    """Rounds look at the oldest 200 of 2000, and sweep over at least 200 more each. What was
    published later does not put the sweep off."""
    files.paper.published(*range(2000))
    assert files.round() == 0
    files.store(1999)
    for number in range(11):
        files.paper.published(2000 + number)
        files.round()
    assert files.outcomes() == {1999: Outcome.OK}
    assert files.polling.resolution_s > 0


def test_a_store_that_answers_with_a_mapping(tmp_path: Path) -> None:
    """Memcached's clients leave out what is not there."""
    app = Celery(backend="cache+memory://", set_as_current=False)
    for memory in poll(tmp_path, app):
        memory.paper.published(*range(5))
        memory.store(1)
        memory.store(3)
        assert memory.round() == 2
        assert memory.outcomes() == {1: Outcome.OK, 3: Outcome.OK}


def test_rows_of_a_database(tmp_path: Path) -> None:
    """In batches, over one connection; a row that breaks keeps nobody from the others."""
    app = Celery(backend=f"db+sqlite:///{tmp_path}/results.sqlite", set_as_current=False)
    for rows in poll(tmp_path, app):
        rows.paper.published(*range(1500))
        for unit in range(5, 60):
            rows.store(unit)
        failed = rows.paper.name(1, 0)
        rows.backend.store_result(failed, ValueError("no"), "FAILURE", "a traceback")
        rows.backend.store_result(rows.paper.name(2, 0), None, "STARTED")
        rows.store(3)
        with rows.backend.ResultSession() as session:
            broken = session.query(rows.backend.task_cls).filter_by(task_id=rows.paper.name(3, 0))
            broken.update({"result": b"no json"})
            session.commit()
        rows.round()
        assert rows.round() == 57  # the broken one has been looked at twice by now
        rows.store(2)  # the row is there already: another state, not another row
        assert rows.round() == 58
        ok = dict.fromkeys([2, *range(5, 60)], Outcome.OK)
        assert rows.outcomes() == ok | {1: Outcome.FAILED, 3: Outcome.WRONG}
        assert rows.sightings.undecodable == 1


class OneByOne(Backend):  # type: ignore[misc]  # Celery is untyped
    """A backend that maps no keys to values, like the database's; some results break it."""

    def __init__(self, app: Celery) -> None:
        super().__init__(app)
        self.held: dict[str, dict[str, Any]] = {}
        self.broken: set[str] = set()

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        if task_id in self.broken:
            raise ValueError("unpickling stack underflow")
        return self.held.get(task_id, {"status": "PENDING", "result": None})

    def _store_result(self, task_id: str, result: Any, state: str, *_: Any, **__: Any) -> None:
        self.held[task_id] = {"status": state, "result": result}


def test_a_server_that_goes_away_is_noted(tmp_path: Path) -> None:
    """Looks that fail are told, with what was seen before; polling goes on."""
    with valkey(tmp_path) as url:
        app = Celery(backend=url, set_as_current=False)
        for stored in poll(tmp_path, app, "the backend could not be asked: ConnectionError"):
            stored.paper.published(0, 1)
            stored.store(0)
            assert stored.round() == 1
            with redis.Redis.from_url(url) as owner:
                owner.shutdown(nosave=True)
            assert [stored.round(), stored.round()] == [1, 1]


def test_one_by_one(tmp_path: Path) -> None:
    """A result that cannot be had, while others can, is wrong at the second look; it keeps
    nobody from the others."""
    app = Celery(set_as_current=False)
    app._local.backend = OneByOne(app)
    for single in poll(tmp_path, app):
        single.paper.published(*range(60))
        single.backend.broken = {single.paper.name(0, 0)}
        for unit in range(1, 60):
            single.store(unit)
        rounds = [single.round() for _ in range(3)]
        assert rounds[-1] == 60
        assert single.outcomes() == {0: Outcome.WRONG} | dict.fromkeys(range(1, 60), Outcome.OK)
        assert single.sightings.undecodable == 1
