"""Named traps: provoked for real, and not seen where they are not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.results.record import Distribution
from harness.runner.traps import traps
from harness.scenario.loader import load_plan
from tests.runner.running import Site


@pytest.mark.parametrize(("collect", "warned"), [("get", True), ("join", False)])
def test_the_floor_of_group_get(site: Site, collect: str, warned: bool) -> None:
    """One slot takes longer for forty members than their publisher, so some are never ready."""
    site.configuration(worker={"pool": "solo", "concurrency": 1})
    site.scenario(
        workloads=[{"workload": "group", "size": 40, "collect": collect}],
        loads=[{"load": "closed", "in_flight": 1}],
        measure={"units": 6, "warmup": 1},
    )
    ended = site.run()
    assert ended.code == 0, ended.stderr
    codes = {warning.code for warning in ended.block.warnings}
    assert ("group_get_floor" in codes) is warned
    assert ("group.get() waits half a second" in ended.words) is warned


@pytest.mark.parametrize(
    ("workload", "load", "result_s", "warned"),
    [
        ({"workload": "chord"}, "closed", 0.06, True),
        ({"workload": "nested"}, "closed", 0.06, True),
        ({"workload": "chord"}, "closed", 0.04, False),
        ({"workload": "chord", "follow_parents": False}, "closed", 0.06, False),
        ({"workload": "chord"}, {"load": "rate", "rate": 5}, 0.06, False),
        ({"workload": "group"}, "closed", 0.06, False),
    ],
)
def test_callers_that_ask_for_a_whole_header(
    site: Site, workload: dict[str, Any], load: Any, result_s: float, warned: bool
) -> None:
    """By figures made up, because how long the asking takes is the machine's affair; that it
    happens is seen in test_canvas."""
    site.scenario(workloads=[workload], loads=[load])
    (cell,) = load_plan(site.folder / "scenarios" / "s.yaml").cells
    result = Distribution(count=10, p50=result_s)
    figures = {"canvas_s": {}, "phases_s": {"result": result}}
    found = [warning.code for warning in traps(cell, figures)]
    assert found == (["chord_get_asks_parents"] if warned else [])
