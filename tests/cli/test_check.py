"""`harness check`, `harness list` and `harness schema`, as the shell runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import ExitCode
from tests.cli.project import ROOT, harness

GOOD = "name: c\nbroker: {service: redis}\nbackend: {service: redis}\n"
SCENARIO = "name: s\nconfigurations: [c]\nworkloads: [add]\nloads: [closed]\nmeasure: {units: 5}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("configs/c.yaml", GOOD), ("scenarios/s.yaml", SCENARIO)):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_what_ships_has_no_problems() -> None:
    result = harness("check", "configs", "scenarios")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith(" files, no problems\n")


def test_a_project_folder_means_its_two_folders(folder: Path) -> None:
    (folder / "docker-compose.yml").write_text("services: {}\n", encoding="utf-8")
    result = harness("check", ".", folder=folder)
    begin = "scenarios/s.yaml: 1 cell, 1 block, about 2 s; at most 3 min 30 s\n"
    assert (result.returncode, result.stdout) == (0, f"{begin}2 files, no problems\n")


def test_one_file(folder: Path) -> None:
    result = harness("check", "configs/c.yaml", folder=folder)
    assert result.stdout == "1 file, no problems\n"
    result = harness("check", "scenarios/s.yaml", folder=folder)
    # 20 warm-up units and 5 of 30 s at most by eight callers: 3 rounds and one; the rest is 90 s.
    first, plan, *more = result.stdout.splitlines()
    assert (first, plan) == (
        "1 file, no problems",
        "1 cell, 1 block, about 2 s; at most 3 min 30 s",
    )
    assert [line.split()[0] for line in more] == ["time", "cores", "memory", "sees"]


def test_what_stands_behind_the_numbers_is_said_when_asked(folder: Path) -> None:
    """Of the cell in this folder's own last run, where there is one; here, nobody knows."""
    result = harness("check", "--explain", "scenarios/s.yaml", folder=folder)
    assert (result.returncode, result.stderr) == (0, "")
    _, _, behind = result.stdout.partition("c/add/closed-8:\n")
    assert [line.split()[0] for line in behind.splitlines()] == ["time", "memory", "server"]
    assert "assumed" in behind


def test_every_problem_is_printed_once(folder: Path) -> None:
    (folder / "configs" / "c.yaml").write_text(GOOD + "x: 1\ny: 2\n", encoding="utf-8")
    result = harness("check", "configs", "scenarios", "gone.yaml", folder=folder)
    assert result.returncode == ExitCode.USAGE
    known = "known here: name, description, broker, backend, settings, queues, worker, workers, "
    known += "celery, network"
    assert result.stdout.splitlines() == [
        f'configs/c.yaml:4:1: unknown key "x"; {known}',
        f'configs/c.yaml:5:1: unknown key "y"; {known}',
        "gone.yaml:1:1: there is no such file",
    ]
    assert result.stderr == ""


def test_a_folder_without_yaml(tmp_path: Path) -> None:
    result = harness("check", ".", folder=tmp_path)
    assert result.returncode == ExitCode.USAGE
    assert result.stdout == ".:1:1: no YAML files in this folder\n"


def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    result = harness("check", "caf\udce9.yaml", folder=tmp_path)
    assert result.returncode == ExitCode.USAGE
    assert result.stdout == "caf\\udce9.yaml:1:1: there is no such file\n"
    assert result.stderr == ""


def test_list_all() -> None:
    result = harness("list")
    assert result.returncode == 0
    for word in ("rabbitmq-redis", "quickstart", "heavy_task", "in_flight=8", "broker rabbitmq"):
        assert word in result.stdout


def test_list_shows_an_invalid_file_as_such(folder: Path) -> None:
    (folder / "configs" / "bad.yaml").write_text("x: 1\n", encoding="utf-8")
    result = harness("list", "configurations", folder=folder)
    assert result.returncode == 0
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert [row for row in rows if "configs/" in "".join(row)] == [
        ["bad", "configs/bad.yaml", "(invalid:", "see", "harness", "check)"],
        ["c", "redis", "redis", "1", "x", "prefork-2", "configs/c.yaml"],
    ]


def test_list_outside_a_project_shows_what_is_shipped(tmp_path: Path) -> None:
    result = harness("list", "configurations", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    named = {line.split()[0] for line in result.stdout.splitlines() if line[:1].strip()}
    assert named >= {"redis", "rabbitmq", "faults/redis-aof"}


def test_check_takes_names(folder: Path) -> None:
    assert harness("check", "c", "redis", folder=folder).stdout == "2 files, no problems\n"
    mistyped = harness("check", "redsi", folder=folder)
    assert mistyped.returncode == ExitCode.USAGE
    told = 'redsi:1:1: no configuration or scenario "redsi" (did you mean "redis"?)\n'
    assert mistyped.stdout == told


def test_check_says_which_file_a_name_means(folder: Path) -> None:
    """Where a shipped one has the name, too."""
    (folder / "configs" / "redis.yaml").write_text(GOOD.replace(": c", ": redis"), encoding="utf-8")
    (folder / "scenarios" / "s.yaml").write_text(SCENARIO.replace("[c]", "[redis]"), "utf-8")
    told = harness("check", "s", folder=folder)
    meant = "harness: configs/redis.yaml is meant, not the shipped redis\n"
    assert (told.returncode, told.stderr) == (0, meant)


def test_schema_is_json() -> None:
    result = harness("schema", "configuration")
    assert result.returncode == 0
    schema = json.loads(result.stdout)
    assert schema["required"] == ["name", "broker", "backend"]


def test_schema_check_and_write(tmp_path: Path) -> None:
    assert harness("schema", "--check").stdout == "3 schemas, current\n"
    stale = harness("schema", "--check", folder=tmp_path)
    assert stale.returncode == ExitCode.USAGE
    assert stale.stderr.startswith("out of date: schemas/configuration.schema.json, ")
    assert harness("schema", "--write", folder=tmp_path).returncode == 0
    assert harness("schema", "--check", folder=tmp_path).returncode == 0
    for name in ("configuration", "scenario"):
        file = f"schemas/{name}.schema.json"
        assert (tmp_path / file).read_bytes() == (ROOT / file).read_bytes()
