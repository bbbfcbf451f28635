"""A hard time limit: who says when the task was over, the pool's child or the main process."""

from __future__ import annotations

from typing import Any

from harness.errors import ExitCode
from tests.runner.running import Site, outcomes_of

APP = """\
import time

from celery import Celery

app = Celery("shop", broker="redis://127.0.0.1:1/0")


@app.task(name="stuck", time_limit=1)
def stuck():
    time.sleep(30)
"""


def test_a_failure_is_over_when_it_is_stored(site: Site) -> None:
    """The main process stores it and kills the child, whose own stamp comes after that: taken as
    the end, the result phase would begin too late, below zero where the caller was quick."""
    (site.folder / "shop.py").write_text(APP, encoding="utf-8")
    site.configuration(worker={"pool": "prefork", "concurrency": 1})
    mix: list[dict[str, Any]] = [{"task": "stuck", "expect": {"raises": "TimeLimitExceeded"}}]
    site.scenario(
        workloads=[{"workload": {"app": "shop", "mix": mix}}],
        measure={"units": 3, "warmup": 0, "timeout": "20s"},
    )
    ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    assert outcomes_of(ended.block) == {"failed": 3}
    assert ended.block.negative_phases == {}
    rows = ended.rows(ended.block, "tasks")
    # A child that is not gone after 0.1 s is killed outright, and stamps no end.
    for task in (row for row in rows if row["finished_ns"] is not None):
        assert task["raised"]
        assert task["finished_ns"] == task["storing_ns"]
        assert task["finished_ns"] - task["started_ns"] > 0.9e9
