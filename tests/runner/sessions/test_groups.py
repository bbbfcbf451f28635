"""Groups of workers as processes: who is started how, who fell, whose figures are whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.crew.beat import BeatFiles
from harness.crew.workers import Group, Workers, command_line, numbered
from harness.runner.sessions.starting import groups_with_beat
from harness.scenario.models.configuration import Worker
from harness.usage import Usage
from tests.runner.stand_ins import stand_ins
from tests.scenario.project import CONFIGURATION, make_project

GROUPS = {
    "fast": Worker(queues=("urgent", "celery"), pool="threads", concurrency=8, count=2),
    "slow": Worker(queues=("reports",), concurrency=3, options=("--without-gossip",)),
}


def test_a_worker_is_told_what_it_consumes() -> None:
    fast, slow = (command_line(group, "name")[5:] for group in GROUPS.values())
    own = ["worker", "--hostname", "name@%h", "--pool"]
    assert fast == [*own, "threads", "--concurrency", "8", "--queues", "urgent,celery"]
    assert slow == [
        *(*own, "prefork", "--concurrency", "3", "--queues", "reports", "--without-gossip")
    ]
    assert "--queues" not in command_line(Worker(), "name")


def test_groups_count_their_workers_together() -> None:
    fast, slow = numbered(GROUPS)
    assert (list(fast.numbers), fast.slots, fast.pool_processes) == ([1, 2], 16, 2)
    assert (list(slow.numbers), slow.slots, slow.pool_processes) == ([3], 3, 3)
    least = Worker(options=("--autoscale=5,2",), concurrency=5)
    (grows,) = numbered({"worker": least})
    assert (grows.slots, grows.pool_processes) == (5, 2)


def named(groups: tuple[Group, ...]) -> list[str]:
    return [group.name for group in groups]


def test_one_group_falls_after_the_other(tmp_path: Path) -> None:
    used = {"fast": Usage(5, 6), "slow": Usage(7, 8)}
    with stand_ins(tmp_path, GROUPS) as workers:
        assert workers.seen(used).used == used
        workers.process(3).kill()
        workers.note_fallen()
        assert (named(workers.fallen_groups), workers.all_fell) == (["slow"], False)
        (fall,) = workers.fallen
        assert fall.said == "worker3 of group slow ended with exit code -9 (SIGKILL)"
        seen = workers.seen(used)
        assert (seen.used, seen.fallen) == ({"fast": used["fast"]}, ("slow",))
        assert (seen.group_of[fall.pid], len(seen.group_of)) == ("slow", 3)
        workers.process(1).kill()
        workers.note_fallen()
        assert (named(workers.fallen_groups), workers.all_fell) == (["slow"], False)
        workers.process(2).kill()
        workers.note_fallen()
        assert (named(workers.fallen_groups), workers.all_fell) == (["fast", "slow"], True)
        assert workers.seen(used).used == {}


def test_faults_find_a_worker_by_its_group(tmp_path: Path) -> None:
    with stand_ins(tmp_path, GROUPS) as workers:
        assert [workers.number("fast", 2), workers.number("slow", 1)] == [2, 3]
        assert workers.number(None, 3) == 3
        workers.kill(workers.number("slow", 1))
        workers.note_fallen()
        assert (workers.fallen, workers.fallen_groups) == ((), ())  # it was meant
        old, new = workers.process(3).pid, workers.restart(3).pid
        seen = workers.seen({"fast": Usage(1, 2), "slow": Usage(3, 4)})
        assert seen.used == {"fast": Usage(1, 2)}  # nobody knows what the old one had used
        assert (seen.group_of[old], seen.group_of[new]) == ("slow", "slow")


def test_usage_is_told_by_group(tmp_path: Path) -> None:
    with stand_ins(tmp_path, {"a": Worker(queues=("x",)), "b": Worker(queues=("y",))}) as workers:
        before = workers.usage()
        assert list(before) == ["a", "b"]
        assert all(one.peak_rss_bytes > 0 for one in before.values())
        workers.process(2).kill()
        after = workers.usage()
        assert after["b"] == Usage(0, 0)
        assert after["a"].cpu_ns >= before["a"].cpu_ns > 0


@pytest.mark.parametrize("groups", [{"worker": Worker()}, {"only": Worker(queues=("q",))}])
def test_where_there_is_one_group_nobody_is_told_of_it(
    tmp_path: Path, groups: Mapping[str, Worker]
) -> None:
    with stand_ins(tmp_path, groups) as workers:
        workers.process(1).kill()
        workers.note_fallen()
        (fall,) = workers.fallen
        assert fall.said == "worker1 ended with exit code -9 (SIGKILL)"


def test_a_pool_that_sizes_itself_is_as_large_as_its_worker_says() -> None:
    """Which a worker kept to other cores alone knows; where a number was given, that holds."""
    asked = {
        "wide": Worker(concurrency="auto", count=2, queues=("a",)),
        "two": Worker(concurrency=2, queues=("b",)),
    }
    workers = Workers([], numbered(asked), Path("over"))
    workers.sized({"wide": 7, "two": 9})
    assert [(one.slots, one.pool_processes) for one in workers.groups] == [(14, 14), (2, 2)]
    only = Workers([], numbered({"worker": Worker(concurrency="auto")}), Path("over"))
    only.sized({"": 5})
    assert only.slots == 5


def test_beat_goes_into_the_worker_of_the_first_group(tmp_path: Path) -> None:
    """Every worker with -B would fire the whole schedule."""
    project = make_project(tmp_path)
    two = "workers: {a: {queues: [celery]}, b: {queues: [celery], count: 2, options: [-E]}}\n"
    project.configuration(CONFIGURATION + two)
    project.change("workloads: [{workload: periodic, every: 1s, through: worker}]")
    project.change("loads: [schedule]")
    project.change("measure: {duration: 9s}")
    (cell,) = project.plan().cells
    files = BeatFiles.in_folder(tmp_path, 0)
    first, second = groups_with_beat(cell, files).values()
    assert first.options == ("--beat", *files.options())
    assert second == cell.configuration.groups["b"]
    assert groups_with_beat(cell, None) == cell.configuration.groups
