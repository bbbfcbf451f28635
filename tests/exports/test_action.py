"""The composite action of this repository, its scripts run by bash as those of the examples are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema  # type: ignore[import-untyped] # no stubs
from click.testing import CliRunner

from tests.ab.repository import git
from tests.exports.test_ci_examples import Job, job

__all__ = ["job"]

ACTION = Path(__file__).parents[2] / "action.yml"
TOLD: dict[str, Any] = yaml.safe_load(ACTION.read_text("utf-8"))
STEPS: dict[str, Any] = {step["name"]: step for step in TOLD["runs"]["steps"]}
GATE = STEPS["Run, and compare"]["run"]
INPUTS = {
    "SCENARIO": "scenarios/smoke.yaml",
    "SPEED": "",
    "BASE": "",
    "STRICT": "false",
    "PROJECT": ".",
    "RESULTS": "results",
    "GITHUB_BASE_REF": "main",
}


NO_REPORTS = """#!/bin/sh
# Reports take a second each: what is not about them goes without.
case "$1" in report) exit 0 ;; *) exec harness "$@" ;; esac
"""


def ended(
    job: Job, tmp_path: Path, *, reports: bool = False, **inputs: str
) -> tuple[str, list[list[str]]]:
    """The action's exit code as it is told to others, and the commands that measured."""
    place = tmp_path / "runner/harness/bin/harness"
    place.parent.mkdir(parents=True)
    if reports:
        place.symlink_to(tmp_path / "tools/harness")
    else:
        place.write_text(NO_REPORTS, encoding="utf-8")
        place.chmod(0o755)
    output, summary = tmp_path / "output", tmp_path / "summary"
    environ = {
        **INPUTS,
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    done = job.bash(GATE, **(environ | inputs))
    assert done.returncode == 0, done.stderr
    assert ("REGRESSION" in summary.read_text("utf-8")) == reports
    assert (job.folder / "results/junit.xml").is_file() == reports
    told = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
    assert told["results"] == "./results"
    calls = [call.split() for call in job.calls]
    return told["code"], [words for words in calls if words[0] in ("run", "ab")]


def test_it_is_valid_and_no_input_becomes_part_of_a_script() -> None:
    judged = CliRunner().invoke(
        check_jsonschema, ["--builtin-schema", "vendor.github-actions", str(ACTION)]
    )
    assert judged.exit_code == 0, judged.output
    assert "${{" not in json.dumps([step.get("run", "") for step in STEPS.values()])
    used = [step["uses"] for step in STEPS.values() if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in used)
    named = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text("utf-8")))
    assert named == set(TOLD["inputs"])


@pytest.mark.parametrize("code", ["0", "1", "2"])
def test_a_run_alone(job: Job, tmp_path: Path, code: str) -> None:
    assert ended(job, tmp_path, RUN_CODE=code, reports=code == "1") == (
        code,
        [["run", "--results", "results", "--", "scenarios/smoke.yaml"]],
    )


@pytest.mark.parametrize(
    ("codes", "code", "measured"),
    [(("0", "0"), "0", 2), (("0", "1"), "1", 2), (("0", "3"), "3", 2), (("1", "0"), "1", 1)],
)
def test_a_comparison_follows_a_run_that_passed(
    job: Job, tmp_path: Path, codes: tuple[str, str], code: str, measured: int
) -> None:
    git(job.folder, "update-ref", "refs/remotes/origin/main", "main~1")
    base = git(job.folder, "rev-parse", "main~1")
    run_code, ab_code = codes
    speed = "scenarios/speed-gate.yaml"
    told, calls = ended(
        job, tmp_path, RUN_CODE=run_code, AB_CODE=ab_code, SPEED=speed, STRICT="true"
    )
    assert (told, len(calls)) == (code, measured)
    for words in calls[1:]:
        assert words[3:] == [
            *("--base", base, "--head", "HEAD", "--strict", "--", speed),
        ]


def test_what_looks_like_a_script_is_a_word(job: Job, tmp_path: Path) -> None:
    evil = "$(touch${IFS}pwned);`touch pwned`"
    told, ((*_, word),) = ended(job, tmp_path, SCENARIO=evil.replace(" ", ""))
    assert (told, word) == ("0", evil.replace(" ", ""))
    assert not (job.folder / "pwned").exists()


@pytest.mark.parametrize(("code", "ends"), [("0", 0), ("1", 1), ("3", 3), ("", 2)])
def test_the_last_step_ends_as_the_gate_did(job: Job, code: str, ends: int) -> None:
    assert job.bash(STEPS["End as the gate does"]["run"], CODE=code).returncode == ends
