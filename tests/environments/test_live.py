"""Old and new Celery on real servers: results right, nothing lost, versions as they ran."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.project import ROOT, harness

VERSIONS = {
    "5.3.1": {"celery": "5.3.1", "kombu": "5.3.1", "redis": "4.6.0", "amqp": "5.1.1"},
    "5.7.0": {"celery": "5.7.0", "kombu": "5.7.0", "redis": "8.1.0", "amqp": "5.4.2"},
}
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
    assert "celery 5.3.1, kombu 5.3.1, amqp 5.1.1, redis 4.6.0" in " ".join(text.split())


def test_a_setting_that_an_old_celery_lacks_is_no_silent_success(tmp_path: Path) -> None:
    scenario = SCENARIO.replace(f", {ROOT}/configs/rabbitmq.yaml", "").replace(', "5.7.0"', "")
    change = "config.settings.worker_disable_prefetch=true"
    code, text, record = run(tmp_path, scenario, "--set", change)
    assert code == 2
    (block,) = record["cells"][0]["blocks"]
    assert block["status"] == "failed"
    assert "no setting worker_disable_prefetch" in block["error"]
    assert "no setting worker_disable_prefetch" in " ".join(text.split())
