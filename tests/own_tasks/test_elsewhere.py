"""Own tasks of another revision, under other packages, in a run that was killed."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

from harness.errors import ExitCode
from harness.probe.recording.events import Kind
from harness.probe.workloads.drawing import table
from harness.runner.prepare import cellspec
from tests.ab.repository import make_repository
from tests.cli.project import ROOT, harness
from tests.runner.running import Site

REQUIREMENTS = "celery[redis]==5.6.3\nkombu==5.6.2\nredis==6.4.0\n"
APP = """\
from celery import Celery
app = Celery("shop", broker="redis://127.0.0.1:1/0")

@app.task(name="version")
def version():
    return {version!r}
"""
SCENARIO = f"""\
name: s
configurations: [{ROOT}/configs/redis.yaml]
workloads:
  - workload: {{app: "shop.app", project: .., task: version, expect: committed}}
loads: [{{load: closed, in_flight: 2}}]
measure: {{units: 6, warmup: 1}}
"""


def test_a_revision_runs_its_own_code(tmp_path: Path) -> None:
    files = {
        "requirements.txt": REQUIREMENTS,
        "scenarios/s.yaml": SCENARIO,
        "shop/__init__.py": "",
        "shop/app.py": APP.format(version="committed"),
    }
    (commit,) = make_repository(tmp_path, files)
    (tmp_path / "shop/app.py").write_text(APP.format(version="uncommitted"))
    words = ("run", "scenarios/s.yaml", "--set")
    done = harness(*words, "config.celery={revision: HEAD}", folder=tmp_path, timeout_s=280)
    assert done.returncode == ExitCode.PASS, done.stdout + done.stderr
    (path,) = (tmp_path / "results").glob("*/run.json")
    record = json.loads(path.read_text())
    assert record["cells"][0]["packages"]["celery"] == "5.6.3"
    assert record["cells"][0]["project_commit"] == commit
    assert record["cells"][0]["project_dirty"] is False
    assert record["cells"][0]["blocks"][0]["outcomes"]["ok"] == 6
    scenario = tmp_path / "scenarios/s.yaml"
    scenario.write_text(SCENARIO.replace("..,", "/,"))
    done = harness(*words, "config.celery={revision: HEAD}", folder=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert f"the project / is not in {tmp_path}, whose revision that is" in done.stderr


def test_packages_that_another_environment_lacks(site: Site) -> None:
    (site.folder / "shop.py").write_text(f"import pydantic\n{APP.format(version='x')}")
    site.scenario(workloads=[{"workload": {"app": "shop", "task": "version"}}])
    site.configuration(celery="5.7.0")
    ended = site.run()
    assert ended.code == ExitCode.USAGE
    assert ended.stderr.splitlines()[-6:] == [
        "the app shop could not be imported:",
        "Traceback (most recent call last):",
        f'  File "{site.folder}/shop.py", line 1, in <module>',
        "    import pydantic",
        "ModuleNotFoundError: No module named 'pydantic'",
        "(under celery 5.7.0)",
    ]
    assert not site.results.exists()


def test_a_killed_run_still_says_which_task_was_which(site: Site) -> None:
    (site.folder / "shop.py").write_text(
        f"{APP.format(version='x')}\n@app.task(name='other')\ndef other(n):\n    return n\n"
    )
    mix = [
        {"task": "version", "expect": "x", "weight": 2},
        {"task": "other", "args": [{"unit": True}], "expect": {"argument": 0}},
    ]
    site.scenario(
        workloads=[{"workload": {"app": "shop:app", "mix": mix}}],
        measure={"duration": "60s", "warmup": 0},
    )
    with site.start("run", "scenarios/s.yaml", "--seed", "5") as running:
        running.wait_event(Kind.SEEN, 60)
        running.kill(signal.SIGKILL)
    ended = site.harness("report", "latest", "--format", "json")
    (block,) = json.loads(ended.stdout)["cells"][0]["blocks"]
    told = {one["task"]: one["units"] for one in block["by_task"]}
    slots = table([2, 1], 5)
    counts = Counter(slots[unit % len(slots)] for unit in range(block["units"]))
    assert told == {"version": counts[0], "other": counts[1]}
    assert block["units"] >= 20
    assert "\nBy task\n" in site.harness("report", "latest").stdout


def test_a_shells_broker_url_is_not_celerys(tmp_path: Path) -> None:
    """`celery worker` takes it from the environment. A run in such a shell: test_trouble.py."""
    dead = dict.fromkeys(("BROKER_URL", "RESULT_BACKEND"), "redis://127.0.0.1:1/0")
    assert not dead.keys() & cellspec.environ_for("worker", tmp_path / "spec", dead).keys()
