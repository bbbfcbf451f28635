"""`harness ab` on a real server: a revision of a project against pins."""

from __future__ import annotations

import json
from pathlib import Path

from tests.ab.repository import make_repository
from tests.cli.project import ROOT, harness

SCENARIO = f"""\
name: s
configurations: [{ROOT}/configs/redis.yaml]
workloads: [add]
loads: [{{load: closed, in_flight: 2}}]
measure: {{units: 10, warmup: 2}}
"""
SAFE = {"PYTHONSAFEPATH": "1"}
"""The harness itself keeps off the current folder, as its installed command does."""
NO_GIT = {"PATH": ""}
SLEEP_S = 0.05
SLOW_ADD = f"""\
import time
from harness.probe import tasks

run = tasks.add.run

def slow(x, y):
    time.sleep({SLEEP_S})
    return run(x, y)

tasks.add.run = slow
"""
REQUIREMENTS = "celery[redis]==5.6.3\nkombu==5.6.2\nredis==6.4.0\n"


def test_a_revision_against_pins(tmp_path: Path) -> None:
    """Each side has its own packages, and its own state of the module that its workers load."""
    files = {"requirements.txt": REQUIREMENTS, "s.yaml": SCENARIO, "ours.py": ""}
    (commit,) = make_repository(tmp_path, files)
    (tmp_path / "ours.py").write_text(SLOW_ADD)  # not committed: not part of the revision
    (tmp_path / "kombu.py").write_text("raise RuntimeError('must not hide the real one')")
    words = ("--base", "HEAD", "--head", "pins:celery==5.7.0", "s.yaml", "--pairs", "6")
    # mingle makes every worker wait a second for others that are not there.
    solo = (
        *("config.worker.pool=solo", "config.worker.concurrency=1"),
        *("config.worker.options=[--without-mingle]", "config.settings.imports=[ours]"),
    )
    sets = [word for one in solo for word in ("--set", one)]
    sets += ["--loads", "own"]
    done = harness("ab", *words, *sets, folder=tmp_path, environ=SAFE, timeout_s=280)
    (path,) = (tmp_path / "results").glob("*/run.json")
    record = json.loads(path.read_text())
    assert done.returncode == 1, done.stdout + done.stderr
    base, head = record["cells"]
    assert (base["packages"]["celery"], head["packages"]["celery"]) == ("5.6.3", "5.7.0")
    assert (base["packages"]["kombu"], head["packages"]["kombu"]) == ("5.6.2", "5.7.0")
    assert base["config"]["celery"]["revision"] == commit
    # The head is no revision: it runs the folder as it is.
    assert (record["environment"]["git_commit"], record["environment"]["git_dirty"]) == (
        commit,
        True,
    )
    assert (base["project_commit"], base["project_dirty"]) == (commit, False)
    assert head["project_commit"] is None
    assert [len(cell["blocks"]) for cell in (base, head)] == [6, 6]
    assert all(block["outcomes"]["ok"] == 10 for cell in (base, head) for block in cell["blocks"])
    # Two in flight, one at a time: at most one per SLEEP_S, but for the first.
    assert all(block["throughput_per_s"] < 1.2 / SLEEP_S for block in head["blocks"])
    comparison = record["comparison"]
    assert (comparison["base"], comparison["interleaved"]) == ("ab=base", True)
    verdicts = {one["metric"]: one["verdict"] for one in comparison["comparisons"]}
    assert verdicts["throughput"] == "regression"
    assert {one["pairs"] for one in comparison["comparisons"]} == {6}
    text = " ".join(done.stdout.split())
    assert f"base: HEAD ({commit[:12]}); head: pins:celery==5.7.0" in text
    assert "celery 5.6.3, kombu 5.6.2, amqp" in text
    assert f"; project's git {commit[:9]}" in text
    assert f"project git {commit[:9]}, with uncommitted changes, of the folder" in text
    assert "celery 5.7.0, kombu 5.7.0" in text
    assert "REGRESSION: " in done.stderr


def test_usage_errors_come_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    for words, message in (
        (("--base", "pins:celery==5.6.3"), "each side says what it is"),
        (("--base", "nowhere", "--head", "set:worker.count=1"), "no git revision 'nowhere'"),
        (("--base", "set:worker.count=1", "--head", "set:worker.cuont=2"), "--head worker.cuont"),
        (("--base", "set:worker.count=1", "--head", "set:worker.count=1"), "are the same"),
        (("--base", "set:a=1", "--head", "set:a=2", "--pairs", "5"), "from 6"),
        (("--base", "set:a=1", "--head", "set:a=2", "--margin", "5x"), "expected a share"),
    ):
        done = harness("ab", *words, "s.yaml", folder=tmp_path)
        assert done.returncode == 2, done.stdout + done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    done = harness("ab", "--base", "a", "--head", "b", "s.yaml", folder=tmp_path, environ=NO_GIT)
    assert (done.returncode, done.stderr) == (
        2,
        "git is needed to compare revisions: install it\n",
    )
    assert not (tmp_path / "results").exists()


def test_a_version_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    words = ("--base", "pins:celery==5.7.0", "--head", "pins:celery==5.7.99", "s.yaml")
    done = harness("ab", *words, folder=tmp_path, timeout_s=120)
    assert done.returncode == 2
    assert "No matching distribution found for celery==5.7.99" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 4000
    assert not (tmp_path / "results").exists()
