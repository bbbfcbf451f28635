"""Distributions by name, as `harness history --metric` asks for them."""

from __future__ import annotations

import pytest

from harness.results.judge.named_metrics import metric_named, unit_of
from harness.results.record.distributions import Distribution
from harness.results.record.periodic import Periodic
from harness.results.record.run import BlockRecord
from harness.results.samples.spreads import SPREADS, spread_of

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
    assert (unit_of(metric), metric.more_is_better) == ("s", False)


@pytest.mark.parametrize("name", SPREADS)
def test_a_block_without_it(name: str) -> None:
    plain = BlockRecord(number=0, cell=0, repetition=0, status="complete", started_at="")
    kept = plain.model_copy(update={"periodic": Periodic(entries=1)})
    assert spread_of(plain, name) == (Distribution(count=0) if name == "latency.total" else None)
    assert (spread_of(kept, name) is not None) is name.startswith(("latency.", "periodic."))
