"""What stored runs say of times, costs and noise: known figures in, the same ones out."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pytest

from harness.results.outlook.keys import keys_of
from harness.results.outlook.last_runs import LastRuns, last_runs, walls_s
from harness.results.outlook.noise import spreads_in
from harness.results.record.run import Resumption
from harness.results.store.run_folders import RunFolder
from harness.runner.prepare.stored_plan import stored_cell
from tests.compare.runs import ratio_run
from tests.report.made.records import ENVIRONMENT, RABBITMQ, run
from tests.results.outlook.plans import closed, configuration, heavy, judged, one_run

RUN = "20261123T225400Z-example-4f1a9c"


def test_a_block_lasts_until_the_next_one_starts_and_the_last_one_until_the_run_ends() -> None:
    assert walls_s(one_run(closed())) == {0: 5.0, 1: 5.0, 2: 5.0}


def test_twins_begin_at_once_and_each_takes_half() -> None:
    found = one_run(closed())
    [measured] = found.cells
    first, second, third = measured.blocks
    twin = second.model_copy(update={"started_at": first.started_at})
    cell = measured.model_copy(update={"blocks": (first, twin, third)})
    assert walls_s(found.model_copy(update={"cells": (cell,)})) == {0: 5.0, 1: 5.0, 2: 5.0}


def test_a_pause_between_two_sittings_is_no_block() -> None:
    pause = Resumption(at="2026-11-23T22:54:10.000+00:00", after="killed", first_block=2)
    found = one_run(closed()).model_copy(update={"resumptions": (pause,)})
    assert walls_s(found) == {0: 5.0, 2: 5.0}, "the second block ends who knows when"
    killed = one_run(closed()).model_copy(update={"ended_at": None})
    assert walls_s(killed) == {0: 5.0, 1: 5.0}


def test_the_same_cell_comes_first_then_the_same_work_then_nothing() -> None:
    runs = LastRuns([one_run(heavy(20, 10, name="a"), worker_cpu_ms_per_task=6.0)])
    same = runs.of_cell(keys_of(stored_cell(heavy(20, 10, name="b"))), lambda one: one.cpu_s)
    assert same is not None
    assert same.value == pytest.approx(0.008)
    assert same.runs == (RUN,)
    assert same.at_per_s is None, "a name is no identity, and the load is the same"
    faster = runs.of_cell(keys_of(stored_cell(heavy(20, 300))), lambda one: one.cpu_s)
    assert faster is not None
    assert faster.value == pytest.approx(0.008)
    assert faster.at_per_s == 500.0
    assert runs.of_cell(keys_of(stored_cell(heavy(21, 10))), lambda one: one.cpu_s) is None
    strict = keys_of(stored_cell(heavy(20, 300)))
    assert runs.of_cell(strict, lambda one: one.cpu_s, loosest=1) is None


def test_the_same_work_of_another_configuration_is_better_than_nothing() -> None:
    cell = closed()
    other = cell.model_copy(
        update={"configuration": configuration().model_copy(update={"name": "rabbitmq"})}
    )
    found = LastRuns([one_run(cell)]).of_cell(keys_of(stored_cell(other)), lambda it: it.cpu_s)
    assert found is not None
    assert found.value == pytest.approx(0.004)


def test_the_newest_run_decides_and_of_its_cells_the_one_at_the_nearest_rate() -> None:
    new = one_run(heavy(20, 10), "new")
    slow, quick = (
        one_run(heavy(20, rate), "new", tasks_per_s=rate, worker_cpu_ms_per_task=cost).cells[0]
        for rate, cost in ((10.0, 18.0), (200.0, 3.0))
    )
    new = new.model_copy(update={"cells": (slow, quick)})
    old = one_run(heavy(20, 300), "old", worker_cpu_ms_per_task=1.0)
    keys = keys_of(stored_cell(heavy(20, 150)))
    found = LastRuns([new, old]).of_cell(keys, lambda one: one.cpu_s, asked_per_s=150.0)
    assert found is not None
    assert found.value == pytest.approx(0.005)
    assert found.at_per_s == 200.0


def test_what_servers_took_to_start_is_that_of_the_same_services() -> None:
    runs = LastRuns([one_run(closed())])
    found = runs.servers_start_s(frozenset({"redis"}))
    assert found is not None
    assert found.value == 1.0
    assert runs.servers_start_s(frozenset({"redis", "rabbitmq"})) is None


def test_the_spread_is_that_of_the_pairs_that_were_compared() -> None:
    record = judged(ratio_run(0.8))
    logs = [
        math.log(head.throughput_per_s / base.throughput_per_s)
        for base, head in zip(record.cells[0].blocks, record.cells[1].blocks, strict=True)
        if head.throughput_per_s and base.throughput_per_s
    ]
    found = {one.metric: one for one in spreads_in(record)}
    assert found["throughput"].deviation == pytest.approx(statistics.stdev(logs))
    assert (found["throughput"].ratios, found["throughput"].load) == (10, "closed")
    work = keys_of(record.cells[0]).work
    runs = LastRuns([record, record])
    pooled = runs.spread("throughput", work, "closed")
    assert pooled is not None
    assert pooled.value == pytest.approx(statistics.stdev(logs))
    assert not pooled.of_other_work
    like = runs.spread("throughput", "another", "closed")
    assert like is not None
    assert like.of_other_work, "better than nothing, and it is said"
    assert runs.spread("throughput", "another", "rate") is None


def test_a_run_that_compares_nothing_has_the_spread_of_neighbouring_blocks() -> None:
    alone = ratio_run(1.0).cells[0]
    rates = [one.throughput_per_s or 0.0 for one in alone.blocks]
    logs = [math.log(after / before) for before, after in zip(rates[::2], rates[1::2], strict=True)]
    found = [one for one in spreads_in(run(alone, planned=10)) if one.metric == "throughput"]
    assert [one.deviation for one in found] == [pytest.approx(statistics.stdev(logs))]
    few = alone.model_copy(update={"blocks": alone.blocks[:6]})
    assert list(spreads_in(run(few, planned=6))) == [], "three neighbours say nothing of noise"


def test_only_runs_of_such_a_machine_are_asked_and_what_cannot_be_read_is_passed_over(
    tmp_path: Path,
) -> None:
    mine = one_run(closed(), "mine00")
    theirs = one_run(closed(), "theirs", worker_cpu_ms_per_task=90.0)
    elsewhere = ENVIRONMENT.model_copy(update={"cores": 64})
    theirs = theirs.model_copy(
        update={"environment": elsewhere, "run_id": "20261124T000000Z-example-theirs"}
    )
    for record in (mine, theirs):
        folder = RunFolder.create(tmp_path, record.run_id)
        folder.write(record)
        folder.close()
    broken = tmp_path / "20261125T000000Z-example-broken"
    broken.mkdir()
    (broken / "run.json").write_text("{", encoding="utf-8")
    keys = keys_of(stored_cell(closed()))
    found = last_runs(tmp_path, ENVIRONMENT).of_cell(keys, lambda one: one.cpu_s)
    assert found is not None
    assert found.value == pytest.approx(0.004)
    assert found.runs == (mine.run_id,)
    there = last_runs(tmp_path, elsewhere).of_cell(keys, lambda one: one.cpu_s)
    assert there is not None
    assert there.value == pytest.approx(0.092)
    assert last_runs(tmp_path / "none", ENVIRONMENT).of_cell(keys, lambda one: one.cpu_s) is None


def test_records_of_older_versions_know_less_and_break_nothing() -> None:
    """No services, no worker, no times."""
    record = run(*ratio_run(1.0).cells, planned=10)
    bare = record.cells[0].model_copy(update={"config": {}, "servers": {"broker": RABBITMQ}})
    odd = bare.model_copy(update={"config": {"name": "x", "worker": {"concurrency": "many"}}})
    runs = LastRuns([record.model_copy(update={"cells": (bare, odd)})])
    found = runs.usual(lambda one: one.cpu_s)
    assert found is not None
    assert found.runs == (record.run_id,)


def test_twins_are_told_by_twins_and_blocks_by_blocks() -> None:
    """What is known of one design only is used for the other, and said to be of another."""
    blocks = judged(ratio_run(0.8))
    cells = [
        cell.model_copy(
            update={"blocks": tuple(one.model_copy(update={"slices": 8}) for one in cell.blocks)}
        )
        for cell in blocks.cells
    ]
    twins = blocks.model_copy(update={"run_id": "of-twins", "cells": tuple(cells)})
    work = keys_of(blocks.cells[0]).work
    both = LastRuns([blocks, twins])
    for wanted, run_id in ((False, blocks.run_id), (True, "of-twins")):
        found = both.spread("throughput", work, "closed", twins=wanted)
        assert found is not None
        assert (found.runs, found.of_other_design) == ((run_id,), False)
    other = LastRuns([blocks]).spread("throughput", work, "closed", twins=True)
    assert other is not None
    assert other.of_other_design
    assert [one.twin for one in both._cells] == [False, False, True, True]
