"""What the shell sees of backends: the matrix, a library that is missing, a question without an
answer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.scenario.checks.combinations import installation_conflicts
from harness.scenario.vendors.registry import BACKENDS, VENDORS
from tests.backends.kinds import configuration
from tests.cli.project import harness
from tests.scenario.project import Project, make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def test_the_matrix_is_printed() -> None:
    result = harness("list", "backends")
    head, *rows = [line.split() for line in result.stdout.splitlines()]
    assert head[:4] == ["BACKEND", "redis", "rabbitmq", "sqs"]
    works = {row[0]: row[1:4] for row in rows}
    assert list(works) == [
        *("redis", "rpc", "sqlite", "postgresql", "mysql", "filesystem", "memcached"),
        *("dynamodb", "s3", "none"),
    ]
    assert works.pop("rpc") == ["yes", "yes", "no"]
    assert set(map(tuple, works.values())) == {("yes", "yes", "yes")}
    abilities = {row[0]: row[4:8] for row in rows}
    assert abilities["redis"] == ["yes", "yes", "yes", "push"]
    assert abilities["rpc"] == ["yes", "yes", "no", "push"]
    assert abilities["s3"] == ["yes", "yes", "yes", "poll"]
    assert abilities["none"] == ["no", "no", "no"]


@pytest.mark.parametrize("backend", [name for name in BACKENDS if VENDORS[name].clients.extra])
def test_a_missing_library_names_the_extra(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = VENDORS[backend].clients.modules[-1]
    assert installation_conflicts(configuration(backend)) == []
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == missing else found(name)
    )
    ((place, message),) = installation_conflicts(configuration(backend))
    assert place == ("backend", "service")
    assert missing in message
    assert message.endswith(f"pip install 'celery-config-bench[{backend}]'")


@pytest.mark.parametrize(
    ("backend", "settings", "asked", "words"),
    [
        ("{service: none}", "{}", "count", "with backend none no results are left anywhere"),
        (
            "{service: redis}",
            "{task_ignore_result: true}",
            "count",
            "with task_ignore_result no results are left anywhere",
        ),
        ("{service: redis}", "{}", "expire", "set result_expires to 300 seconds or less"),
        (
            "{service: sqlite}",
            "{result_expires: 301}",
            "expire",
            "set result_expires to 300 seconds or less",
        ),
        ("{service: dynamodb, ttl: 400}", "{}", "expire", "set result_expires"),
    ],
)
def test_questions_without_an_answer(
    project: Project, backend: str, settings: str, asked: str, words: str
) -> None:
    project.configuration(
        f"name: c\nbroker: {{service: redis}}\nbackend: {backend}\nsettings: {settings}\n"
    )
    project.change(f"measure: {{units: 5, results_left: {asked}}}")
    project.change("loads: [backlog]")
    assert any(words in problem for problem in project.problems()), project.problems()


def test_external_s3_needs_a_bucket(project: Project) -> None:
    text = "name: c\nbroker: {service: redis}\nbackend: {service: s3, provider: external}\n"
    project.configuration(text)
    (problem,) = project.problems()
    assert problem.endswith('external s3 needs a "bucket:" that exists: Celery makes none')


def test_a_scheme_that_is_not_the_backends(project: Project) -> None:
    text = (
        "name: c\nbroker: {service: redis}\n"
        "backend: {service: postgresql, provider: external, url: 'mysql://host/d'}\n"
    )
    project.configuration(text)
    (problem,) = project.problems()
    assert "the url begins with one of postgresql, " in problem


def test_what_choose_backend_asks_can_be_answered() -> None:
    result = harness("check", "scenarios/choose-backend.yaml")
    assert (result.returncode, result.stderr) == (ExitCode.PASS, "")
