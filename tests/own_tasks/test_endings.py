"""Every block ends: side tasks are waited for, and what goes on for ever is cut off and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import ExitCode
from harness.results.record import BlockRecord
from tests.runner.running import Ended, Site, outcomes_of

PROJECT = Path(__file__).parent / "project"


def ran(site: Site, timeout: str, *tasks: dict[str, Any], units: int, warmup: int = 2) -> Ended:
    site.environ.update(CELERY_FLAVOUR="sweet", TRAP_REAL_URL="redis://localhost:1")
    site.environ["TRAP_CALLS"] = str(site.folder / "calls")
    app = {"app": "trap.celery:app", "project": str(PROJECT)}
    workloads = [{"workload": app | {"mix": [task]}} for task in tasks]
    measure = {"units": units, "warmup": warmup, "timeout": timeout}
    loads = [{"load": "closed", "in_flight": 1}]
    site.scenario(workloads=workloads, loads=loads, measure=measure)
    return site.run()


def cells(ended: Ended) -> list[BlockRecord]:
    return [block for cell in ended.record.cells for block in cell.blocks]


def test_side_tasks_are_waited_for_and_timed(site: Site) -> None:
    """Two slots and three side tasks of 0.3 s a unit: at most two units in 0.9 s. The warm-up's are
    over before, and those that come due later are run, too."""
    units = 4
    task = {"task": "trap.tasks.fans_out", "args": [{"unit": True}], "expect": {"argument": 0}}
    ended = ran(site, "8s", task, units=units)
    (block,) = cells(ended)
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    assert outcomes_of(block) == {"ok": units}
    assert block.unfinished == {}
    codes = {warning.code: warning.data for warning in block.warnings}
    assert codes["side_tasks"] == {"tasks": 4 * units}
    assert not codes.keys() & {"never_at_rest", "left_in_queue"}
    assert block.window_s is not None
    assert block.window_s >= 3 * units * 0.3 / 2
    assert block.window_s < 3 * units * 0.3 + 2  # no ETA is in it
    assert block.throughput_per_s is not None
    assert block.throughput_per_s <= 2 / 0.9


def test_what_never_ends_is_cut_off_and_named(site: Site) -> None:
    site.configuration(worker={"concurrency": 2})
    poller = {"task": "trap.tasks.comes_again", "args": [{"unit": True}]}
    poison = {"task": "trap.tasks.poison"}
    ended = ran(site, "2s", poller, poison, units=1)
    assert ended.code == ExitCode.REGRESSION
    again, killed = cells(ended)
    assert outcomes_of(again) == {"ok": 1}
    one = again.unfinished["trap.tasks.comes_again"]
    assert one.executions >= 8
    assert (one.again, killed.duplicated > 0) == (0, True)
    told = killed.unfinished["trap.tasks.poison"]
    calls = (site.folder / "calls").read_text().splitlines()
    assert told.executions == len(calls)
    assert told.messages == 3  # two of the warm-up's, and the unit
    assert outcomes_of(killed)["timed_out"] == 1
    assert f"was run again {told.again} times" in ended.words
    for block in (again, killed):
        assert block.bound_s is not None
        assert block.bound_s == 2 * 2 + 2 + 2 * 2 + 30 + 2 * 2


def test_what_fails_at_once_is_not_measured(site: Site) -> None:
    """Without a warm-up each task is called once all the same. What is called in the same way in
    another cell is not measured either; what is meant to fail is, and so is what is killed."""
    broken = {"task": "trap.tasks.failing", "args": [7]}
    meant = broken | {"name": "meant", "expect": {"raises": "ValueError"}}
    poison = {"task": "trap.tasks.poison"}
    site.configuration(worker={"concurrency": 2})
    again = {"task": "trap.tasks.failing", "name": "again", "args": [7], "weight": 2}
    ended = ran(site, "1500ms", broken, again, meant, poison, units=1, warmup=0)
    assert ended.code == ExitCode.USAGE
    refused = [block for block in cells(ended) if block.failing]
    (failed,) = refused
    assert (failed.status, failed.units, failed.throughput_per_s) == ("failed", 0, None)
    (label,) = failed.failing
    assert failed.error == (
        f"{label} fails before it is measured: ValueError: code 7 (its only call); see the "
        "worker's log. What calls it in the same way is not measured"
    )
    assert failed.error in " ".join(ended.stderr.split())
    log = (ended.folder / failed.files["logs"]).glob("worker*.log")
    assert any("code 7" in path.read_text(encoding="utf-8") for path in log)
    measured = {block.cell: block for block in cells(ended) if not block.failing}
    assert {failed.cell, *measured} in ({0, 2, 3}, {1, 2, 3})
    assert outcomes_of(measured[2]) == {"failed": measured[2].failed_as_meant} == {"failed": 1}
    assert outcomes_of(measured[3])["timed_out"] == 1
    # Whoever takes the run up may have mended it: it is called anew, and decides again.
    resumed = site.harness("resume", "latest")
    assert resumed.code == ExitCode.USAGE
    (twice,) = [block for block in cells(resumed) if block.failing]
    assert (twice.cell, twice.failing, twice.error) == (failed.cell, failed.failing, failed.error)
    assert {block.cell for block in cells(resumed)} == {failed.cell, *measured}
    assert [block.failing for block in resumed.record.broken_off] == [failed.failing]
