"""How long a block waits for what may still come."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.probe.events import Kind, id_bytes
from harness.probe.recorder import Recorder
from harness.results.shape import shape_of
from harness.runner.drain import QUIET_S, Drain
from harness.runner.session import quiet_s
from harness.scenario.loader import load_plan
from tests.results.test_shape import cell_of
from tests.runner.running import Site


class Empty:
    """A queue in which nothing waits."""

    def depth(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("workload", "settings", "seconds"),
    [
        ("chain", {"result_chord_retry_interval": 9.0}, QUIET_S),
        ("chord", {}, 3.0),
        ("nested", {"result_chord_retry_interval": 9.0}, 19.0),
        ("chord", {"result_chord_retry_interval": 0.1}, QUIET_S),
    ],
)
def test_two_looks_of_chord_unlock_fit_into_the_quiet(
    site: Site, workload: str, settings: dict[str, Any], seconds: float
) -> None:
    site.configuration(settings=settings)
    site.scenario(workloads=[workload])
    (cell,) = load_plan(site.folder / "scenarios" / "s.yaml").cells
    assert quiet_s(cell, shape_of(cell_of(cell.workload))) == seconds


def test_an_idle_block_is_over_after_the_quiet(tmp_path: Path) -> None:
    """One task is done, another one never came."""
    recorder = Recorder(str(tmp_path), "worker")
    for kind in (Kind.RECEIVED, Kind.STARTED, Kind.FINISHED, Kind.STORED):
        recorder.record(kind, id_bytes("one"), 1)
    broker: Any = Empty()
    drain = Drain(tmp_path, broker, stores_results=True, quiet_s=0.4)
    begin = time.monotonic()
    drain.wait(2, 60.0, lambda: True)
    assert 0.4 <= time.monotonic() - begin < QUIET_S
