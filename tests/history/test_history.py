"""Series of ratios, what splits them, and what is said of a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import exit_code_of
from harness.errors import ExitCode, UsageError
from harness.results.history.baselines import set_baseline
from harness.results.history.runs import Question, history
from harness.results.judge.metrics import metric_named
from harness.results.record.distributions import Outcomes
from harness.results.store.catalog import scan
from harness.results.store.run_folders import RunFolder
from tests.history.stores import (
    BASE,
    HEAD,
    NEW,
    OLD,
    PLAIN,
    asked,
    configured,
    paired_run,
    plain_run,
    run_id,
    store,
    with_commit,
    with_packages,
)
from tests.report.made.records import ENVIRONMENT, RABBITMQ

AB = ("redis[ab=base]/add/closed-8", "redis[ab=head]/add/closed-8")


# --- values -------------------------------------------------------------------------------------


def test_a_value_is_the_ratio_to_the_reference_of_the_same_run(tmp_path: Path) -> None:
    """So a machine that is half as fast one night leaves no trace."""
    found = asked(
        tmp_path, [paired_run(night, 0.8, machine=speed) for night, speed in enumerate((1, 0.5, 2))]
    )
    (series,) = found.series
    assert (found.reference, series.cell, series.reference) == ("redis", HEAD, "redis")
    assert series.values == pytest.approx([0.8] * 3)
    assert [point.blocks for point in series.points] == [6, 6, 6]
    assert all(point.sound and not point.marks for point in series.points)


@pytest.mark.parametrize("metric", ["latency.total.p50", "latency.total.max", "worker_cpu"])
def test_a_ratio_above_one_is_better_whatever_the_metric(tmp_path: Path, metric: str) -> None:
    (series,) = asked(tmp_path, [paired_run(0, 1.25)], metric=metric).series
    assert series.values == pytest.approx([1.25])


def test_without_a_reference_values_are_absolute(tmp_path: Path) -> None:
    found = asked(tmp_path, [plain_run(night, 500 + night) for night in range(3)])
    (series,) = found.series
    assert (found.reference, series.reference, series.cell) == (None, None, PLAIN)
    assert series.values == (500, 501, 502)


def test_a_reference_can_be_named(tmp_path: Path) -> None:
    records = [
        record.model_copy(update={"scenario": {**record.scenario, "compare": None}})
        for record in (paired_run(night, 0.5) for night in range(2))
    ]
    without = asked(tmp_path / "without", records)
    assert without.reference is None
    assert without.references == ("redis", "rabbitmq")
    assert [series.cell for series in without.series] == [BASE, HEAD]
    (series,) = asked(tmp_path / "with", records, reference="rabbitmq").series
    assert series.cell == BASE
    assert series.values == pytest.approx((2, 2))


def test_runs_of_harness_ab_are_ratios_to_their_pinned_base(tmp_path: Path) -> None:
    cells = (
        {**configured("redis", celery={"version": "5.6.3"}), "axes": {"ab": "base"}},
        {**configured("redis"), "axes": {"ab": "head"}},
    )
    records = [paired_run(night, 0.9, names=AB, cells=cells, base="ab=base") for night in range(2)]
    (series,) = asked(tmp_path, records).series
    assert series.cell == AB[1]
    assert series.reference == "redis[ab=base], celery 5.6.3"
    assert series.values == pytest.approx([0.9, 0.9])


def test_only_complete_blocks_with_a_figure_count(tmp_path: Path) -> None:
    record = plain_run(0, 500)
    (cell,) = record.cells
    blocks = [
        cell.blocks[0].model_copy(update={"throughput_per_s": rate, "status": status})
        for rate, status in ((9.0, "partial"), (9.0, "failed"), (None, "complete"), (0, "complete"))
    ]
    blocks += [cell.blocks[1].model_copy(update={"repetition": 9})]
    renumbered = tuple(
        block.model_copy(update={"repetition": number}) for number, block in enumerate(blocks)
    )
    changed = record.model_copy(update={"cells": (cell.model_copy(update={"blocks": renumbered}),)})
    (series,) = asked(tmp_path, [changed]).series
    assert (series.values, series.points[0].blocks) == ((500,), 1)


# --- what splits a series -----------------------------------------------------------------------


def test_unlike_machines_are_series_of_their_own(tmp_path: Path) -> None:
    other = {"environment": ENVIRONMENT.model_copy(update={"cpu": "Other CPU", "cores": 8})}
    records = [plain_run(night, 500, **(other if night % 2 else {})) for night in range(5)]
    apart = asked(tmp_path / "apart", records)
    assert [len(series.points) for series in apart.series] == [3, 2]
    assert [series.machine.split(",")[0] for series in apart.series] == [
        "Some CPU 3000",
        "Other CPU",
    ]
    (together,) = asked(tmp_path / "together", records, force=True).series
    assert (len(together.points), together.machine) == (5, "")


def test_another_place_of_a_server_is_another_series(tmp_path: Path) -> None:
    records = [plain_run(0, 500), plain_run(1, 500)]
    (cell,) = records[1].cells
    far = cell.model_copy(update={"servers": {"broker": RABBITMQ}})
    records[1] = records[1].model_copy(update={"cells": (far,)})
    found = asked(tmp_path, records)
    assert "broker RabbitMQ, external on another host" in found.series[0].machine
    assert len(found.series) == 2


def test_versions_do_not_split_a_series(tmp_path: Path) -> None:
    records = [plain_run(0, 500, **with_packages(**OLD)), plain_run(1, 500, **with_packages(**NEW))]
    assert len(asked(tmp_path, records).series) == 1


def test_another_extent_of_a_block_is_another_series(tmp_path: Path) -> None:
    records = [plain_run(0, 500), plain_run(1, 500)]
    (cell,) = records[1].cells
    longer = cell.model_copy(update={"measure": {"units": 5000}})
    records[1] = records[1].model_copy(update={"cells": (longer,)})
    assert len(asked(tmp_path, records).series) == 2


def test_a_reference_that_moves_makes_no_series(tmp_path: Path) -> None:
    """As with `harness ab --base "$(git merge-base ...)"`: every ratio is to something else."""
    records = [
        paired_run(night, 1.0, cells=(configured("redis", celery={"revision": name * 40}), {}))
        for night, name in enumerate("abb")
    ]
    found = asked(tmp_path, records)
    assert [len(series.points) for series in found.series] == [2, 1]
    assert [series.reference for series in found.series] == [
        "redis, revision bbbbbbbbbbbb",
        "redis, revision aaaaaaaaaaaa",
    ]


def test_a_reference_that_is_not_pinned_is_noticed(tmp_path: Path) -> None:
    records = [paired_run(0, 1, **with_packages(**OLD)), paired_run(1, 1, **with_packages(**NEW))]
    (series,) = asked(tmp_path, records).series
    (note,) = [note for note in series.notes if "pinned" in note]
    assert "celery 5.6.3 -> 5.7.0" in note


# --- points that are not like the others -------------------------------------------------------


def test_marks(tmp_path: Path) -> None:
    lossy = paired_run(0, 1)
    base, head = lossy.cells
    lost = head.blocks[0].model_copy(update={"outcomes": Outcomes(ok=999, lost=1)})
    lossy = lossy.model_copy(
        update={"cells": (base, head.model_copy(update={"blocks": (lost, *head.blocks[1:])}))}
    )
    in_a_row = paired_run(1, 1)
    rows = tuple(
        cell.model_copy(
            update={
                "blocks": tuple(
                    block.model_copy(update={"number": 6 * index + place})
                    for place, block in enumerate(cell.blocks)
                )
            }
        )
        for index, cell in enumerate(in_a_row.cells)
    )
    in_a_row = in_a_row.model_copy(update={"cells": rows})
    records = [
        lossy,
        in_a_row,
        paired_run(2, 1, status="running"),
        paired_run(3, 1, status="partial"),
        paired_run(4, 1, **with_commit("c", dirty=True)),
        paired_run(5, 1),
    ]
    folder = store(tmp_path / "store", records)
    set_baseline("main", run_id(5), folder)
    set_baseline("v1", run_id(5), folder)
    (series,) = history(scan(folder), Question("nightly", metric_named("throughput"))).series
    assert [point.marks for point in series.points] == [
        ("unsound",),
        ("not interleaved",),
        ("killed",),
        ("partial",),
        ("uncommitted changes",),
        ("baseline main", "baseline v1"),
    ]
    assert [point.sound for point in series.points] == [False, *[True] * 5]


def test_a_run_that_still_goes_on_is_left_out(tmp_path: Path) -> None:
    folder = store(tmp_path / "store", [plain_run(0, 500)])
    going_on = plain_run(1, 9, status="running")
    written = RunFolder.create(folder, going_on.run_id)
    written.write(going_on)
    try:
        found = history(scan(folder), Question("nightly", metric_named("throughput")))
    finally:
        written.close()
    assert found.series[0].values == (500,)
    assert found.left_out == (f"run {run_id(1)}: still running",)


def test_only_the_newest_points_are_looked_at(tmp_path: Path) -> None:
    found = asked(tmp_path, [plain_run(night, 500 + night) for night in range(5)], last=2)
    assert found.series[0].values == (503, 504)
    assert found.left_out == (f"{PLAIN}: the 3 oldest points (--last 2)",)


def test_what_says_nothing_in_a_backlog_is_left_out(tmp_path: Path) -> None:
    record = plain_run(0, 500)
    backlog = record.cells[0].model_copy(
        update={"name": "redis/add/backlog", "load": {"load": "backlog"}}
    )
    mixed = record.model_copy(update={"cells": (*record.cells, backlog)})
    found = asked(tmp_path, [mixed], metric="latency.total.p50")
    assert [series.cell for series in found.series] == [PLAIN]
    assert found.left_out == ("redis/add/backlog: latency.total.p50 says nothing in a backlog",)


def test_runs_of_ab_are_pointed_at(tmp_path: Path) -> None:
    records = [plain_run(0, 500), plain_run(1, 500, scenario={"name": "nightly-ab"})]
    assert asked(tmp_path, records).left_out == (
        "1 run of harness ab: a history of its own, nightly-ab",
    )


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            {"scenario": "nightli"},
            'no run of "nightli" .*did you mean "nightly".*there are: nightly',
        ),
        ({"reference": "rabbit"}, "2 runs, the newest 2026.*000001: no configuration .*rabbit"),
        ({"metric": "throughput.publish"}, f"{PLAIN} has no complete block with a figure"),
        ({"reference": "main"}, "main is a baseline, which was measured in another session"),
    ],
)
def test_no_value_at_all(tmp_path: Path, question: dict[str, str], message: str) -> None:
    folder = store(tmp_path / "store", [plain_run(night, 500) for night in range(2)])
    set_baseline("main", run_id(0), folder)
    with pytest.raises(UsageError, match=message):
        asked(folder, [], **question)  # type: ignore[arg-type] # texts only


def test_an_empty_store(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it holds no run at all"):
        asked(tmp_path / "store", [])
    with pytest.raises(UsageError, match=r"cannot read the store .*nowhere.*--store"):
        scan(tmp_path / "nowhere")


def test_counts_are_added_up_and_have_no_ratio(tmp_path: Path) -> None:
    """Zero is a value of theirs, and the runs' own reference is none for them."""
    folder = store(tmp_path / "store", [paired_run(night, 1.0) for night in range(2)])
    found = asked(folder, [], metric="lost")
    assert found.reference is None
    assert [point.value for series in found.series for point in series.points] == [0.0] * 4
    units = asked(folder, [], metric="units")
    assert {series.points[0].value for series in units.series} == {
        float(sum(block.units for block in cell.blocks)) for cell in paired_run(0, 1.0).cells
    }
    with pytest.raises(UsageError, match="lost is a count"):
        asked(folder, [], metric="lost", reference="redis")


def test_an_old_name_is_answered_with_the_new_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store(tmp_path / "store", [plain_run(0, 500)])
    words = ["history", "nightly", "--store", str(folder), "--metric"]
    assert exit_code_of([*words, "worker_rss"]) == ExitCode.PASS
    old = capsys.readouterr()
    assert old.err == "worker_rss is called worker_memory now\n"
    assert exit_code_of([*words, "worker_memory"]) == ExitCode.PASS
    new = capsys.readouterr()
    assert (new.out, new.err) == (old.out, "")
    assert "nightly: worker_memory, bytes (lower is better)" in new.out
