"""pytest-benchmark's own figures are the reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from harness.report.exports.round_statistics import round_statistics

DURATIONS = st.floats(1e-9, 1e4)


@given(st.lists(DURATIONS, min_size=1, max_size=30))
def test_every_field_is_what_pytest_benchmark_computes(rounds_s: list[float]) -> None:
    reference = Stats()
    for duration in rounds_s:
        reference.update(duration)
    found = round_statistics(rounds_s)
    assert {name: found[name] for name in Stats.fields} == reference.as_dict()


def test_the_figures_of_four_rounds() -> None:
    found = round_statistics([0.004, 0.002, 0.001, 0.003])
    expected = {"min": 0.001, "max": 0.004, "median": 0.0025, "q1": 0.0015, "q3": 0.0035}
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert (found["rounds"], found["outliers"]) == (4, "2;0")
    assert found["ops"] == pytest.approx(400)
    assert found["data"] == [0.004, 0.002, 0.001, 0.003]
