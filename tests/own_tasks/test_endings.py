"""Every block ends: side tasks are waited for, and what goes on for ever is cut off and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import ExitCode
from harness.probe.recording.events import RAISED, Kind, UnitFlag, id_bytes, name_parts
from harness.probe.recording.ids import namer, new_tag
from harness.probe.recording.recorder import Recorder
from harness.results.events.eventlog import all_of_kind
from harness.results.events.mix import Mix
from harness.results.record.run import BlockRecord
from harness.runner.prepare.first_calls import raising_parts
from tests.runner.running import Ended, Site, outcomes_of

PROJECT = Path(__file__).parent / "project"


def ran(
    site: Site,
    timeout: str,
    *mixes: dict[str, Any] | list[dict[str, Any]],
    units: int,
    warmup: int = 2,
    load: str = "closed",
) -> Ended:
    """One cell for each mix, or for a task alone."""
    site.environ.update(CELERY_FLAVOUR="sweet", TRAP_REAL_URL="redis://localhost:1")
    site.environ["TRAP_CALLS"] = str(site.folder / "calls")
    app = {"app": "trap.celery:app", "project": str(PROJECT)}
    listed = [mix if isinstance(mix, list) else [mix] for mix in mixes]
    workloads = [{"workload": app | {"mix": mix}} for mix in listed]
    measure = {"units": units, "warmup": warmup, "timeout": timeout}
    loads = {"closed": {"load": "closed", "in_flight": 1}, "backlog": {"load": "backlog"}}
    site.scenario(workloads=workloads, loads=[loads[load]], measure=measure)
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
    assert block.window_s < 3 * units * 0.3 + 2 * units  # no ETA of two seconds is in any
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
    assert (one.again, killed.process_lost > 0, killed.duplicated) == (0, True, 0)
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


def test_what_raises_at_once_is_not_measured_without_results_either(site: Site) -> None:
    """The worker's log tells. Whoever takes the run up may have mended it: it is called anew, and
    decides again for what calls it in the same way."""
    site.configuration(backend={"service": "none"}, worker={"pool": "solo", "concurrency": 1})
    broken = {"task": "trap.tasks.failing", "args": [7]}
    well = {"task": "trap.tasks.cwd", "expect": "unchecked"}
    meant = broken | {"name": "meant", "expect": {"raises": "ValueError"}}
    again = broken | {"name": "again", "weight": 2}
    ended = ran(site, "30s", [broken, well], [again], [meant], units=4, warmup=0, load="backlog")
    assert ended.code == ExitCode.USAGE
    (failed,) = [block for block in cells(ended) if block.failing]
    (label,) = failed.failing
    assert label in ("trap.tasks.failing", "again")
    assert failed.error.startswith(
        f"{label} fails before it is measured: ValueError (its only call); see the worker's log"
    )
    assert (failed.status, failed.units) == ("failed", 0)
    measured = [block for block in cells(ended) if not block.failing]
    assert {failed.cell, *(block.cell for block in measured)} in ({0, 2}, {1, 2})
    assert outcomes_of(measured[0]) == {"failed": 4}
    resumed = site.harness("resume", "latest")
    assert resumed.code == ExitCode.USAGE
    assert {block.cell for block in cells(resumed)} == {failed.cell, 2}
    (twice,) = [block for block in cells(resumed) if block.failing]
    assert (twice.failing, twice.error) == (failed.failing, failed.error)
    assert [block.failing for block in resumed.record.broken_off] == [failed.failing]


class Log:
    """Of a worker that ran the calls before the measuring: one unit after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.unit, self.names = folder, 0, namer(new_tag())
        self.recorder = Recorder(str(folder), "worker")

    def call(self, *raised: str, returned: bool = False, kill: bool = False) -> None:
        """Each exception is that of one execution. The task has its part's number, from 1."""
        ident, task = id_bytes(self.names(self.unit, 0)), self.unit % 4 + 1
        self.recorder.record(Kind.PUBLISH, ident, 1, self.unit, 0, UnitFlag.WARMUP)
        for name in raised:
            self.recorder.record(Kind.STARTED, ident, 2, task)
            self.recorder.record(Kind.FINISHED, ident, 3, 0, 0, RAISED)
            for part, piece in enumerate(name_parts(name)):
                self.recorder.record(Kind.RAISING, piece, 3, task, part)
        if returned or kill:
            self.recorder.record(Kind.STARTED, ident, 4, task)
        if returned:
            self.recorder.record(Kind.FINISHED, ident, 5)
        self.unit += 1

    def failing(self) -> list[tuple[str, str, int]]:
        kinds = (Kind.PUBLISH, Kind.STARTED, Kind.FINISHED, Kind.RAISING)
        mix = Mix(("a", "b", "c", "d"), (True,) * 4, (0, 1, 2, 3))
        found = raising_parts(mix, *(all_of_kind(self.folder, kind) for kind in kinds))
        return [(one.label, one.error, one.calls) for one in found]


def test_only_what_raised_in_every_call_fails_at_once(tmp_path: Path) -> None:
    """Not what returned once or in a second run, what was killed, or what a limit cut."""
    log = Log(tmp_path)
    log.call("AnExceptionOfALongName", "KeyError")
    log.call("ValueError", returned=True)  # delivered again, and well
    log.call("ValueError")
    log.call(kill=True)
    assert log.failing() == [("a", "AnExceptionOfALongName or KeyError", 1), ("c", "ValueError", 1)]
    log.call("KeyError")
    log.call("SoftTimeLimitExceeded")
    log.call(returned=True)
    log.call("SoftTimeLimitExceeded")
    assert log.failing() == [("a", "AnExceptionOfALongName or KeyError", 2)]
