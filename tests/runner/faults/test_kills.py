"""SIGKILL at seeded moments, to anybody: nothing is left over, nothing is damaged, and `resume`
completes the plan. `make kills` tries a hundred moments, CI a few."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from harness.results.record.run import RunRecord
from harness.results.store.run_folders import RUN_FILE, read_run
from tests.runner.running import Running, Site, is_refused, listening_ports, outcomes_of, wait_for

MOMENTS = int(os.environ.get("HARNESS_KILLS", "3"))
LONGEST_S = 9.0
"""About as long as the run takes here by itself."""
ENDS_S = 120.0
"""By then a run has to have noticed whatever happened to it."""
VICTIMS = ("harness", "service", "child", "worker", "client")


@dataclass(frozen=True)
class Kill:
    """Whom, and when after the start."""

    victim: str
    after_s: float


def kill_of(seed: int) -> Kill:
    chance = random.Random(seed)  # noqa: S311 - a moment, not a secret
    return Kill(VICTIMS[seed % len(VICTIMS)], chance.uniform(0.0, LONGEST_S))


def found(site: Site, victim: str) -> list[psutil.Process]:
    """Living processes of that part."""
    matching = []
    for process in site.family():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            worker = "worker" in words
            of_worker = worker and "worker" in (process.parent() or process).cmdline()
            part = (
                ("child" if of_worker else "worker")
                if worker
                else "client"
                if "harness.probe.client" in words
                else "service"
            )
            if part == victim:
                matching.append(process)
    return matching


def carry_out(kill: Kill, running: Running) -> bool:
    """Whether there was anybody to kill before the run ended by itself."""
    deadline = time.monotonic() + kill.after_s
    wait_for(
        lambda: time.monotonic() >= deadline or running.process.poll() is not None, "the moment"
    )
    while running.process.poll() is None:
        if kill.victim == "harness":
            running.kill(signal.SIGKILL)
            return True
        for process in found(running.site, kill.victim)[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                return True
    return False


def finished_files(folder: Path, record: RunRecord) -> dict[str, bytes]:
    """What the finished blocks left, byte by byte."""
    return {
        path: (folder / path).read_bytes()
        for block in record.blocks
        if block.status == "complete"
        for name, path in block.files.items()
        if name != "logs"
    }


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_kill_at_any_moment(site: Site, seed: int) -> None:
    site.scenario(
        workloads=["add", {"workload": "chain", "loads": ["backlog"]}],
        measure={"units": 60, "warmup": 4, "blocks": 2, "timeout": "5s"},
    )
    kill = kill_of(seed)
    with site.start("run", "scenarios/s.yaml", "--files", "--seed", str(seed)) as running:
        carry_out(kill, running)
        ports = listening_ports(site.family())
        wait_for(lambda: running.process.poll() is not None, f"{kill}: the end", ENDS_S)
        wait_for(lambda: site.family() == [], f"{kill}: the end of all processes")
    assert "Traceback" not in running.stderr, kill
    assert all(map(is_refused, ports)), kill
    runs = list(site.results.glob(f"*/{RUN_FILE}"))
    if not runs:
        return  # killed before there was a run
    folder = runs[0].parent
    before = read_run(folder)
    intact = finished_files(folder, before)
    report = site.harness("report", str(folder))
    assert report.code == 0, (kill, report.stderr)

    if before.status != "complete":
        resumed = site.harness("resume", str(folder))
        assert resumed.code == 0, (kill, resumed.stderr, resumed.stdout)
    after = read_run(folder)
    assert after.status == "complete", kill
    assert [block.number for block in after.blocks] == [0, 1, 2, 3], kill
    done = {block.number: block for block in before.blocks if block.status == "complete"}
    for block in after.blocks:  # a finished one may have felt the kill; then it says so
        assert block.outcomes.total == block.units == 60, kill
        assert block.number in done or outcomes_of(block) == {"ok": 60}, kill
    assert {n: after.blocks[n] for n in done} == done, kill
    assert {path: (folder / path).read_bytes() for path in intact} == intact, kill
    assert list(site.temporary.iterdir()) == [], kill
