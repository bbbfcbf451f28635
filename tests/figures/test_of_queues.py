"""Figures of one queue, or one group of workers: one name in gates, histories and lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.figures.names import asked
from harness.figures.table import FIGURES, OF_ONE_ONLY
from harness.results.judge.gates import MeasuredRun, evaluate
from harness.results.judge.metrics import metric_named
from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.queues_and_groups import GroupRecord, QueueRecord
from harness.results.record.run import BlockRecord
from harness.results.store.catalog import StoredRun
from harness.results.store.views import BY_GROUP, BY_QUEUE, group_rows, queue_rows
from harness.scenario.models.gate_tokens import GateSyntaxError
from harness.scenario.models.gates import parse_gate
from tests.report.made.records import block, cell, run, spread_around, write_units

MS = 1_000_000
URGENT = QueueRecord(
    name="urgent",
    groups=("fast",),
    published=900,
    received=898,
    completed=897,
    throughput_per_s=90.0,
    latency_s=spread_around(0.02, 897),
    queue_s=spread_around(0.004, 897),
    outcomes=Outcomes(ok=897, lost=3),
    most_depth=40,
    mean_depth=2.5,
    left=2,
)
REPORTS = QueueRecord(name="reports", published=100, most_depth=7, left=0)
FAST = GroupRecord(
    name="fast", workers=2, slots=8, queues=("urgent",), tasks=900, tasks_per_s=90.5,
    run_s=spread_around(0.02, 900), busy_share=0.25, cpu_ms_per_task=1.5,
    peak_rss_bytes=1 << 27, fallen=1,
)  # fmt: skip


def divided(number: int, **changes: Any) -> BlockRecord:
    return block(number, 0, by_queue=(URGENT, REPORTS), by_group=(FAST,), **changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("throughput(queue=urgent)", 90.0),
        ("units(queue=urgent)", 900),
        ("received(queue=urgent)", 898),
        ("lost(queue=urgent)", 3),
        ("p50(latency.total, queue=urgent)", 0.02),
        ("phase.queue.p50(queue=urgent)", 0.004),
        ("depth.max(queue=urgent)", 40),
        ("max(depth, queue=urgent)", 40),
        ("mean(depth, queue=urgent)", 2.5),
        ("depth.left(queue=urgent)", 2),
        ("depth.mean(queue=reports)", None),
        ("throughput.tasks(group=fast)", 90.5),
        ("p50(phase.run, group=fast)", 0.02),
        ("busy_share(group=fast)", 0.25),
        ("worker_cpu(group=fast)", 1.5),
        ("worker_memory(group=fast)", 1 << 27),
        ("fallen_workers(group=fast)", 1),
        ("executions(group=fast)", 900),
        ("executions(group=slow)", None),
    ],
)
def test_of_one(name: str, value: float | None) -> None:
    metric = metric_named(name)
    assert metric.figure(divided(0)) == (None if value is None else pytest.approx(value))
    again = metric_named(metric.name)
    assert (again, again.name) == (metric, metric.name)


def test_every_figure_is_read_as_it_is_written() -> None:
    for row in (*FIGURES, *OF_ONE_ONLY):
        for within in ("task", "part", "queue", "group"):
            if row.path_within(within) and not row.many:
                words = f"{row.name}({within}=a)"
                found = asked(f"p99({row.name}, {within}=a)" if row.distribution else words)
                assert found is not None, words
                assert asked(found.name) == found


def test_what_only_one_has_is_no_figure_of_a_block() -> None:
    for name in (
        "busy_share",
        "depth.max",
        "max(depth)",
        "depth.left(task=a)",
        "received(group=a)",
    ):
        with pytest.raises(UsageError):
            metric_named(name)
    with pytest.raises(UsageError, match=r"ask for busy_share\(group=NAME\)"):
        metric_named("busy_share")


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("busy_share > 0.5", 0, "busy_share is a figure of one only: write busy_share(group=NAME)"),
        ("max(depth) < 5", 0, "depth.max is a figure of one only: write depth.max(queue=NAME)"),
        ("lost(group=fast) == 0", 0, "lost is no figure of a single group: throughput.tasks, "),
        ("depth.max(queue=) < 5", 10, "queue= needs a name behind it: queue=NAME"),
        ("p99(latency.total, part= ) < 5", 19, "part= needs a name behind it: part=NAME"),
    ],
)
def test_gates_that_ask_for_what_there_is_not(text: str, column: int, told: str) -> None:
    with pytest.raises(GateSyntaxError) as caught:
        parse_gate(text)
    assert str(caught.value).startswith(told)
    assert caught.value.column == column


def test_percentiles_of_a_queue_are_of_its_own_samples(tmp_path: Path) -> None:
    """Of all blocks together, and of no other queue."""
    blocks = []
    for number in (0, 1):
        totals = [n * MS * (1 if n % 2 else 100) for n in range(1, 101)]
        write_units(tmp_path, number, totals, tasks=("urgent", "reports"))
        halves = {"latency_s": Distribution(count=50, p99=1.0)}
        queues = [one.model_copy(update=halves) for one in (URGENT, REPORTS)]
        blocks.append(block(number, 0, by_queue=tuple(queues)))
    record = run(cell("redis/mix/rate-100", *blocks))
    for queue, value in (("urgent", 0.099), ("reports", 10.0)):
        text = f"p99(latency.total, queue={queue}) < 50ms"
        [found] = evaluate([text], MeasuredRun(record, tmp_path))
        assert found.value == pytest.approx(value)


def test_tables_of_sql_have_them(tmp_path: Path) -> None:
    stored = StoredRun(tmp_path, run(cell("redis/mix/rate-100", divided(3)), order=(0,)))
    urgent, reports = queue_rows(stored)
    assert (urgent["block"], urgent["queue"], urgent["groups"]) == (3, "urgent", ("fast",))
    assert (urgent["lost"], urgent["most_depth"], urgent["queue_s"]["p50"]) == (3, 40, 0.004)
    assert (reports["received"], reports["throughput_per_s"]) == (0, None)
    [fast] = group_rows(stored)
    assert (fast["worker_group"], fast["slots"], fast["busy_share"]) == ("fast", 8, 0.25)
    assert set(urgent) == {column.name for column in BY_QUEUE}
    assert set(fast) == {column.name for column in BY_GROUP}
    names = [column.name for table in (BY_QUEUE, BY_GROUP) for column in table]
    assert all(names)


def test_gates_on_one_queue_and_one_group(tmp_path: Path) -> None:
    record = run(cell("redis/mix/rate-100", divided(0)), cell("redis/add/closed-8", block(1, 1)))
    for text, value, passed in (
        ("p50(latency.total, queue=urgent) < 200ms", 0.02, True),
        ("max(depth, queue=urgent) < 30", 40.0, False),
        ("busy_share(group=fast) < 50%", 0.25, True),
        ("lost(queue=urgent) == 0", 3.0, False),
        ("worker_cpu(group=fast) < 1ms", 0.0015, False),
    ):
        of_queues, of_add = evaluate([text], MeasuredRun(record, tmp_path))
        assert (of_queues.value, of_queues.passed) == (value, passed), text
        assert of_add.passed is None
        assert "this cell has no" in of_add.reason
