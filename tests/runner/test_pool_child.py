"""Killing a pool process that ends by itself in the same moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.results.eventlog import Tail
from harness.runner.faults.engine import Deed, NothingToBreakError
from harness.runner.faults.workers import PoolChildKill
from harness.scenario.fault_models import KillPoolChild
from harness.workers.process import Workers


def test_a_pool_process_that_is_gone_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`worker_max_tasks_per_child`: seen a moment ago, replaced now. Nothing was broken, and that
    is noted; a thread that dies of psutil's error would leave a fault without an end."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    main = SimpleNamespace(alive=lambda: True, name="worker1", pid=1)
    workers: Any = SimpleNamespace(process=lambda _: main, pool_of=lambda _: [ended.pid])
    monkeypatch.setattr(Tail, "refresh", lambda _: None)
    monkeypatch.setattr(Tail, "count_by_pid", lambda *_: {ended.pid: 1})
    fault = KillPoolChild.model_validate({"fault": "kill_pool_child", "at": "2s"})
    deed = Deed()
    with pytest.raises(NothingToBreakError, match="ended by itself"):
        PoolChildKill(fault, cast("Workers", workers), tmp_path, 1).strike(deed)
    assert deed.died == ()
