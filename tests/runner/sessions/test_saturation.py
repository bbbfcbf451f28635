"""The search for saturation, on configurations whose capacity is known because it is made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.results.block.search_limits import broken_limits, stopped_by
from harness.results.record.distributions import Distribution, Outcomes
from harness.results.record.loads import LoadPhaseRecord
from harness.runner.sessions.search import Search, Tried, confirmed, highest_kept, lowest_broken


def walk(search: Search, keeps: Callable[[float, int], bool]) -> list[Tried]:
    tried: list[Tried] = []
    while (rate := search.next(tried)) is not None:
        tried.append(Tried(rate, keeps(rate, len(tried))))
        assert len(tried) < 80, "the search does not end"
    return tried


@given(st.floats(1.0, 50_000), st.floats(1.0, 5_000), st.sampled_from([0.02, 0.05, 0.2]))
def test_finds_a_capacity_that_is_always_the_same(
    capacity: float, start: float, precision: float
) -> None:
    tried = walk(Search(start, 1e6, precision), lambda rate, _: rate <= capacity)
    found, broken = highest_kept(tried), lowest_broken(tried)
    assert found is not None
    assert broken is not None
    assert found <= capacity < broken
    # Rates are rounded to three digits, so a gap cannot get smaller than one of them.
    assert broken / found <= 1 + max(precision, 0.011)
    assert confirmed(tried)


@given(st.lists(st.booleans(), min_size=80, max_size=80))
def test_ends_whatever_happens(luck: list[bool]) -> None:
    """Even where chance decides each step: what it then says was kept, and never broken."""
    tried = walk(Search(50, 10_000, 0.05), lambda _, step: luck[step])
    found = highest_kept(tried)
    if found is not None:
        for rate in {step.rate_per_s for step in tried}:
            kept = [step.kept for step in tried if step.rate_per_s == rate]
            assert len(kept) <= 3
            if rate <= found:
                assert 2 * sum(kept) > len(kept), "it kept the limits more often than not"


@given(st.floats(20.0, 5_000), st.integers(0, 30))
def test_one_disturbed_step_changes_nothing(capacity: float, disturbed: int) -> None:
    """A stall of the machine in any one step, and the search ends where it would have ended."""
    search = Search(10, 1e6, 0.05)
    quiet = walk(search, lambda rate, _: rate <= capacity)
    shaken = walk(search, lambda rate, step: rate <= capacity and step != disturbed)
    assert highest_kept(shaken) == highest_kept(quiet)
    assert lowest_broken(shaken) == lowest_broken(quiet)
    assert confirmed(shaken)


def test_a_lucky_step_is_found_out() -> None:
    """The rate kept its limits once; at two more tries it does not, and a lower one is sought."""
    seen: list[float] = []

    def keeps(rate: float, _: int) -> bool:
        seen.append(rate)
        return rate <= 300 or (rate <= 400 and seen.count(rate) == 1)

    found = highest_kept(walk(Search(100, 1e6, 0.05), keeps))
    assert found is not None
    assert found <= 300
    assert found >= 300 / 1.06


def test_stops_at_the_highest_rate_that_may_be_tried() -> None:
    tried = walk(Search(50, 330, 0.05), lambda *_: True)
    assert [step.rate_per_s for step in tried] == [50, 100, 200, 330, 330]


def test_gives_up_where_nothing_is_slow_enough() -> None:
    tried = walk(Search(50, 1000, 0.05), lambda *_: False)
    assert highest_kept(tried) is None
    assert tried[-1].rate_per_s < 0.2


def step(**changes: object) -> LoadPhaseRecord:
    fields: dict[str, object] = {
        "phase": "search",
        "counted": False,
        "begin_s": 0.0,
        "duration_s": 5.0,
        "rate_per_s": 200.0,
        "to_per_s": 200.0,
        "planned": 1000,
        "sent": 1000,
        "sent_in_time": 1000,
        "completed": 1000,
        "completed_per_s": 199.0,
        "latency_s": Distribution(count=1000, p50=0.01, p99=0.2),
        "phases_s": {"queue": Distribution(count=1000, mean=0.004)},
        "outcomes": Outcomes(ok=1000),
    }
    return LoadPhaseRecord.model_validate(fields | changes)


LIMITS = ("p99(latency.total) < 250ms", "mean(phase.queue) < 5ms", "throughput > 100")


@pytest.mark.parametrize(
    ("phase", "under_way", "duplicated", "broken"),
    [
        (step(), (5.0, 25.0), 0, ()),
        (step(), (5.0, 26.0), 0, ("growth",)),
        (step(), (30.0, 59.0), 0, ()),
        (step(), (30.0, 91.0), 0, ("growth",)),
        (step(), (91.0, 30.0), 0, ()),
        (step(planned=100, sent=100, completed=100, outcomes=Outcomes(ok=100)), (1.0, 4.0), 0, ()),
        (
            step(planned=100, sent=100, completed=100, outcomes=Outcomes(ok=100)),
            (1.0, 4.1),
            0,
            ("growth",),
        ),
        (step(), (1.0, 1.0), 1, ("loss",)),
        (step(completed=999, outcomes=Outcomes(ok=999, lost=1)), (1.0, 1.0), 0, ("loss",)),
        (step(client_limited=True), (1.0, 1.0), 0, ("client",)),
        (step(planned=1100, unsent=100), (1.0, 1.0), 0, ("client",)),
        (step(latency_s=Distribution(count=1, p99=0.25)), (1.0, 1.0), 0, LIMITS[:1]),
        (step(latency_s=Distribution(count=0)), (1.0, 1.0), 0, LIMITS[:1]),
        (step(phases_s={"queue": Distribution(count=1, mean=0.005)}), (1.0, 1.0), 0, LIMITS[1:2]),
        (step(completed_per_s=100.0), (1.0, 1.0), 0, LIMITS[2:]),
    ],
)
def test_limits(
    phase: LoadPhaseRecord,
    under_way: tuple[float, float],
    duplicated: int,
    broken: tuple[str, ...],
) -> None:
    assert broken_limits(LIMITS, phase, under_way, duplicated) == broken


@pytest.mark.parametrize(
    ("broken", "busiest", "machine", "slots", "reason"),
    [
        (("client",), {"broker": 0.99}, 0.99, 0.99, "client"),
        (("growth",), {"broker": 0.9, "workers": 0.6}, 0.99, 0.1, "broker"),
        (("growth",), {"broker": 0.9, "workers": 0.95}, 0.99, 0.1, "workers"),
        (("growth",), {"client": 0.99}, 0.5, 0.95, "slots"),
        (("growth",), {"workers": 0.5}, 0.8, 0.1, "machine"),
        (("growth",), {"workers": 0.5}, 0.79, 0.1, "limit"),
        (LIMITS[:1], {"workers": 0.5}, 0.4, 0.1, "limit"),
        (("loss",), {"workers": 0.5}, 0.4, 0.1, "loss"),
        (LIMITS[:1], {}, None, None, "limit"),
    ],
)
def test_what_stopped_it(
    broken: tuple[str, ...],
    busiest: dict[str, float],
    machine: float | None,
    slots: float | None,
    reason: str,
) -> None:
    assert stopped_by(broken, busiest, machine, slots) == reason
