"""Old and new Celery on real servers: results right, nothing lost, versions as they ran."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.scenario.settings.celery_sets import companions
from tests.cli.project import ROOT, harness

LIBRARIES = ("kombu", "amqp", "redis")
VERSIONS = {
    version: {"celery": version}
    | {
        name: found
        for pin in companions(version)
        for name, found in [pin.split("==")]
        if name in LIBRARIES
    }
    for version in ("5.3.1", "5.7.0")
}
"""With what this Python gets: see tests/environments/test_sets.py."""
SCENARIO = f"""\
name: versions
configurations: [{ROOT}/configs/redis.yaml, {ROOT}/configs/rabbitmq.yaml]
matrix: {{celery: {json.dumps(list(VERSIONS))}}}
workloads: [{{workload: group, collect: join}}]
loads: [{{load: closed, in_flight: 2}}]
measure: {{units: 20, warmup: 2}}
"""


def run(folder: Path, scenario: str, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Run a scenario from a folder of its own; exit code, report and record."""
    path = folder / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    # The harness itself keeps off the current folder as its installed command does.
    safe = {"PYTHONSAFEPATH": "1"}
    done = harness("run", str(path), *arguments, folder=folder, environ=safe, timeout_s=280)
    (record,) = (folder / "results").glob("*/run.json")
    return done.returncode, done.stdout + done.stderr, json.loads(record.read_text())


def test_versions_as_an_axis(tmp_path: Path) -> None:
    # What lies in the user's folder must not get into the measured processes.
    (tmp_path / "kombu.py").write_text("raise RuntimeError('the wrong kombu')\n")
    code, text, record = run(tmp_path, SCENARIO)
    assert code == 0, text
    assert [cell["axes"] for cell in record["cells"]] == 2 * [{"celery": v} for v in VERSIONS]
    for cell in record["cells"]:
        expected = VERSIONS[cell["axes"]["celery"]]
        assert {name: cell["packages"][name] for name in expected} == expected
        (block,) = cell["blocks"]
        assert (block["outcomes"]["ok"], block["duplicated"]) == (20, 0)
        assert block["versions"] == {}
    old = ", ".join(f"{name} {VERSIONS['5.3.1'][name]}" for name in ("celery", *LIBRARIES))
    assert old in " ".join(text.split())


def test_a_setting_that_an_old_celery_lacks_is_no_silent_success(tmp_path: Path) -> None:
    scenario = SCENARIO.replace(f", {ROOT}/configs/rabbitmq.yaml", "").replace(', "5.7.0"', "")
    change = "config.settings.worker_disable_prefetch=true"
    path = tmp_path / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    done = harness("run", str(path), "--set", change, folder=tmp_path, environ={}, timeout_s=280)
    assert done.returncode == 2
    assert "no setting" in done.stderr
    assert "worker_disable_prefetch" in done.stderr
    assert not (tmp_path / "results").exists()  # before anything is built
