"""The pacer is pure: a fake clock tells it the time, and nothing else decides what is due."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.loads.pacer import Arrival, Pacer, Phase, arrivals, phases_of, share

RATES = st.floats(0.5, 400)
PHASES = st.lists(
    st.one_of(
        st.builds(lambda d, r: Phase("steady", d, r, r), st.floats(0.05, 4), RATES),
        st.builds(lambda d, r, to: Phase("ramp", d, r, to), st.floats(0.05, 4), RATES, RATES),
        st.builds(lambda d: Phase("drain", d, 0.0, 0.0), st.floats(0.05, 4)),
    ),
    min_size=1,
    max_size=4,
)
KINDS = st.sampled_from(["constant", "poisson"])


def begins(phases: list[Phase]) -> list[float]:
    return [sum(phase.duration_s for phase in phases[:index]) for index in range(len(phases))]


@given(PHASES, KINDS, st.integers(0, 2**31))
def test_arrivals_are_in_order_and_inside_their_phase(
    phases: list[Phase], kind: str, seed: int
) -> None:
    planned = list(arrivals(phases, kind, seed))
    assert [a.offset_ns for a in planned] == sorted(a.offset_ns for a in planned)
    begin_s = begins(phases)
    for offset_ns, index in planned:
        assert begin_s[index] * 1e9 - 1 <= offset_ns
        assert offset_ns <= (begin_s[index] + phases[index].duration_s) * 1e9 + 1
    assert planned == list(arrivals(phases, kind, seed))


@given(PHASES)
def test_an_even_phase_is_due_as_often_as_its_rate_says(phases: list[Phase]) -> None:
    """Whatever the rate does: as many arrivals as the integral of the rate, the first at once."""
    planned = list(arrivals(phases, "constant", 0))
    for index, phase in enumerate(phases):
        mine = [a for a in planned if a.phase == index]
        assert abs(len(mine) - phase.integral) <= 1
        if mine:
            assert mine[0].offset_ns == round(begins(phases)[index] * 1e9)


def test_a_constant_rate_is_exact() -> None:
    planned = list(arrivals([Phase("steady", 10.0, 100.0, 100.0)], "constant", 0))
    assert [a.offset_ns for a in planned] == [k * 10_000_000 for k in range(1000)]


def test_a_ramp_gets_denser_as_its_integral_says() -> None:
    """From 0.. by v^2 = 2as: the k-th arrival of a ramp from 10 to 30 in 2 s is at N(t) = k."""
    ramp = Phase("ramp", 2.0, 10.0, 30.0)
    planned = list(arrivals([ramp], "constant", 0))
    assert len(planned) == 40
    for k, arrival in enumerate(planned):
        t = arrival.offset_ns / 1e9
        assert 10 * t + 5 * t * t == pytest.approx(k, abs=1e-6)


def test_poisson_arrivals_have_the_spread_of_a_poisson_process() -> None:
    """Counts per interval: mean and variance are both the rate; gaps are exponential."""
    planned = list(arrivals([Phase("steady", 400.0, 50.0, 50.0)], "poisson", 7))
    counts = [0] * 400
    for offset_ns, _ in planned:
        counts[offset_ns // 1_000_000_000] += 1
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    assert mean == pytest.approx(50, rel=0.03)
    assert variance / mean == pytest.approx(1, abs=0.25)
    gaps = [b.offset_ns - a.offset_ns for a, b in itertools.pairwise(planned)]
    longer_than_mean = sum(gap > 20_000_000 for gap in gaps) / len(gaps)
    assert longer_than_mean == pytest.approx(math.exp(-1), abs=0.02)


@given(PHASES, KINDS, st.integers(1, 5), st.integers(0, 99))
def test_clients_share_one_plan(phases: list[Phase], kind: str, clients: int, seed: int) -> None:
    """Together they send every arrival once, and at the moments of one client alone."""
    parts = [
        list(share(arrivals(phases, kind, seed), number, clients)) for number in range(clients)
    ]
    together = sorted(arrival for part in parts for arrival in part)
    assert together == sorted(arrivals(phases, kind, seed))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(PHASES, KINDS, st.lists(st.integers(0, 3_000_000_000), max_size=60), st.integers(1, 500))
def test_real_time_is_credited(
    phases: list[Phase], kind: str, naps_ns: list[int], most: int
) -> None:
    """However irregularly it is asked, by then every arrival due has been handed out, if asked
    for enough of them, and none that was not due; waiting for what it says makes one due."""
    planned = list(arrivals(phases, kind, 3))
    pacer, taken, now_ns = Pacer(planned), [], 0
    for nap_ns in naps_ns:
        now_ns += nap_ns
        got = pacer.take(now_ns, most)
        taken += got
        assert len(got) <= most
        assert all(arrival.offset_ns <= now_ns for arrival in got)
        due = sum(arrival.offset_ns <= now_ns for arrival in planned)
        if len(got) < most:
            assert len(taken) == due
        wait_ns = pacer.wait_ns(now_ns)
        if len(taken) == len(planned):
            assert wait_ns is None
        elif len(taken) < due:
            assert wait_ns == 0
        else:
            assert wait_ns == planned[len(taken)].offset_ns - now_ns
    assert taken == planned[: len(taken)]
    assert pacer.taken == len(taken)
    assert sum(pacer.drop().values()) == len(planned) - len(taken)
    assert pacer.wait_ns(now_ns) is None


def test_a_late_generator_catches_up() -> None:
    """Producers that credit nominal ticks instead of time send 18-22 % too little."""
    pacer = Pacer(arrivals([Phase("steady", 1.0, 1000.0, 1000.0)], "constant", 0))
    now_ns, sent = 0, 0
    while pacer.wait_ns(now_ns) is not None:
        sent += len(pacer.take(now_ns))
        now_ns += 1_300_000 if sent % 2 else 500_000  # a call of 0.5 ms, or of 1.3 ms
    assert sent == 1000
    assert now_ns == pytest.approx(1e9, rel=0.02)


def test_what_is_dropped_is_counted_by_phase() -> None:
    phases = phases_of(
        [
            {"phase": "steady", "rate": 10.0, "duration": 1.0},
            {"phase": "drain", "duration": 1.0},
            {"phase": "ramp", "rate": 5.0, "to": 15.0, "duration": 1.0},
        ]
    )
    pacer = Pacer(arrivals(phases, "constant", 0))
    assert pacer.take(0, 3) == [Arrival(0, 0)]
    assert pacer.drop() == {0: 9, 2: 10}
