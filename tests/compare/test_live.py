"""Verdicts and gates from end to end: real Redis, real workers, one of them planted slow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.results.record.comparison import Comparison
from harness.results.record.run import RunRecord
from tests.runner.running import Ended, Site, make_site

PATIENCE_S = 500
BURNING = """
import os, time
from harness.probe import tasks

def burn(n):
    end = time.thread_time() + 0.06
    while time.thread_time() < end:
        pass
    return heavy_task(n)

if os.environ["HARNESS_ROLE"] == "worker":
    heavy_task = tasks.heavy_task.run
    tasks.heavy_task.run = burn
"""
"""60 ms of CPU beside the 20 ms that a task sleeps anyway: no noise of six pairs hides that."""


def _ended(site: Site, *words: str) -> Ended:
    with site.start(*words) as running:
        return running.ended(PATIENCE_S)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = make_site(tmp_path)
    made.module("burning", BURNING)
    worker = {"pool": "solo", "concurrency": 1}
    for name in ("base", "same"):
        made.configuration(name, worker=worker)
    made.configuration("slow", worker=worker, settings={"imports": ["burning"]})
    return made


@pytest.mark.timeout(PATIENCE_S + 60)
def test_a_planted_slowdown_among_three_configurations(site: Site) -> None:
    """Six pairs each, and a seventh for what is undecided then; two gates, one of which fails.

    One run for all of it, since it takes a minute.
    """
    site.scenario(
        configurations=["base", "slow", "same"],
        workloads=[{"workload": "heavy_task", "n": 4, "sleep": "10ms"}],
        loads=[{"load": "closed", "in_flight": 2}],
        measure={"units": 12, "warmup": 1},
        compare={
            "kind": "change",
            "pairs": {"min": 6, "max": 7},
            "margin": "0.1%",
            "minutes": 60,
            "effect": "10%",
        },
        gates=["throughput > 1000", "lost == 0"],
    )
    compared = _ended(site, "run", "scenarios/s.yaml", "--quiet", "--seed", "3")
    assert compared.code == 1
    _the_slowdown_is_a_regression(compared)
    _pairs_were_added_for_the_undecided_only(compared)
    _what_failed_stands_last_on_the_terminal(compared)
    _what_can_be_found_was_told_at_the_first_look(compared)
    _the_comparison_can_be_asked_for_again(compared, site)


def _of(record: RunRecord, head: str) -> list[Comparison]:
    assert record.comparison is not None
    whole = [one for one in record.comparison.judged if not one.own]  # not those of one task
    return [one for one in whole if one.head.startswith(f"{head}/")]


def _the_slowdown_is_a_regression(compared: Ended) -> None:
    found = _of(compared.record, "slow")
    assert [(one.metric, one.verdict) for one in found] == [
        ("throughput", "regression"),
        ("latency.total.p50", "regression"),
        ("worker_cpu", "regression"),
    ]
    assert all(one.high is not None and one.high < 0.9 for one in found)


def _pairs_were_added_for_the_undecided_only(compared: Ended) -> None:
    """A margin of 0.1 % is beyond six short blocks, but not for what takes twice as long."""
    record = compared.record
    assert [record.order.count(index) for index in range(3)] == [7, 6, 7]
    assert [block.cell for block in record.blocks] == list(record.order)
    assert {one.pairs for one in _of(record, "slow")} == {6}
    assert {one.pairs for one in _of(record, "same")} == {7}
    assert {one.dropped for one in _of(record, "slow")} == {0}
    assert record.comparison is not None
    assert record.comparison.interleaved
    assert record.comparison.looks == 2


def _what_can_be_found_was_told_at_the_first_look(compared: Ended) -> None:
    target = compared.record.target
    assert target is not None
    assert compared.record.comparison is not None
    assert compared.record.comparison.target == target
    assert (target.effect, target.within_s, target.after_pairs, target.pairs) == (0.1, 3600, 6, 7)
    assert {one.head.split("/")[0] for one in target.figures} == {"slow", "same"}
    assert "In 60 min this machine sees" in " ".join(compared.words.split())


def _what_failed_stands_last_on_the_terminal(compared: Ended) -> None:
    lines = compared.stderr.splitlines()
    gates = [line for line in lines if line.startswith("gate throughput > 1000 fails in ")]
    assert [line.split(" fails in ")[1].split("/")[0] for line in gates] == ["base", "slow", "same"]
    regressions = [line for line in lines if line.startswith("REGRESSION: slow/heavy_task")]
    assert len(regressions) == 3
    assert lines[3:6] == regressions
    assert lines[:3] == gates
    assert "Gates: 1 of 2 hold" in compared.words


def _the_comparison_can_be_asked_for_again(compared: Ended, site: Site) -> None:
    again = site.harness("compare", "latest")
    assert again.code == 1
    assert again.words.startswith(f"{compared.record.run_id}: slow, same against base")
    assert "REGRESSION: slow/heavy_task-4/closed-2 against base/" in again.stderr
    other = site.harness("compare", "latest", "--base", "slow", "--margin", "50%")
    assert other.code == 0
    assert "improved" in other.words
    chosen = site.harness("compare", "latest", "--kind", "alternatives")
    assert (chosen.code, chosen.stderr) == (0, "")
    assert re.search(
        r"Compared with base: (\d faster, )?\d slower, (\d uses less, )?\d uses more", chosen.words
    )


def test_a_baseline_in_a_gate(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    site.configuration(worker={"pool": "solo", "concurrency": 1})
    site.scenario()
    first = site.run("--quiet")
    assert first.code == 0
    site.scenario(baseline="main", gates=["throughput > 0.01 * baseline", "lost <= baseline"])
    unknown = site.run("--quiet")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "no baseline 'main'" in unknown.stderr
    assert site.harness("baseline", "set", "main", "latest").code == 0
    held = site.run("--quiet")
    assert (held.code, held.stderr) == (0, "")
    assert "Gates: 2 of 2 hold" in held.words
    site.scenario(gates=["throughput > 100 * baseline"])
    failed = site.run("--quiet", "--baseline", "main")
    assert failed.code == 1
    [line] = failed.stderr.splitlines()
    assert line.startswith("gate throughput > 100 * baseline fails in c/add/closed-4: ")
