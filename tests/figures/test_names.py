"""Distributions by name, as `harness history --metric` asks for them."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.figures.figure import Figure
from harness.figures.table import FIGURES
from harness.results.judge.metrics import metric_named
from harness.results.record.computed import COMPUTED
from harness.results.record.distributions import Distribution
from harness.results.record.figures import distribution_of, value_of
from harness.results.record.periodic import Periodic
from harness.results.record.run import BlockRecord

BLOCK = BlockRecord(
    number=0,
    cell=0,
    repetition=0,
    status="complete",
    started_at="",
    latency_s=Distribution(count=1, p99=1.0),
    phases_s={"queue": Distribution(count=1, p99=2.0)},
    calls_s={"store_call": Distribution(count=1, p99=3.0)},
    canvas_s={"join_delay": Distribution(count=1, p99=4.0)},
    tracking_s={"learned_late": Distribution(count=1, p99=5.0)},
    periodic=Periodic(entries=1, due_to_sent_s=Distribution(count=1, p99=6.0)),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latency.total.p99", 1.0),
        ("phase.queue.p99", 2.0),
        ("call.store.p99", 3.0),
        ("call.publish.p99", None),
        ("canvas.join_delay.p99", 4.0),
        ("canvas.hop.p99", None),
        ("tracking.learned_late.p99", 5.0),
        ("tracking.started_late.mean", None),
        ("periodic.due_to_sent.p99", 6.0),
        ("periodic.due_to_tick.p99", None),
    ],
)
def test_a_distribution_by_name(name: str, value: float | None) -> None:
    metric = metric_named(name)
    assert metric.figure(BLOCK) == value
    assert (metric.unit, metric.more_is_better) == ("s", False)


@pytest.mark.parametrize("row", [row for row in FIGURES if not row.many], ids=lambda row: row.name)
def test_a_block_without_it(row: Figure) -> None:
    """Every path leads somewhere in a record, or to nothing; never into an error."""
    plain = BlockRecord(number=0, cell=0, repetition=0, status="complete", started_at="")
    kept = plain.model_copy(update={"periodic": Periodic(entries=1)})
    if row.distribution:
        empty = row.name in ("latency.total", "lateness", "task_cpu")
        assert distribution_of(plain, row) == (Distribution(count=0) if empty else None)
        assert (distribution_of(kept, row) is not None) is (
            empty or row.name.startswith("periodic.")
        )
    else:
        assert value_of(plain, row) in (None, 0, 1)
        assert row.field or row.name in COMPUTED


def test_what_is_computed_has_a_row() -> None:
    assert {row.name for row in FIGURES if not row.field} == set(COMPUTED)


def test_names_are_unique_whatever_they_are_for() -> None:
    names = [*(row.name for row in FIGURES), *(name for row in FIGURES for name in row.was)]
    columns = [name for row in FIGURES for name, _ in row.columns()]
    assert len(names) == len(set(names))
    assert len(columns) == len(set(columns))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tasks", "throughput.tasks"),
        ("publish_rate", "throughput.publish"),
        ("worker_rss", "worker_memory"),
        ("client_rss", "client_memory"),
        ("broker_rss", "broker_memory"),
    ],
)
def test_a_name_of_older_versions_is_answered(old: str, new: str) -> None:
    """History's own names, until gates and it had one list."""
    assert metric_named(old) == metric_named(new)
    assert metric_named(old).name == new


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("throughputs", 'no metric "throughputs" (did you mean "throughput"?)'),
        ("canvas.hop.p98", 'no metric "canvas.hop.p98" (did you mean "canvas.hop.p99"?)'),
        ("canvas.hop", "canvas.hop is a distribution: ask for canvas.hop.p99"),
        ("traffic.", 'no metric "traffic."'),
        ("worker_cpu.p99", 'no metric "worker_cpu.p99"'),
        ("qqqq", 'no metric "qqqq"; harness list metrics names all there are'),
    ],
)
def test_what_is_no_metric(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        metric_named(name)
    assert message in str(caught.value)
