"""Every block ends: side tasks are waited for, and what goes on for ever is cut off and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import ExitCode
from harness.results.record import BlockRecord
from tests.runner.running import Ended, Site, outcomes_of

PROJECT = Path(__file__).parent / "project"


def ran(site: Site, timeout: str, *tasks: dict[str, Any], units: int) -> Ended:
    site.environ.update(CELERY_FLAVOUR="sweet", TRAP_REAL_URL="redis://localhost:1")
    site.environ["TRAP_CALLS"] = str(site.folder / "calls")
    app = {"app": "trap.celery:app", "project": str(PROJECT)}
    workloads = [{"workload": app | {"mix": [task]}} for task in tasks]
    measure = {"units": units, "warmup": 2, "timeout": timeout}
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
