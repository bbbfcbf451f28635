"""The scripts of examples/ci, run by bash: with stored runs, and a stand-in for what measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml

from harness.results.store.run_folders import RunFolder
from tests.ab.repository import git, make_repository
from tests.exports.exported import judged_run

EXAMPLES = Path(__file__).parents[2] / "examples/ci"
MARK = "<!-- harness -->\n"

HARNESS = f"""#!/bin/sh
# Stands in for the commands that measure; all others are the real ones.
echo "$*" >> "$CALLS"
case "$1" in
  run) exit "$RUN_CODE" ;;
  ab) exit "$AB_CODE" ;;
  *) exec {sys.executable} -m harness "$@" ;;
esac
"""
GH = """#!/bin/sh
# Stands in for GitHub's command: answers a list by $IDS, notes every other call.
echo "$*" >> "$CALLS"
case "$*" in *--paginate*) [ -z "$IDS" ] || printf '%s\\n' $IDS ;; esac
"""


@dataclass(frozen=True)
class Job:
    """A checkout with a run in `results`, and stand-ins first on the path."""

    folder: Path
    environ: dict[str, str]

    def bash(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """A script as CI runs it: it ends at the first command that fails."""
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],  # noqa: S607 - CI's own shell
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def calls(self) -> list[str]:
        """What the stand-ins were called with."""
        path = Path(self.environ["CALLS"])
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder, tools = tmp_path / "project", tmp_path / "tools"
    make_repository(folder, {"requirements.txt": "celery==5.6.0\n"}, {"README": "changed\n"})
    git(folder, "branch", "target", "main~1")
    git(folder, "fetch", "--quiet", ".", "target")
    record = judged_run()
    stored = RunFolder.create(folder / "results", record.run_id)
    stored.write(record)
    stored.close()
    root = EXAMPLES.parents[1]
    (folder / "scenarios").mkdir()
    for name in ("smoke.yaml", "speed-gate.yaml"):
        text = (root / "scenarios" / name).read_text("utf-8")
        (folder / "scenarios" / name).write_text(text, encoding="utf-8")
    (folder / "configs").symlink_to(root / "configs")
    tools.mkdir()
    for name, script in (("harness", HARNESS), ("gh", GH)):
        (tools / name).write_text(script, encoding="utf-8")
        (tools / name).chmod(0o755)
    environ = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(root),
        "CALLS": str(tmp_path / "calls"),
        "SCENARIO": "scenarios/smoke.yaml",
        "SPEED": "scenarios/speed-gate.yaml",
        "RUN_CODE": "0",
        "AB_CODE": "0",
        "IDS": "",
    }
    return Job(folder, environ)


# --- GitHub ---------------------------------------------------------------------------------------

WORKFLOW = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text("utf-8"))
STEPS: dict[str, Any] = {
    step["name"]: step for step in WORKFLOW["jobs"]["gate"]["steps"] if "run" in step
}
COMMENT = "Comment on the pull request, or renew the comment"


def test_github_finds_the_merge_base(job: Job, tmp_path: Path) -> None:
    git(job.folder, "update-ref", "refs/remotes/origin/main", "main~1")
    output = tmp_path / "output"
    script = STEPS["Find the merge base"]["run"]
    ended = job.bash(script, GITHUB_BASE_REF="main", GITHUB_OUTPUT=str(output))
    assert ended.returncode == 0, ended.stderr
    assert output.read_text() == f"commit={git(job.folder, 'rev-parse', 'main~1')}\n"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_github_s_gate_ends_as_harness_ab_does(job: Job, code: int) -> None:
    script = STEPS["No slower than the merge base"]["run"]
    ended = job.bash(script, BASE="1234abc", AB_CODE=str(code))
    assert ended.returncode == code
    assert job.calls == ["ab --base 1234abc --head HEAD scenarios/speed-gate.yaml"]


def test_github_gets_a_summary_a_comment_and_junit(job: Job, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    ended = job.bash(STEPS["Report"]["run"], GITHUB_STEP_SUMMARY=str(summary))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "REGRESSION" in summary.read_text("utf-8")
    comment = (job.folder / "comment.md").read_text("utf-8")
    assert comment == MARK + summary.read_text("utf-8")
    assert JUnitXml.fromfile(str(job.folder / "results/junit.xml")).failures == 2


@pytest.mark.parametrize(
    ("ids", "call"),
    [
        ("", "--method POST repos/o/r/issues/7/comments"),
        ("41", "--method PATCH repos/o/r/issues/comments/41"),
        ("41 42", "--method PATCH repos/o/r/issues/comments/41"),
    ],
)
def test_github_has_one_comment(job: Job, ids: str, call: str) -> None:
    ended = job.bash(STEPS[COMMENT]["run"], GITHUB_REPOSITORY="o/r", NUMBER="7", IDS=ids)
    assert ended.returncode == 0, ended.stderr
    listed, written = [line for line in "\n".join(job.calls).split("api ") if line]
    assert listed.startswith("--paginate repos/o/r/issues/7/comments --jq")
    assert written.strip() == f"--silent {call} --field body=@comment.md"


def test_github_reports_what_failed_and_comments_only_where_it_may() -> None:
    assert STEPS["Report"]["if"] == "${{ !cancelled() && steps.smoke.outcome != 'skipped' }}"
    condition = STEPS[COMMENT]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition
    assert WORKFLOW[True] == {"pull_request": None}  # `on` is YAML 1.1 for true
    assert WORKFLOW["permissions"] == {"contents": "read"}
    scripts = json.dumps([step["run"] for step in STEPS.values()])
    assert "${{" not in scripts  # nothing that a pull request names becomes part of a script


# --- GitLab ---------------------------------------------------------------------------------------

GITLAB = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text("utf-8"))["benchmark"]
SCRIPT = "\n".join(GITLAB["script"])


@pytest.mark.parametrize(
    ("codes", "code", "measured"),
    [
        (("0", "0"), 0, ["run", "ab"]),
        (("0", "1"), 1, ["run", "ab"]),
        (("0", "3"), 3, ["run", "ab"]),
        (("1", "0"), 1, ["run"]),
    ],
)
def test_gitlab_reports_first_and_ends_as_the_gate_does(
    job: Job, codes: tuple[str, str], code: int, measured: list[str]
) -> None:
    ended = job.bash(SCRIPT, RUN_CODE=codes[0], AB_CODE=codes[1], HARNESS_NOTE_TOKEN="")
    assert ended.returncode == code, ended.stderr
    calls = [call.split() for call in job.calls]
    assert [words[0] for words in calls if words[0] in ("run", "ab")] == measured
    if "ab" in measured:
        base = git(job.folder, "rev-parse", "main~1")
        assert ["ab", "--base", base, "--head", "HEAD"] == calls[2][:5]
    assert (
        JUnitXml.fromfile(str(job.folder / GITLAB["artifacts"]["reports"]["junit"])).failures == 2
    )
    assert "REGRESSION" in (job.folder / "comment.md").read_text("utf-8")


def test_gitlab_takes_inconclusive_as_a_warning_and_no_other_code() -> None:
    assert GITLAB["allow_failure"] == {"exit_codes": 3}
    assert GITLAB["artifacts"]["when"] == "always"
