"""What went wrong with a user's own tasks is told so that it can be mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.runner.running import Ended, Site

TASKS = """
from celery import Celery

app = Celery("told")
app.conf.accept_content = ["json"]


@app.task(serializer="pickle")
def pickled(n):
    return n


@app.task
def half(n):
    return n / 2


@app.task
def login(n):
    return {"n": [n, "redis://reader:hunter2@" + "cache:6379/0"], "text": "x" * 100_000}
"""


def own(site: Site, mix: list[dict[str, Any]], load: dict[str, Any], **measure: Any) -> Ended:
    project = site.folder / "project"
    project.mkdir()
    (project / "told.py").write_text(TASKS, encoding="utf-8")
    site.configuration(worker={"pool": "solo", "concurrency": 1})
    workload = {"app": "told:app", "project": str(project), "mix": mix}
    measure = {"warmup": 0, "timeout": "20s"} | measure
    site.scenario(workloads=[{"workload": workload}], loads=[load], measure=measure)
    return site.run()


def client_log(ended: Ended, name: str = "client.log") -> str:
    return (ended.folder / ended.block.files["logs"] / name).read_text(encoding="utf-8")


def test_refused_messages_are_named(site: Site) -> None:
    """They are lost, but nobody can say that no worker received them."""
    mix: list[dict[str, Any]] = [
        {"task": "told.pickled", "args": [1], "expect": 1},
        {"task": "told.half", "args": [2]},
    ]
    ended = own(site, mix, {"load": "backlog"}, units=6, timeout="4s")
    assert ended.code in (0, 1), ended.stderr
    block = ended.block
    assert (block.outcomes.ok, block.outcomes.lost) == (3, 3)
    assert block.loss.model_dump() == dict.fromkeys(block.loss.model_dump(), 0) | {
        "refused_by_worker": 3
    }
    (warning,) = (one for one in block.warnings if one.code == "refused_messages")
    assert warning.data == {"ContentDisallowed": 4}  # the first call before the measuring, too
    assert "3 lost (3 refused by a worker)" in ended.words
    assert "4 messages: 4 x ContentDisallowed" in ended.words
    assert {row["lost_at"] for row in ended.rows(block, "units")} == {None, "refused_by_worker"}


def test_wrong_results_are_shown(site: Site) -> None:
    mix: list[dict[str, Any]] = [
        {"task": "told.half", "args": [2], "expect": 1},
        {"task": "told.login", "args": [7], "expect": {"mapping": {"n": [7, ""], "text": ""}}},
    ]
    ended = own(site, mix, {"load": "closed", "in_flight": 2}, units=8)
    block = ended.block
    assert block.outcomes.wrong == 8
    half, login = sorted(block.mismatches)
    assert half.startswith("wrong result of told.half (unit ")
    assert half.endswith("): expected int 1, found float 1.0")
    assert "told.login" in login
    assert "found str 'redis://***@cache:6379/0'" in login
    assert half in ended.words
    log = client_log(ended)
    assert log.count("wrong result of") == 2
    assert half in log
    assert "hunter2" not in log + ended.stdout + (ended.folder / "run.json").read_text()


def test_an_observer_shows_them_too(site: Site, tmp_path: Path) -> None:
    mix = [{"task": "told.half", "args": [2], "expect": 1}]
    ended = own(site, mix, {"load": "rate", "rate": "20/s"}, units=8)
    assert ended.block.outcomes.wrong == ended.block.outcomes.total > 0
    (words,) = ended.block.mismatches
    assert words.endswith("): expected int 1, found float 1.0")
    assert words in ended.words
    assert words in client_log(ended)  # of the first call before the measuring
    assert "): expected int 1, found float 1.0" in client_log(ended, "observer.log")
