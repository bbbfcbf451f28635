"""The first command that a new user types."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.errors import ExitCode
from tests.runner.running import ROOT, Site


def test_quickstart(site: Site) -> None:
    """As it is shipped, but for a quarter of the time, and with programs executed as a user's."""
    scenario = ROOT / "scenarios" / "quickstart.yaml"
    ended = replace(site, executes=True).run(
        "--files", "--set", "measure.duration=500ms", scenario=scenario
    )
    assert ended.code == ExitCode.PASS, ended.stderr
    assert ended.record.status == "complete"
    assert [cell.name for cell in ended.record.cells] == [
        "redis/add/closed-8",
        "redis/add/backlog",
        "redis/group-2/closed-8",
        "redis/chain-2/closed-8",
        "redis/heavy_task-50/closed-2",
    ]
    assert [len(cell.blocks) for cell in ended.record.cells] == [1] * 5
    assert all(block.sound and block.completed for block in ended.record.blocks)
    assert ended.stdout.splitlines()[-1] == f"results/{ended.record.run_id}"
    assert ended.folder == site.results / ended.record.run_id
    assert (
        ended.stderr.splitlines()[-1] == f"with charts: {ended.stdout.splitlines()[-1]}/report.html"
    )
    text = (ended.folder / "report.md").read_text(encoding="utf-8")
    images = {f"report/{path.name}" for path in (ended.folder / "report").iterdir()}
    assert set(re.findall(r"\]\((report/[^)]+)\)", text)) == images
    assert "report/percentiles-watched-0.svg" in images
    assert 'data-chart="rate-0"' in (ended.folder / "report.html").read_text(encoding="utf-8")
    assert list(site.temporary.iterdir()) == []
