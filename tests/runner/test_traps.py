"""Named traps: provoked for real, and not seen where they are not."""

from __future__ import annotations

import pytest

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
