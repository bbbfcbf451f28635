"""Faults that cannot be done as they were meant: noted, or told, and never silent."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.probe.recording.events import FaultStep, Kind
from harness.results.events.eventlog import Tail, all_of_kind
from harness.runner.faults.engine import (
    Armed,
    Deed,
    FaultEngine,
    FaultError,
    MainThread,
    NothingToBreakError,
)
from harness.runner.faults.planned import PlannedFault
from harness.runner.faults.targets import Targets
from harness.runner.faults.workers import PoolChildKill
from harness.scenario.models.faults import KillPoolChild
from tests.runner.running import wait_for


def test_a_pool_process_that_is_gone_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`worker_max_tasks_per_child`: seen a moment ago, replaced now. Nothing was broken, and that
    is noted; a thread that dies of psutil's error would leave a fault without an end."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    main = SimpleNamespace(alive=lambda: True, name="worker1", pid=1)
    workers: Any = SimpleNamespace(
        process=lambda _: main,
        pool_of=lambda _: [ended.pid],
        number=lambda _, worker: worker,
        groups=(None,),
    )
    monkeypatch.setattr(Tail, "refresh", lambda _: None)
    monkeypatch.setattr(Tail, "count_by_pid", lambda *_: {ended.pid: 1})
    nothing: Any = None
    targets = Targets(workers, broker=nothing, backend=None, network=None, events=tmp_path, seed=1)
    fault = KillPoolChild.model_validate({"fault": "kill_pool_child", "at": "2s"})
    deed = Deed()
    with pytest.raises(NothingToBreakError, match="ended by itself"):
        PoolChildKill(fault, targets).strike(deed)
    assert deed.died == ()


class Bug:
    """A breaker that has one, where it is asked to."""

    lasts_s: float | None = 0.0

    def __init__(self, where: str) -> None:
        self._where = where

    def strike(self, deed: Deed) -> None:
        if self._where == "strike":
            raise KeyError(deed.target)

    def mend(self, deed: Deed, main: MainThread) -> None:
        assert deed.died == ()
        main.do(lambda: 1 / 0)

    def give_up(self) -> None:
        """Nothing is broken."""


@pytest.mark.parametrize(
    ("where", "named", "struck"),
    [("strike", "unexpected KeyError: ''", False), ("mend", "unexpected ZeroDivisionError", True)],
)
def test_a_bug_in_a_fault_is_told(tmp_path: Path, where: str, named: str, struck: bool) -> None:
    """Its thread would end, and the fault look over as if all had been done."""
    fault = KillPoolChild.model_validate({"fault": "kill_pool_child", "at": "0s"})
    engine = FaultEngine([Armed(PlannedFault(0, fault, 0.0), Bug(where))], tmp_path)
    told = []

    def over() -> bool:
        try:
            engine.serve()
        except FaultError as error:
            told.append(str(error))
        return bool(told)

    with engine:
        engine.begin(time.monotonic_ns())
        wait_for(over, "the fault's thread")
    assert told[0].startswith("fault kill_pool_child: ")
    assert named in told[0]
    (note,) = engine.notes
    assert (note.struck_ns is not None, note.mended_ns) == (struck, None)
    steps = all_of_kind(tmp_path, Kind.FAULT)["position"].tolist()
    assert steps[-1] == FaultStep.FAILED
