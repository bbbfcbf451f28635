"""Figures of canvas and tracking by name, as `harness history --metric` asks for them."""

from __future__ import annotations

import pytest

from harness.results.figures import Distribution
from harness.results.named_metrics import metric_named, unit_of
from harness.results.record import BlockRecord

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
    ],
)
def test_a_distribution_by_name(name: str, value: float | None) -> None:
    metric = metric_named(name)
    assert metric.figure(BLOCK) == value
    assert (unit_of(metric), metric.more_is_better) == ("s", False)
