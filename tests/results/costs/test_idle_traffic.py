"""What went by while nothing happened to any task, from made counters and event logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.probe.recording.events import NO_ID, Kind
from harness.probe.recording.recorder import Recorder
from harness.results.costs.idle_traffic import CountersAt, idle_traffic
from harness.results.events.merge import merge
from tests.results.events.histories import ident_of

MS = 1_000_000
SPAN = (0, 60_000 * MS)


def looks(*figures: tuple[int, dict[str, int]]) -> list[CountersAt]:
    """By their times in ms; each took 2 ms."""
    return [CountersAt((at - 1) * MS, (at + 1) * MS, counted) for at, counted in figures]


def polling(*times_ms: int, commands: int = 2) -> list[CountersAt]:
    """Counters that grow by so much from look to look, half of it brpop."""
    return looks(
        *(
            (at, {"commands": n * commands, "command.brpop": n * commands // 2, "bytes_in": n * 50})
            for n, at in enumerate(times_ms)
        )
    )


def logged(folder: Path, *events: tuple[Kind, int]) -> Path:
    """A log of a worker with these kinds at these times in ms."""
    recorder = Recorder(str(folder), "worker")
    for kind, at in events:
        recorder.record(kind, ident_of(0, 0), at * MS)
    recorder.close()
    return folder


TASK = ((Kind.RECEIVED, 1100), (Kind.STARTED, 1110), (Kind.FINISHED, 3100), (Kind.STORED, 3110))


def test_only_between_looks_without_a_task(tmp_path: Path) -> None:
    """Four of six: a task's stamps lie in two."""
    folder = logged(tmp_path, *TASK)
    found = idle_traffic(folder, {"redis": polling(0, 1000, 2000, 3000, 4000, 5000, 6000)}, SPAN)
    assert found == {
        "redis.commands": 8.0,
        "redis.command.brpop": 4.0,
        "redis.bytes_in": 200.0,
    }


def test_a_stamp_while_counters_are_read_is_in_neither(tmp_path: Path) -> None:
    folder = logged(tmp_path, (Kind.SEEN, 2000))
    found = idle_traffic(folder, {"redis": polling(0, 1000, 2000, 3000, 4000)}, SPAN)
    assert found["redis.commands"] == 4.0


@pytest.mark.parametrize("kind", [Kind.HEARTBEAT, Kind.GOSSIP, Kind.REQUEST, Kind.ANSWER])
def test_heartbeats_are_idling(tmp_path: Path, kind: Kind) -> None:
    folder = logged(tmp_path, (kind, 500))
    assert idle_traffic(folder, {"redis": polling(0, 1000)}, SPAN)["redis.commands"] == 2.0


def test_what_no_stamp_tells_of_is_work_if_it_is_much(tmp_path: Path) -> None:
    """A server that is asked a hundred times a second does not idle."""
    folder = logged(tmp_path, (Kind.SEEN, 50_000))
    assert idle_traffic(folder, {"redis": polling(0, 1000, commands=100)}, SPAN) == {}
    assert idle_traffic(folder, {"redis": polling(0, 1000, commands=98)}, SPAN) != {}


def test_a_server_that_was_started_again(tmp_path: Path) -> None:
    folder = logged(tmp_path, (Kind.SEEN, 50_000))
    some = looks((0, {"commands": 90}), (1000, {"commands": 3}), (2000, {"commands": 5}))
    assert idle_traffic(folder, {"redis": some}, SPAN) == {"redis.commands": 2.0}


def test_while_a_users_own_task_runs_nobody_idles(tmp_path: Path) -> None:
    """Its code may ask the same server: for a state that it sets, a lock, a result."""
    recorder = Recorder(str(tmp_path), "client")
    recorder.record(Kind.MEASURE_BEGIN, NO_ID, 1)
    recorder.record(Kind.PUBLISH, ident_of(0, 0), 1000 * MS, 0)
    recorder.close()
    folder = logged(tmp_path, *TASK)
    running = merge(folder, 1, grouped=False)
    some = {"redis": polling(*range(0, 7000, 500))}
    assert idle_traffic(folder, some, SPAN)["redis.commands"] == 2.0 * 9
    assert idle_traffic(folder, some, SPAN, running)["redis.commands"] == 2.0 * 6


def test_nothing_was_looked_at(tmp_path: Path) -> None:
    assert idle_traffic(tmp_path, {}, SPAN) == {}
    assert idle_traffic(tmp_path, {"redis": polling(0)}, SPAN) == {}
