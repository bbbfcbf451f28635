"""What a block's record says of each queue and each group of workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.probe.recording.events import Limit, limits_in, queues_in, reception_position
from harness.results.block.by_group import with_costs
from harness.results.block.by_queue import with_depths
from harness.results.block.ledger import BlockEnd
from harness.results.events.merge import merge
from harness.results.events.routes import Routes
from harness.usage import Usage
from tests.results.block.divided_blocks import (
    CONFIG,
    FAST,
    FAST_CHILD,
    SLOW,
    SLOW_CHILD,
    Divided,
    starved,
    with_routes,
)


def test_each_queue_has_its_own_figures(tmp_path: Path) -> None:
    fields = starved(tmp_path).fields
    urgent, celery, reports = fields["by_queue"]
    assert (urgent.name, celery.name, reports.name) == ("urgent", "celery", "reports")
    assert (urgent.groups, celery.groups, reports.groups) == (("fast",), ("fast",), ("slow",))
    assert (urgent.published, urgent.received, urgent.completed) == (5, 5, 5)
    assert (celery.published, celery.throughput_per_s) == (0, 0)
    assert urgent.queue_s.max == pytest.approx(0.01)
    assert reports.queue_s.mean == pytest.approx(0.1)
    assert (reports.run_s.max, reports.dispatch_s.max) == pytest.approx((1.5, 0.1))
    assert fields["window_s"] == pytest.approx(9.701)
    assert urgent.throughput_per_s == pytest.approx(5 / 9.701)


def test_each_group_has_its_own_figures(tmp_path: Path) -> None:
    fields = starved(tmp_path).fields
    fast, slow = fields["by_group"]
    assert (fast.name, fast.workers, fast.slots, fast.queues) == (
        "fast", 2, 4, ("urgent", "celery"),
    )  # fmt: skip
    assert (slow.name, slow.workers, slow.slots, slow.queues) == ("slow", 1, 1, ("reports",))
    assert (fast.tasks, slow.tasks) == (5, 5)
    assert (fast.run_s.mean, slow.run_s.mean) == pytest.approx((0.01, 1.5))
    assert (fast.dispatch_s.max, slow.dispatch_s.max) == pytest.approx((0.01, 0.1))
    assert slow.busy_share == pytest.approx(7.5 / 9.701)
    assert fast.busy_share == pytest.approx(0.05 / (4 * 9.701))
    assert slow.tasks_per_s == pytest.approx(5 / 9.701)


def test_workers_number_queues_by_themselves(tmp_path: Path) -> None:
    """Two workers that share a queue have met it first and second."""
    block = Divided()
    block.done(0, 0.1, 0.2, 0.3, "urgent", FAST_CHILD)
    block.done(0, 0.1, 0.2, 0.3, "a name of more than sixteen bytes", FAST_CHILD)
    block.done(0, 0.1, 0.2, 0.3, "a name of more than sixteen bytes", SLOW_CHILD)
    block.done(0, 0.1, 0.2, 0.3, "urgent", SLOW_CHILD)
    published = {one.name: one.published for one in block.read(tmp_path).fields["by_queue"]}
    assert published["a name of more than sixteen bytes"] == 2
    assert published["urgent"] == 2


def test_what_nobody_received_is_in_the_queue_that_its_part_names(tmp_path: Path) -> None:
    block = Divided()
    block.done(0, 0.1, 0.2, 0.3, "urgent", FAST_CHILD)
    block.unit(0.1)
    found = {one.name: one for one in block.read(tmp_path, end=BlockEnd(1)).fields["by_queue"]}
    reports = found["reports"]
    assert (reports.published, reports.received, reports.outcomes.timed_out) == (1, 0, 1)
    assert found["urgent"].outcomes.ok == 1


def test_where_the_app_decides_units_go_where_others_of_their_part_came_from(
    tmp_path: Path,
) -> None:
    block = Divided()
    block.done(0, 0.1, 0.2, 0.3, "urgent", FAST_CHILD)
    block.done(0, 0.1, 0.2, 0.3, "exports", SLOW_CHILD)
    block.unit(0.1)
    block.unit(0.1)
    shape = with_routes({"queues": {"from_app": True}, "workers": CONFIG["workers"]}, None, None)
    found = block.read(tmp_path, shape).fields["by_queue"]
    published = {one.name: one.published for one in found}
    assert (published["urgent"], published["exports"], published["celery"]) == (2, 2, 0)
    assert {one.name: one.groups for one in found}["exports"] == ("slow",)


def test_a_task_that_ran_in_two_groups_counts_in_each(tmp_path: Path) -> None:
    """Begun in one, whose child died; delivered again to the other."""
    block = Divided()
    unit = block.unit(0)
    block.receive(unit, 0.1, "urgent", FAST)
    block.begin(unit, 0.2, FAST_CHILD)
    block.receive(unit, 1.0, "reports", SLOW)
    block.begin(unit, 1.1, SLOW_CHILD)
    block.end(unit, 1.5, SLOW_CHILD)
    block.see(unit, 1.6)
    result = block.read(tmp_path)
    fast, slow = result.fields["by_group"]
    assert (fast.tasks, slow.tasks) == (1, 1)
    assert (fast.run_s.count, slow.run_s.count) == (0, 1)
    assert slow.run_s.max == pytest.approx(0.4)
    urgent = result.fields["by_queue"][0]
    assert (urgent.name, urgent.published, urgent.duplicated) == ("urgent", 1, 1)


def test_one_queue_and_one_group_say_nothing(tmp_path: Path) -> None:
    """And cost nothing: the arrays are one shared zero."""
    block = Divided(groups={})
    unit = block.unit(0)
    block.receive(unit, 0.1)
    block.begin(unit, 0.2)
    block.end(unit, 0.3)
    block.see(unit, 0.4)
    shape = with_routes({"workers": {}, "worker": {"concurrency": 2}}, None, None)
    result = block.read(tmp_path, shape)
    assert (result.fields["by_queue"], result.fields["by_group"]) == ((), ())
    tasks = result.merged.tasks
    assert (tasks.queue.flags.writeable, tasks.group.flags.writeable) == (False, False)
    assert (tasks.queue.strides, tasks.group.strides) == ((0,), (0,))


def test_a_group_that_names_no_queue_consumes_all() -> None:
    config = {"worker": {"concurrency": 3}, "queues": {"urgent": {}, "reports": {"type": "quorum"}}}
    routes = Routes.of(config, ["urgent", None])
    assert routes.queues == ("urgent", "reports", "celery")
    assert routes.consumers("celery") == ("worker",)
    assert routes.groups[0].slots == 3
    named = Routes.of({"settings": {"task_default_queue": "main"}}, [None])
    assert named.queues == ("main",)


def test_depths_and_costs_are_laid_over(tmp_path: Path) -> None:
    fields = starved(tmp_path).fields
    looks = {"reports": [(0, 4), (1, 8), (2, 0)], "urgent": [(0, 0)]}
    left = {"reports": 3, "urgent": 0}
    urgent, celery, reports = with_depths(fields["by_queue"], looks, left, (0, 10))
    assert (reports.most_depth, reports.mean_depth, reports.left) == (8, 4, 3)
    assert (urgent.most_depth, urgent.left) == (0, 0)
    assert (celery.most_depth, celery.left) == (None, None)
    groups = with_costs(
        fields["by_group"], {"slow": Usage(10_000_000, 4096)}, [SLOW], {SLOW: "slow", FAST: "fast"}
    )
    assert [one.fallen for one in groups] == [0, 1]
    assert [one.cpu_ms_per_task for one in groups] == [None, 2.0]
    assert [one.peak_rss_bytes for one in groups] == [None, 4096]


def test_a_queue_that_nobody_has_is_none(tmp_path: Path) -> None:
    """`celery` beside the queues of an app whose default queue is another one."""
    urgent, celery, _ = starved(tmp_path).fields["by_queue"]
    ghost = celery.model_copy(update={"groups": (), "published": 0})
    kept = [urgent, ghost]
    assert with_depths(kept, {}, {"urgent": 0}, (0, 10)) == (urgent.model_copy(update={"left": 0}),)
    assert len(with_depths(kept, {}, {"urgent": 0, "celery": 4}, (0, 10))) == len(kept)
    assert len(with_depths(kept, {}, {}, (0, 10))) == len(kept)  # nobody looked


@pytest.mark.parametrize(
    ("lengths", "grew"),
    [
        ([0, 20, 40, 60, 80, 100], 20),
        ([0, 5, 4, 50, 48, 60, 70, 72, 90], 90 / 8),
        ([0, 20, 40, 60, 30, 100], None),
        ([100, 80, 60, 40, 20, 0], None),
        ([0, 1, 2, 3, 4, 5], None),
        ([0, 50, 100], None),
    ],
)
def test_a_queue_that_grew_all_the_time(
    tmp_path: Path, lengths: list[int], grew: float | None
) -> None:
    """Of looks while units were sent: it is emptied afterwards, which says nothing."""
    fields = starved(tmp_path).fields
    second = 10**9
    looks = [(number * second, length) for number, length in enumerate(lengths)]
    drained = [*looks, (len(looks) * second, 0)]
    sending = (0, (len(looks) - 1) * second)
    reports = with_depths(fields["by_queue"], {"reports": drained}, {}, sending)[2]
    assert reports.grew_per_s == (None if grew is None else pytest.approx(grew))


def test_positions_of_receptions_hold_limit_and_queue() -> None:
    for limit in (0, Limit.HARD, Limit.SOFT):
        for queue in (0, 1, 7, (1 << 14) - 1):
            position = reception_position(limit, queue)
            assert 0 <= position < 1 << 16
            assert (limits_in(position), queues_in(position)) == (limit, queue)


_QUEUES = ("urgent", "reports", "celery", "")


@st.composite
def _blocks(draw: st.DrawFn) -> Divided:
    """Up to thirty units: some never received, some cut, some run twice and elsewhere."""
    block = Divided()
    for number in range(draw(st.integers(1, 30))):
        unit = block.unit(number / 10)
        at_s = number / 10
        for _ in range(draw(st.integers(0, 2))):
            process = draw(st.sampled_from([FAST_CHILD, SLOW_CHILD]))
            worker = FAST if process == FAST_CHILD else SLOW
            at_s += draw(st.floats(0.001, 2.0))
            block.receive(unit, at_s, draw(st.sampled_from(_QUEUES)), worker)
            if draw(st.booleans()):
                block.begin(unit, at_s + 0.1, process)
                if draw(st.booleans()):
                    block.end(unit, at_s + 0.2, process)
                    block.see(unit, at_s + 0.3)
                    break
    return block


@settings(max_examples=40)
@given(block=_blocks())
def test_sums_are_those_of_the_block(
    block: Divided, tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = block.read(tmp_path_factory.mktemp("events"))
    fields = result.fields
    queues, groups = fields["by_queue"], fields["by_group"]
    assert sum(one.published for one in queues) == fields["units"]
    assert sum(one.duplicated for one in queues) == fields["duplicated"]
    assert sum(one.ended_as_meant for one in queues) == fields["outcomes"].ok
    assert sum(one.outcomes.total for one in queues) == fields["outcomes"].total
    assert sum(one.latency_s.count for one in queues) == fields["latency_s"].count
    assert sum(one.tasks for one in groups) == int(result.merged.tasks.executions.sum())
    assert sum(one.throughput_per_s or 0 for one in queues) == pytest.approx(
        fields["throughput_per_s"] or 0
    )
    timing = result.phases
    parts = sum(times for _, times in timing.by_name())
    assert np.array_equal(parts, timing.total_ns)


def test_what_is_read_does_not_hang_on_the_order_of_logs(tmp_path: Path) -> None:
    """A worker's log may come before or behind that of another which had the task first."""
    for number, first in enumerate((FAST, SLOW)):
        folder = tmp_path / str(number)
        folder.mkdir()
        block = Divided()
        unit = block.unit(0)
        other = SLOW if first == FAST else FAST
        block.receive(unit, 0.5, "reports", other)
        block.receive(unit, 0.1, "urgent", first)
        block.write(folder)
        merged = merge(folder, 1, grouped=False)
        assert merged.queues[merged.tasks.queue[0] - 1] == "urgent"
