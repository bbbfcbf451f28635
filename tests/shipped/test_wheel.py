"""The wheel in an environment without any extra: what it brings beside the code, its commands, and
that the main job works.

One module, so that one process makes the wheel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import shipped
from harness.errors import ExitCode
from harness.report.html.libraries import libraries
from tests.shipped.conftest import ROOT, Installed

# --- what it brings -------------------------------------------------------------------------------

_FOLDERS = {
    "configs": "*.yaml",
    "scenarios": "*.yaml",
    "schemas": "*.json",
    "docs": "*.md",
    "examples": "*",
}


def _files(folder: Path, pattern: str) -> dict[Path, bytes]:
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in found if _kept(path)}


def _kept(path: Path) -> bool:
    return "__pycache__" not in path.parts


def test_a_checkout_reads_its_own_folders() -> None:
    assert shipped.root() == ROOT
    assert shipped.folder("configs") == ROOT / "configs"


def test_a_wheel_made_of_the_sdist_brings_every_file(installed: Installed) -> None:
    for name, pattern in _FOLDERS.items():
        ours = _files(ROOT / name, pattern)
        assert ours, name
        assert _files(installed.site / "harness/shipped" / name, pattern) == ours
    for name in ("README.md", "CHANGELOG.md", "results/README.md"):
        there = installed.site / "harness/shipped" / name
        assert there.read_bytes() == (ROOT / name).read_bytes()


def test_nothing_but_the_package_is_at_the_top_of_the_wheel(installed: Installed) -> None:
    """Folders called `docs` or `tests` would be everybody's."""
    tops = {path.name for path in installed.site.iterdir()}
    assert tops == {"harness", "celery_config_bench-0.1.0.dist-info"}


def test_the_installed_package_finds_its_own(installed: Installed) -> None:
    code = "from harness import shipped; print(shipped.folder('scenarios'))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installed.empty,
        env={"PYTHONPATH": str(installed.site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(answer.stdout.strip()) == installed.site / "harness/shipped/scenarios"


# --- commands about what is shipped ---------------------------------------------------------------


def test_a_shipped_scenario_is_checked_by_its_name(installed: Installed) -> None:
    told = installed.harness("check", "quickstart", "redis")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("2 files, no problems\n")


def test_a_configuration_is_shown_as_it_is_written(installed: Installed) -> None:
    told = installed.harness("show-config", "redis")
    assert told.returncode == 0
    assert told.stdout == (ROOT / "configs/redis.yaml").read_text(encoding="utf-8")
    mistyped = installed.harness("show-config", "redsi")
    assert mistyped.returncode == ExitCode.USAGE
    assert mistyped.stderr == 'no configuration or scenario "redsi" (did you mean "redis"?)\n'


def test_a_copy_comes_with_its_configurations_and_overwrites_nothing(
    installed: Installed, tmp_path: Path
) -> None:
    own = tmp_path / "benchmarks/configs/redis.yaml"
    own.parent.mkdir(parents=True)
    text = (ROOT / "configs/redis.yaml").read_text(encoding="utf-8") + "# of mine\n"
    own.write_text(text, encoding="utf-8")
    told = installed.harness("copy", "retries", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[:3] == [
        "wrote benchmarks/scenarios/retries.yaml",
        "kept yours: benchmarks/configs/redis.yaml differs from the shipped one",
        "wrote benchmarks/configs/rabbitmq-redis.yaml",
    ]
    checked = installed.harness("check", "retries", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    assert "benchmarks/configs/redis.yaml is meant, not the shipped redis" in checked.stderr
    again = installed.harness("copy", "retries", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines()[:3] == [
        "there already, as shipped: benchmarks/scenarios/retries.yaml",
        "kept yours: benchmarks/configs/redis.yaml differs from the shipped one",
        "there already, as shipped: benchmarks/configs/rabbitmq-redis.yaml",
    ]
    assert own.read_text(encoding="utf-8") == text
    copied = (tmp_path / "benchmarks/scenarios/retries.yaml").read_text(encoding="utf-8")
    shipped = (ROOT / "scenarios/retries.yaml").read_text(encoding="utf-8")
    first, rest = shipped.split("\n", 1)
    assert first.endswith("$schema=../schemas/scenario.schema.json")  # which is not beside it
    assert copied == rest


def test_pages_are_read_in_the_terminal(installed: Installed) -> None:
    listed = installed.harness("docs").stdout.splitlines()
    named = {line.split()[0] for line in listed if line[:1].strip()}
    assert named >= {"verdicts", "faults", "decisions", "record", "changelog"}
    page = installed.harness("docs", "docs/verdicts.md")
    assert page.returncode == 0
    assert "`harness" not in page.stdout
    assert "harness docs scenarios" in page.stdout
    mistyped = installed.harness("docs", "verdict")
    assert mistyped.returncode == ExitCode.USAGE
    told = 'no page "verdict" (did you mean "verdicts"?); harness docs lists them\n'
    assert mistyped.stderr == told


# --- without an extra -----------------------------------------------------------------------------

_ABSENT = (
    *("boto3", "botocore", "gevent", "hdrh", "msgpack", "psycopg", "pycurl", "pymemcache"),
    *("pymysql", "scipy", "sqlalchemy", "vl_convert"),
)
_SCENARIO = """\
name: NAME
question: Does it run?
configurations: [CONFIGURATIONS]
workloads: [add]
loads: [closed]
measure: {units: 50, warmup: 2}
gates: ["throughput > 1"]
"""
_OWN = {
    "gevent": "worker: {pool: gevent}",
    "packed": "settings: {task_serializer: msgpack}",
    "other-celery": "celery: {version: 5.4.0}",
}
_WALK = """\
import contextlib, io, json, sys
from harness.cli import exit_code_of
told = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_code_of(words)
    told.append([int(code), out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def run(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a run on the base, and what was said on standard error."""
    work = tmp_path_factory.mktemp("base-run")
    (work / "mine.yaml").write_text(_scenario("mine", "redis"), encoding="utf-8")
    told = installed.harness("run", "mine.yaml", "--files", cwd=work)
    assert told.returncode == 0, told.stderr
    (folder,) = (work / "results").iterdir()
    return folder, told.stderr


def _scenario(name: str, *configurations: str) -> str:
    return _SCENARIO.replace("NAME", name).replace("CONFIGURATIONS", ", ".join(configurations))


def _walk(
    installed: Installed, cwd: Path, *commands: tuple[str, ...]
) -> list[tuple[int, str, str]]:
    """Exit code and words of several commands, of one process: each imports what it needs."""
    told = installed.called(["-c", _WALK, json.dumps(commands)], cwd)
    assert told.returncode == 0, told.stderr
    found: list[Any] = json.loads(told.stdout.splitlines()[-1])
    return [(code, out, err) for code, out, err in found]


def _install(extra: str) -> str:
    return f"pip install 'celery-config-bench[{extra}]'"


def test_the_environment_has_no_extra(installed: Installed) -> None:
    code = (
        "import importlib.util as u, json; from harness.extras import there;"
        f"print(json.dumps([[n for n in {_ABSENT!r} if u.find_spec(n)], there()]))"
    )
    found, extras = json.loads(installed.called(["-c", code]).stdout)
    assert found == []
    assert set(extras.values()) == {False}
    assert {"sqs", "charts", "hdr", "gevent", "postgresql"} < set(extras)


def test_a_run_leaves_its_reports(run: tuple[Path, str]) -> None:
    folder, said = run
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "complete"
    assert list((folder / "blocks").rglob("*.parquet"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert libraries() in page
    text = (folder / "report.md").read_text(encoding="utf-8").replace("\\", "")
    wanted = f"drawing them here needs vl_convert, not installed here: {_install('charts')}."
    assert f"The charts are in report.html; {wanted}" in text
    assert "![" not in text
    assert f"with charts: results/{folder.name}/report.html" in said


def test_a_stored_run_is_shown_reported_and_compared(
    installed: Installed, run: tuple[Path, str]
) -> None:
    folder, _ = run
    compared = ROOT / "tests/report/stored_runs/brokers"
    forms = ("md", "html", "csv", "json", "md-comment", "junit", "pytest-benchmark", "openmetrics")
    commands = (
        *(("show", "latest"), ("report", "latest"), ("report", "latest", "--files")),
        *(("report", "latest", "--format", form) for form in forms),
        *(("compare", str(compared)), ("sql", "select * from cells"), ("history", "mine")),
    )
    last = ("report", "latest", "--format", "hgrm")
    *told, refused = _walk(installed, folder.parents[1], *commands, last)
    for words, (code, out, err) in zip(commands, told, strict=True):
        assert (code, err, out != "") == (0, "", True), words
    sentence = f"format hgrm needs hdrh, not installed here: {_install('hdr')}\n"
    assert refused == (ExitCode.USAGE, "", sentence)


def test_what_needs_an_extra_is_told_before_anything_starts(
    installed: Installed, tmp_path: Path
) -> None:
    for folder in ("configs", "scenarios"):
        (tmp_path / folder).mkdir()
    for name, part in _OWN.items():
        broker = "sqs" if name == "other-celery" else "redis"
        text = f"name: {name}\nbroker: {{service: {broker}}}\nbackend: {{service: redis}}\n{part}\n"
        (tmp_path / f"configs/{name}.yaml").write_text(text, encoding="utf-8")
    wanted = _scenario("one", "sqs-redis", "redis-s3", "redis-sqlite", *_OWN)
    (tmp_path / "scenarios/one.yaml").write_text(wanted, encoding="utf-8")
    ran, checked = _walk(installed, tmp_path, ("run", "one"), ("check", "one"))
    for words in (
        f"broker sqs needs boto3 and pycurl, not installed here: {_install('sqs')}",
        f"backend s3 needs boto3, not installed here: {_install('s3')}",
        f"backend sqlite needs sqlalchemy, not installed here: {_install('sqlite')}",
        f"pool gevent needs gevent, not installed here: {_install('gevent')}",
        f"serializer msgpack needs a library that is not installed: {_install('msgpack')}",
        f"broker sqs needs boto3, not installed here: {_install('sqs')}",
    ):
        assert words in ran[2]
        assert words in checked[1]
    # Whether a file is right does not go by the machine: there it is a note.
    assert (ran[0], checked[0]) == (ExitCode.USAGE, ExitCode.PASS)
    note = "note: to run here, configuration redis-s3: backend s3 needs boto3, "
    assert note in checked[1]
    assert not (tmp_path / "results").exists()


def test_lists_and_the_doctor_say_what_is_not_here(installed: Installed) -> None:
    found = _walk(
        installed, installed.empty, ("list", "configurations"), ("list", "backends"), ("doctor",)
    )
    listed, backends, doctor = (out for _, out, _ in found)
    (row,) = (line for line in listed.splitlines() if line.startswith("sqs-redis "))
    assert "  [sqs] (not here)  " in row
    (row,) = (line for line in listed.splitlines() if line.startswith("redis "))
    assert "[" not in row
    assert "[postgresql] (not here)" in backends
    lines = [" ".join(line.split()) for line in doctor.splitlines()]
    assert [
        line for line in lines if line.startswith("extras ok here: none; left out: gevent, sqs")
    ]
    at = lines.index("boto3 - only for sqs, dynamodb and s3")
    assert lines[at + 1] == f"to get it: {_install('sqs')}"
    assert "vl-convert-python - only for pictures in report.md" in lines
    assert "cannot be loaded" not in doctor
