"""Charts show the run's figures, mark what went wrong, and are valid Vega-Lite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair
import pytest

from harness.report.answer.answer import answer_of
from harness.report.charts.chart import Chart, Columns, vega_lite
from harness.report.charts.galleries import galleries
from harness.report.charts.latency import divided_charts
from harness.report.charts.lines import log_axis
from harness.report.charts.theme import DARK, DASHES, LIGHT, MOST_SERIES, SHAPES
from harness.report.view.cells import RunView, view_of
from harness.results.judge.compare import compare_run
from harness.results.record.comparison import GateResult
from harness.results.record.distributions import Distribution
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import read_run
from harness.runner.measuring.depth import write as write_depth
from harness.scenario.models.gates import parse_gate
from tests.cli.project import ROOT
from tests.compare.runs import ratio_run
from tests.report.made import records
from tests.report.made.divided import divided_run, pool_block, pool_cell
from tests.report.made.records import block, cell, run
from tests.report.made.stored import BEGIN_NS, MS, sampled_run


def _view(record: RunRecord, folder: Path = Path("nowhere")) -> RunView:
    return view_of(record, folder, {})


def _charts(record: RunRecord, folder: Path = Path("nowhere")) -> Iterator[Chart]:
    for gallery in galleries(_view(record, folder)):
        yield from gallery.charts


def _chart(record: RunRecord, begin: str, folder: Path = Path("nowhere")) -> Chart:
    return next(chart for chart in _charts(record, folder) if chart.key.startswith(begin))


def _rows(chart: Chart, name: str) -> list[dict[str, Any]]:
    return chart.data[name].records()


def compared_run(ratio: float) -> RunRecord:
    record = ratio_run(ratio)
    return record.model_copy(update={"comparison": compare_run(record)})


# --- throughput -----------------------------------------------------------------------------------


def test_one_block_is_a_point_without_an_interval() -> None:
    (row,) = _rows(_chart(run(cell("redis/add/closed-8", block(0, 0))), "throughput"), "cells")
    assert row["label"] == "add/closed-8: 500/s (1 block, no interval)"
    assert (row["median"], row["low"], row["high"]) == (500.0, None, None)


def test_two_blocks_are_too_few_for_an_interval() -> None:
    blocks = [block(n, 0, throughput_per_s=rate) for n, rate in enumerate((400.0, 500.0))]
    (row,) = _rows(_chart(run(cell("redis/add/closed-8", *blocks)), "throughput"), "cells")
    assert row["label"] == "add/closed-8: 450/s (2 blocks, no interval)"
    assert row["low"] is None


def test_the_interval_is_students_over_the_logarithms_of_the_blocks() -> None:
    # Logs of mean ln 500 and standard deviation 0.1 over 4 blocks; t(0.975, 3) = 3.18245.
    deviations = (-0.0866025, -0.0866025, 0.0866025, 0.0866025)
    rates = [500 * 2.718281828**deviation for deviation in deviations]
    blocks = [block(n, 0, throughput_per_s=rate) for n, rate in enumerate(rates)]
    (row,) = _rows(_chart(run(cell("redis/add/closed-8", *blocks)), "throughput"), "cells")
    half = 3.18245 * 0.1 / 2
    assert row["low"] == pytest.approx(500 * 2.718281828**-half, rel=1e-4)
    assert row["high"] == pytest.approx(500 * 2.718281828**half, rel=1e-4)


def test_every_block_is_a_dot() -> None:
    chart = _chart(records.brokers_run(), "throughput")
    dots = [(row["block"], row["rate"], row["status"]) for row in _rows(chart, "blocks")]
    assert (5, 560.0, "complete") in dots
    assert len(dots) == 6


def test_figures_far_apart_stand_on_a_logarithmic_axis_that_says_so() -> None:
    near = run(cell("redis/add/closed-8", block(0, 0)), cell("redis/chain-2/closed-8", block(1, 1)))
    axes = [_x_axis(_chart(record, "throughput")) for record in (near, records.brokers_run())]
    assert axes == [
        ("linear", "completed units per second"),
        ("log", "completed units per second, log scale"),
    ]


@pytest.mark.parametrize(
    ("load", "good"),
    [
        ("closed", "further right"),
        ("rate", "as many as were due, over the time until the last result,"),
        ("backlog", "further right"),
    ],
)
def test_a_given_rate_is_no_merit(load: str, good: str) -> None:
    chart = _chart(run(cell(f"redis/add/{load}", block(0, 0))), "throughput")
    assert chart.title == f"redis: completed units per second, {good} is better"


def _x_axis(chart: Chart) -> tuple[str, str]:
    layer = next(one for one in chart.spec["layer"] if one["data"]["name"] == "blocks")
    return layer["encoding"]["x"]["scale"]["type"], layer["encoding"]["x"]["axis"]["title"]


# --- limits of gates ------------------------------------------------------------------------------


def gated(record: RunRecord, *gates: str) -> RunRecord:
    """The same limit in every cell; the first cell does not hold it."""
    results = tuple(
        GateResult(
            gate=text,
            cell=one.name,
            passed=index > 0,
            value=0.0,
            limit=parse_gate(text).limit_at(1.0),
            judged=not one.emulated,
        )
        for text in gates
        for index, one in enumerate(record.cells)
    )
    return record.model_copy(update={"gates": results})


@pytest.mark.parametrize(
    ("gate", "at"),
    [
        ("p99(latency.total) < 25ms", {"percentiles": 25.0, "distribution": 25.0, "latency": 25.0}),
        ("mean(latency.total) < 60ms", {"percentiles": 60, "distribution": 60, "latency": 60}),
        ("throughput > 450", {"throughput": 450.0, "rate": 450.0}),
        ("worker_cpu < 3ms", {"cpu": 3.0}),
        ("p99(phase.run) < 1s", {"gated": 1000.0}),
        ("mean(phase.run, task=shop.tasks.add) < 20ms", {"gated": 20.0}),
        ("client_cpu < 3ms", {"gated": 3.0}),
        ("worker_memory < 300MiB", {"gated": 300.0}),
        ("lost == 0", {}),
    ],
)
def test_a_gates_limit_is_a_line_in_the_chart_of_its_figure(
    gate: str, at: dict[str, float], tmp_path: Path
) -> None:
    record = gated(sampled_run(tmp_path, variants=2, works=1, blocks=1), gate)
    found: dict[str, tuple[float, str]] = {}
    for chart in _charts(record, tmp_path):
        if "gates" in chart.data:
            [row] = _rows(chart, "gates")
            [value] = [row[field] for field in row if field not in ("text", "line")]
            found.setdefault(chart.key.partition("-")[0], (value, row["text"]))
            rules = [one for one in chart.spec["layer"] if one["data"]["name"] == "gates"]
            assert rules[0]["mark"]["style"] == "limit"
            assert "gate" in chart.note
    assert found == {key: (value, f"! gate {gate}") for key, value in at.items()}


def test_the_limit_lies_within_the_axis(tmp_path: Path) -> None:
    record = gated(
        sampled_run(tmp_path, variants=1, works=1, blocks=1),
        "p99(latency.total) < 60ms",
        "throughput > 900",
    )
    layers = _chart(record, "percentiles", tmp_path).spec["layer"]
    assert layers[0]["encoding"]["y"]["scale"]["domain"][1] >= 60
    throughput = _chart(record, "throughput", tmp_path)
    assert _x_axis(throughput)[0] == "linear"
    assert [row["rate"] for row in _rows(throughput, "gates")] == [900.0]


def test_a_limit_far_away_is_told_at_the_edge_and_takes_no_room(tmp_path: Path) -> None:
    run = sampled_run(tmp_path, variants=1, works=1, blocks=1)
    gates = ("p99(latency.total) < 100s", "throughput > 50000", "worker_cpu < 9s")
    for key in ("percentiles", "distribution", "latency", "throughput", "rate", "cpu"):
        without = _chart(run, key, tmp_path)
        chart = _chart(gated(run, *gates), key, tmp_path)
        [told] = _rows(chart, "far gates")
        assert told["text"].removeprefix("! gate ").removesuffix(", far above") in gates
        assert "gates" not in chart.data
        assert chart.spec["layer"][: len(without.spec["layer"])] == without.spec["layer"]


def test_a_figure_without_a_chart_of_its_own_has_one_where_a_gate_judges_it() -> None:
    record = gated(records.brokers_run(), "p99(phase.run) < 1s", "p99(phase.run) < 2s")
    looked_at = [one.model_copy(update={"value": 0.25}) for one in record.gates]
    made = record.model_copy(update={"gates": tuple(looked_at)})
    [chart] = [one for one in _charts(made) if one.key.startswith("gated")]
    assert [row["label"] for row in _rows(chart, "cells")] == [
        "redis: 250 ms", "rabbitmq: 250 ms", "sqs-redis (emulator): 250 ms"
    ]  # fmt: skip
    assert [row["value"] for row in _rows(chart, "gates")] == [1000.0]
    assert [row["text"] for row in _rows(chart, "far gates")] == [
        "! gate p99(phase.run) < 2s, far above"
    ]
    assert chart.title.startswith("add/closed-8: p99(phase.run), further left is better")


def test_cells_with_limits_of_their_own_have_a_line_each() -> None:
    record = gated(records.brokers_run(), "throughput > 0.9 * baseline")
    first, second, *_ = record.gates
    changed = (first, second.model_copy(update={"limit": 480.0}))
    chart = _chart(record.model_copy(update={"gates": changed}), "throughput")
    assert [(row["rate"], row["text"]) for row in _rows(chart, "gates")] == [
        (0.9, "! gate throughput > 0.9 * baseline, 0.90/s: redis"),
        (480.0, "gate throughput > 0.9 * baseline, 480/s: rabbitmq"),
    ]


def test_a_limit_that_judges_nothing_says_so() -> None:
    record = gated(records.costs_run(), "dollars_per_million < 2")
    only = [one.model_copy(update={"judged": False}) for one in record.gates]
    chart = _chart(record.model_copy(update={"gates": tuple(only)}), "dollars")
    assert [row["text"].partition(":")[0] for row in _rows(chart, "gates")] == [
        "gate dollars_per_million < 2 (not judged)"
    ]


def test_a_search_has_the_limit_of_what_it_found() -> None:
    record = gated(records.open_loop_run(), "saturation > 700", "p99(latency.total) < 10ms")
    searched = next(one for one in _charts(record) if "found" in one.data)
    assert [row["sent"] for row in _rows(searched, "gates")] == [700.0]


# --- what went wrong is marked on the chart itself ------------------------------------------------


@pytest.mark.parametrize(
    ("made", "marks"),
    [
        (records.troubled_run, ["! 4 lost", "! 5 dup", "! 2 wrong", "! 1 failed", "! 3 timed out"]),
        (records.brokers_run, ["sqs-redis (emulator)"]),
        (records.open_loop_run, ["! client-limited", "! 1 lost"]),
        (records.partial_run, ["1 block partial"]),
        (records.failed_run, ["! 1 block failed"]),
        (records.killed_run, ["1 block partial", "2 of 3 blocks"]),
    ],
)
def test_marks(made: Callable[[], RunRecord], marks: list[str]) -> None:
    labels = [
        row["label"]
        for chart in _charts(made())
        if chart.key.startswith("throughput")
        for row in _rows(chart, "cells")
    ]
    assert not [mark for mark in marks if not any(mark in label for label in labels)]


def test_flagged_rows_are_drawn_in_the_colour_of_trouble() -> None:
    chart = _chart(records.troubled_run(), "throughput")
    assert [row["flagged"] for row in _rows(chart, "cells")] == [True]
    styles = {layer["mark"].get("style") for layer in chart.spec["layer"]}
    assert "flag" in styles
    assert LIGHT["style"]["flag"]["color"] != LIGHT["style"]["row-label"]["color"]


# --- latency --------------------------------------------------------------------------------------


def test_percentiles_of_all_samples_of_a_cell(tmp_path: Path) -> None:
    record = sampled_run(tmp_path, variants=2, works=1, blocks=3)
    chart = _chart(record, "percentiles", tmp_path)
    rows = [row for row in _rows(chart, "percentiles") if row["series"] == "broker0"]
    assert {"p50", "p99", "p99.5"} <= {row["percentile"] for row in rows}
    assert "p99.9" not in {row["percentile"] for row in rows}  # 600 samples cannot tell it
    assert "(600, 600 units)" in chart.note
    assert chart.title == "work0/closed-8: latency by percentile, lower is better"


def test_a_backlog_has_a_chart_of_its_own_and_no_latency() -> None:
    folder = ROOT / "results/reference"
    keys = {chart.key: chart.title for chart in _charts(read_run(folder), folder)}
    assert keys["percentiles-backlog-0"] == (
        "redis: time in the queue by percentile, lower is better"
    )
    assert "latency" not in keys["percentiles-backlog-0"]


def test_cells_without_samples_are_named() -> None:
    latency = next(one for one in galleries(_view(records.tutorial_run())) if one.key == "latency")
    assert latency.charts == ()
    assert "No curve of redis/add/closed-8" in latency.missing[0]


def test_no_chart_has_more_lines_than_can_be_told_apart(tmp_path: Path) -> None:
    record = sampled_run(tmp_path, variants=11, works=1, blocks=1)
    charts = [c for c in _charts(record, tmp_path) if c.key.startswith("percentiles")]
    lines = [{row["series"] for row in _rows(chart, "percentiles")} for chart in charts]
    assert [len(one) for one in lines] == [8, 3]
    assert [chart.title.partition(":")[0] for chart in charts] == [
        "work0/closed-8 (1 of 2)",
        "work0/closed-8 (2 of 2)",
    ]
    for config in (LIGHT, DARK):
        assert len(set(config["range"]["category"])) == MOST_SERIES
    assert len(set(map(str, DASHES))) == len(set(SHAPES)) == MOST_SERIES


# --- where the time goes, and costs ---------------------------------------------------------------


def test_phases_add_up_to_the_total_beside_the_name() -> None:
    chart = _chart(run(cell("redis/add/closed-8", block(0, 0))), "phases")
    parts = _rows(chart, "parts")
    assert {row["part"]: row["ms"] for row in parts} == {
        "queue": 4.0, "dispatch": 8.0, "run": 1.0, "result": 3.0
    }  # fmt: skip
    assert sum(row["share"] for row in parts) == pytest.approx(100)
    assert _rows(chart, "cells")[0]["label"] == "add/closed-8: 16.0 ms"
    assert "shorter is better" in chart.title


def test_totals_far_apart_are_drawn_as_shares() -> None:
    chart = _chart(records.tutorial_run(), "phases-0")
    assert "shares of the mean time of a unit" in chart.title
    bars = next(one for one in chart.spec["layer"] if one["data"]["name"] == "parts")
    assert bars["encoding"]["x"]["field"] == "share"


def test_cpu_by_process_and_dollars() -> None:
    record = records.costs_run()
    parts = {
        (row["cell"], row["part"]): row["ms"]
        for row in _rows(_chart(record, "cpu"), "parts")
        if row["cell"] == "sqs-redis (emulator)"
    }
    assert set(parts.values()) == {1.5, 1.25, 2.5, 0.25}
    dollars = _chart(record, "dollars")
    assert _rows(dollars, "dollars")[0]["dollars"] == 0.9
    assert "An emulator asks nothing for them" in dollars.note
    assert "2026-06-13" in dollars.note


# --- time, rates, ratios --------------------------------------------------------------------------


def test_a_cell_over_time(tmp_path: Path) -> None:
    record = sampled_run(tmp_path, variants=1, works=1, blocks=8)
    chart = _chart(record, "rate-0", tmp_path)
    assert {row["block"] for row in _rows(chart, "series")} == set(range(6))
    assert chart.note.startswith("The first 6 blocks, a line each, of 8.")
    depth = _rows(_chart(record, "under-way-0", tmp_path), "series")
    assert {(row["t"], row["value"]) for row in depth if "queue" in row["series"]} == {(1.0, 3)}


def test_each_queue_over_time(tmp_path: Path) -> None:
    """One that grows, and one in which hardly anything waits; nothing where nothing ever waited."""
    record = sampled_run(tmp_path, variants=1, works=1, blocks=1)
    target = tmp_path / "blocks" / "000"
    looks = {"urgent": [(BEGIN_NS, 1)], "reports": [(BEGIN_NS, 5), (BEGIN_NS + 1000 * MS, 90)]}
    write_depth(target, [(BEGIN_NS, 6), (BEGIN_NS + 1000 * MS, 90)], looks)
    rows = _rows(_chart(record, "queues-0", tmp_path), "series")
    found = [(row["series"], row["t"], row["value"]) for row in rows]
    assert sorted(found) == [("reports", 0.0, 5), ("reports", 1.0, 90), ("urgent", 0.0, 1)]
    under_way = _rows(_chart(record, "under-way-0", tmp_path), "series")
    waiting = {(row["t"], row["value"]) for row in under_way if "queue" in row["series"]}
    assert waiting == {(0.0, 6), (1.0, 90)}
    write_depth(target, [(BEGIN_NS, 0)], {"urgent": [(BEGIN_NS, 0)], "reports": [(BEGIN_NS, 0)]})
    assert not [one for one in _charts(record, tmp_path) if one.key.startswith("queues")]


def test_parts_stand_cell_beside_cell() -> None:
    rows = _rows(_chart(divided_run(), "divided"), "parts")
    assert [row["label"] for row in rows] == [
        "fast, one-pool: p50 24.0 ms, p99 1.90 s",
        "fast, two-groups: p50 24.0 ms, p99 45.0 ms",
        "slow, one-pool: p50 2.40 s, p99 4.10 s",
        "slow, two-groups: p50 2.40 s, p99 5.20 s",
    ]
    assert [row["p99"] for row in rows] == pytest.approx([1900, 45, 4100, 5200])


def test_a_part_is_drawn_from_all_samples_together_where_they_are_there() -> None:
    """As its table and its sentence have it; without them the median of the blocks' own."""
    cells = view_of(divided_run(), Path("nowhere"), {}).cells
    pooled = replace(cells[0], parts_s={"fast": Distribution(count=1800, p50=0.025, p99=1.7)})
    (chart,) = divided_charts((pooled, *cells[1:]))
    assert [row["p99"] for row in _rows(chart, "parts")] == pytest.approx([1700, 45, 4100, 5200])


def test_a_mix_in_one_queue_and_one_group_has_no_such_chart() -> None:
    record = run(pool_cell(pool_block(0, 0)))
    assert not [chart for chart in _charts(record) if chart.key.startswith("divided")]


@pytest.mark.parametrize(
    ("values", "domain", "ticks"),
    [
        # Half a per cent is a flat line, and the axis says so.
        ([493.0, 496.0], [349.66, 699.32], [350, 400, 450, 500, 600]),
        ([6.0, 550.0], [5.6604, 583.0], [10, 20, 50, 100, 200, 500]),
        ([None, 0.0, 16.0], [11.314, 22.627], [12, 14, 16, 18, 20]),
    ],
)
def test_a_logarithmic_axis_is_no_magnifying_glass(
    values: list[float | None], domain: list[float], ticks: list[float]
) -> None:
    axis = log_axis("ms", "latency", values)
    assert axis["scale"]["domain"] == pytest.approx(domain, rel=1e-3)
    assert axis["axis"]["values"] == ticks
    assert "domain" not in log_axis("ms", "latency", [])["scale"]


def test_the_charts_of_a_cell_have_one_time_axis() -> None:
    """Of the reference run: a closed load of two seconds, and a backlog of less than one."""
    folder = ROOT / "results/reference"
    record = read_run(folder)
    index = next(n for n, one in enumerate(record.cells) if one.name == "redis/add/closed-8")
    ends = []
    for kind in ("rate", "latency", "under-way"):
        chart = _chart(record, f"{kind}-{index}", folder)
        lines = next(one for one in chart.spec["layer"] if one["data"]["name"] == "series")
        begin, end = lines["encoding"]["x"]["scale"]["domain"]
        assert begin == 0
        assert max(float(row["t"]) for row in _rows(chart, "series")) <= end + 1e-3
        ends.append(end)
    assert ends[0] == ends[1] == ends[2] == pytest.approx(2.0, abs=0.1)
    # Nothing was seen of what the backlog held before it was over.
    keys = [chart.key for chart in _charts(record, folder)]
    backlog = next(n for n, one in enumerate(record.cells) if one.name == "redis/add/backlog")
    assert f"rate-{backlog}" in keys
    assert f"under-way-{backlog}" not in keys


def test_a_search_shows_each_rate_its_limit_and_what_was_found() -> None:
    chart = _chart(records.open_loop_run(), "rates-1")
    rows = [row for row in _rows(chart, "rates") if row["series"] == "p99"]
    assert [row["sent"] for row in rows] == [50, 100, 200, 238, 238, 283, 400]
    assert [row["broke"] for row in rows] == [False] * 5 + [True] * 2
    assert _rows(chart, "limit") == [{"ms": 250.0, "text": "limit 250 ms"}]
    assert _rows(chart, "found")[0]["sent"] == 238


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"out_of_time": True}, ", the time was up before the search was done"),
        ({"confirmed": False, "out_of_time": False}, ", 238/s was kept in one try only"),
    ],
)
def test_the_answer_of_a_search_says_what_it_does_not_rest_on(
    changes: dict[str, Any], words: str
) -> None:
    made = records.open_loop_run()
    cells = list(made.cells)
    (one,) = cells[1].blocks
    assert one.saturation is not None
    found = one.model_copy(update={"saturation": one.saturation.model_copy(update=changes)})
    cells[1] = cells[1].model_copy(update={"blocks": (found,)})
    record = made.model_copy(update={"cells": tuple(cells)})
    said = [sentence.text for sentence in answer_of(_view(record)).sentences]
    (searched,) = [text for text in said if text.startswith("add/saturate holds")]
    assert "within p99(latency.total) < 250ms; " in searched
    assert searched.endswith(f"{words}.")
    assert words in _chart(record, "rates-1").note


def test_a_search_that_found_no_rate_is_flagged_as_in_the_table() -> None:
    answer = answer_of(_view(records.open_loop_run()))
    flagged = [cell for one in answer.sentences if one.flagged for cell in one.cells]
    assert "redis/heavy_task-50/saturate" in flagged


def test_titles_over_time_say_what_is_good() -> None:
    folder = ROOT / "results/reference"
    assert all(chart.title.endswith(" better") for chart in _charts(read_run(folder), folder))


def test_a_paced_cell_over_time_says_what_is_good(tmp_path: Path) -> None:
    made = sampled_run(tmp_path, variants=1, works=1, blocks=1)
    paced = made.cells[0].model_copy(update={"load": {"load": "rate"}})
    chart = _chart(made.model_copy(update={"cells": (paced,)}), "rate-0", tmp_path)
    assert chart.title.endswith("units per second, completed close to due is better")


def test_cells_at_several_rates_are_one_curve() -> None:
    def steady(index: int, rate: float) -> Any:
        phases = (records.load_phase("steady", rate, 5),)
        one = block(index, index, load_phases=phases, sent_per_s=rate, throughput_per_s=rate)
        return cell(f"redis/add/rate-{rate:g}", one)

    record = run(*(steady(index, rate) for index, rate in enumerate((300.0, 100.0, 200.0))))
    rows = _rows(_chart(record, "rates-steady"), "rates")
    assert [row["sent"] for row in rows if row["series"] == "p50"] == [100, 200, 300]
    two = run(*(steady(index, rate) for index, rate in enumerate((300.0, 100.0))))
    assert not [chart for chart in _charts(two) if chart.key.startswith("rates")]


def test_ratios_of_pairs() -> None:
    record = compared_run(0.8)
    chart = _chart(record, "ratios")
    assert chart.title.startswith("add/closed-8: rabbitmq against redis: ratio of each pair")
    rows = {row["label"].partition(":")[0]: row for row in _rows(chart, "comparisons")}
    assert rows["throughput"]["verdict"] == "REGRESSION"
    assert rows["throughput"]["flagged"] is True
    dots = [row["ratio"] for row in _rows(chart, "pairs") if row["label"] == "throughput"]
    assert len(dots) == 10
    mean = 1.0
    for ratio in dots:
        mean *= ratio ** (1 / 10)
    assert mean == pytest.approx(rows["throughput"]["ratio"], rel=1e-4)
    assert {row["text"]: row["x"] for row in _rows(chart, "lines")} == {
        "alike": 1.0, "margin": 0.95
    }  # fmt: skip


# --- all of them ----------------------------------------------------------------------------------

ALL: dict[str, Callable[[], RunRecord]] = {
    "tutorial": records.tutorial_run,
    "brokers": records.brokers_run,
    "costs": records.costs_run,
    "open-loop": records.open_loop_run,
    "troubled": records.troubled_run,
    "failed": records.failed_run,
    "old": records.old_run,
    "hostile": records.hostile_run,
    "compared": lambda: compared_run(1.2),
    "divided": divided_run,
}


@pytest.mark.parametrize("name", ALL)
def test_titles_say_what_is_good_and_axes_have_a_unit(name: str) -> None:
    charts = list(_charts(ALL[name]()))
    assert len({chart.key for chart in charts}) == len(charts)
    for chart in charts:
        assert chart.title.endswith((" is better", " are better")), chart.title
        for title in _axis_titles(chart.spec):
            assert any(unit in title for unit in ("second", "ms", "%", "percentile", "ratio",
                                                  "dollars", "units", "log scale"))  # fmt: skip


def _axis_titles(spec: Any) -> Iterator[str]:
    if isinstance(spec, dict):
        axis = spec.get("axis")
        if isinstance(axis, dict):
            yield axis["title"]
        for value in spec.values():
            yield from _axis_titles(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from _axis_titles(value)


def test_specifications_are_valid(tmp_path: Path) -> None:
    """Against the JSON Schema of Vega-Lite that Altair ships: one chart of each kind."""
    kinds: dict[str, Chart] = {}
    of_loads = ("p99(latency.total) < 1s", "throughput > 1", "saturation > 1")
    gates = (*of_loads, "worker_cpu < 1s", "dollars_per_million < 9")
    sampled = gated(sampled_run(tmp_path, variants=2, works=1, blocks=3), *gates)
    made = [*_charts(sampled, tmp_path)]
    made += [*_charts(divided_run())]
    plain = ("costs", "open-loop", "compared")
    made += [c for name in plain for c in _charts(gated(ALL[name](), *gates))]
    for chart in made:
        kinds.setdefault(chart.key.partition("-")[0], chart)
    assert set(kinds) == {
        "throughput", "percentiles", "distribution", "phases", "cpu", "dollars", "rate", "latency",
        "under", "rates", "ratios", "divided",
    }  # fmt: skip
    for chart in kinds.values():
        altair.LayerChart.from_dict(vega_lite(chart, 600))


def test_columns_keep_five_digits_and_give_rows_back() -> None:
    columns = Columns.of([{"a": 1 / 3, "b": "x"}, {"a": None, "b": "y"}])
    assert columns.records() == [{"a": 0.33333, "b": "x"}, {"a": None, "b": "y"}]
    assert Columns.of([]).records() == []
