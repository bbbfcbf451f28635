"""Cells are found again by what they are: also those of runs whose names were others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.report.view.cells import view_of
from harness.results.judge.compare import compare_run, compare_runs
from harness.results.judge.identity import key_of, matched
from harness.results.record.run import CellRecord, RunRecord
from tests.history.stores import asked, configured, paired_run
from tests.report.made.records import cell, run

OPTIONS: list[list[str]] = [
    ["--without-gossip", "--without-mingle", "--without-heartbeat"],
    ["--without-gossip", "--without-mingle", "--max-tasks-per-child=1"],
]
OLD = (  # as version 0.1.0 called them before it had words for values
    'redis[options=_"--without-gossip"___"--without-mingle"]/add/closed-8',
    'redis[options=_"--without-gossip"___"--without-mingle"]/add/closed-8#2',
)
NEW = (
    "redis[options=no-gossip+no-mingle+no-heartbeat]/add/closed-8",
    "redis[options=no-gossip..+max-tasks-per-child=1]/add/closed-8",
)
WORDS = [name.partition("=")[2].rpartition("]")[0] for name in NEW]


def a_run(night: int, ratio: float, names: tuple[str, str], *, words: bool) -> RunRecord:
    """Two values of one axis; without words as a record of the older version has it."""
    cells: list[dict[str, Any]] = [
        configured(
            "redis",
            broker={"service": "redis"},
            backend={"service": "redis"},
            worker={"pool": "prefork", "concurrency": 2, "count": 1, "options": options},
        )
        | {"axes": {"worker.options": options}}
        | ({"axis_words": {"worker.options": word}} if words else {})
        for options, word in zip(OPTIONS, WORDS, strict=True)
    ]
    base = f"worker.options={WORDS[0]}"
    return paired_run(night, ratio, names=names, cells=cells, base=base)


def test_a_series_goes_on_under_its_new_name(tmp_path: Path) -> None:
    runs = [a_run(night, 0.8, OLD, words=False) for night in range(2)]
    runs.append(a_run(2, 0.8, NEW, words=True))
    found = asked(tmp_path, runs)
    (series,) = found.series
    assert series.cell == NEW[1]
    assert series.values == pytest.approx([0.8] * 3)
    assert found.left_out == ()


def test_the_old_name_of_a_variant_is_known(tmp_path: Path) -> None:
    names = ("redis[concurrency=1]/add/closed-8", "redis[concurrency=2]/add/closed-8")
    cells = [{"axes": {"worker.concurrency": n}} | configured("redis") for n in (1, 2)]
    record = paired_run(0, 0.5, names=names, cells=cells)
    renamed = record.model_copy(
        update={
            "cells": tuple(
                cell.model_copy(
                    update={
                        "name": f"redis[concurrency={word}]/add/closed-8",
                        "axis_words": {"worker.concurrency": word},
                    }
                )
                for cell, word in zip(record.cells, ("one", "two"), strict=True)
            )
        }
    )
    for base in ("redis[concurrency=one]", "redis[concurrency=1]", "concurrency=one"):
        (throughput,) = [
            one for one in compare_run(renamed, base=base).comparisons if one.metric == "throughput"
        ]
        assert throughput.head == "redis[concurrency=two]/add/closed-8"


def test_an_old_run_that_took_two_values_for_one_is_compared() -> None:
    """Its names were alike up to `#2`, so the second value was in no comparison."""
    record = a_run(0, 0.5, OLD, words=False)
    for base in (f"options={WORDS[0]}", None):
        report = compare_run(record, base=base)
        assert {(one.base, one.head) for one in report.comparisons} == {OLD}


def test_two_runs_are_matched_by_value() -> None:
    old, new = a_run(0, 0.5, OLD, words=False), a_run(1, 0.5, NEW, words=True)
    assert {name: cell.name for name, cell in matched(old.cells, new.cells).items()} == dict(
        zip(OLD, NEW, strict=True)
    )
    report = compare_runs(old, new)
    assert {(one.base, one.head) for one in report.comparisons} == set(zip(OLD, NEW, strict=True))
    assert report.unmatched == ()


def test_a_name_that_now_stands_for_another_value_matches_nothing() -> None:
    old, new = a_run(0, 0.5, NEW, words=True), a_run(1, 0.5, NEW, words=True)
    other = [["--concurrency=1"], ["--concurrency=2"]]
    cells = tuple(
        cell.model_copy(
            update={
                "axes": {"worker.options": options},
                "config": {**cell.config, "worker": {**cell.config["worker"], "options": options}},
            }
        )
        for cell, options in zip(new.cells, other, strict=True)
    )
    assert matched(old.cells, cells) == {}
    with pytest.raises(UsageError, match="matched by what they measure"):
        compare_runs(old, new.model_copy(update={"cells": cells}))


def test_an_edited_workload_keeps_its_cell() -> None:
    """By name, since all else agrees; the report says what was edited."""
    old, new = a_run(0, 0.5, NEW, words=True), a_run(1, 0.5, NEW, words=True)
    edited: list[CellRecord] = [
        cell.model_copy(update={"workload": {"workload": "add", "x": 7}}) for cell in new.cells
    ]
    assert key_of(edited[0]) != key_of(old.cells[0])
    assert list(matched(old.cells, edited)) == list(NEW)


def test_tables_keep_apart_what_old_names_had_alike() -> None:
    """Names of the first versions were cut: `#2` told cells apart, and not configurations."""
    option = "a-text-of-which-the-first-versions-kept-forty-characters-"
    old = "redis[options=a-text-of-which-the-first-versions-kept-f]"
    cells = [
        cell(f"{old}/add/closed-8{mark}", axes={"worker.options": option + mark or "x"})
        for mark in ("", "#2")
    ]
    views = view_of(run(*cells), Path("nowhere"), {}).cells
    variants = [view.variant for view in views]
    assert len(set(variants)) == 2
    assert all(variant.startswith("redis[options=") for variant in variants)
    alone = view_of(run(cells[0]), Path("nowhere"), {}).cells
    assert [view.variant for view in alone] == [old]
