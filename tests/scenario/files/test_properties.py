"""Whatever the input: a Plan or InvalidInput with printable problems, never anything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import InvalidInput, Problem
from harness.scenario.files.document import Document, Mark
from harness.scenario.files.yaml12 import parse
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.finding import yaml_files
from harness.scenario.plan.loader import check_file, load_plan
from tests.scenario.project import CONFIGURATION, SCENARIO, Project

ROOT = Path(__file__).parents[3]
SHIPPED = [
    path.read_text(encoding="utf-8")
    for folder in ("configs", "scenarios")
    for path in yaml_files(ROOT / folder)
]
ANY_FIXTURE = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["add", "closed", "redis", "${X}", "redis://:p@h", "5s", "yes", "[", "#"]),
)
KEYS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["broker", "backend", "service", "url", "settings", "worker", "pool"]),
    st.sampled_from(["workloads", "workload", "loads", "load", "measure", "units", "duration"]),
    st.sampled_from(["name", "matrix", "configurations", "worker.count", "task_acks_late", "n"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)


def outcome(path: Path, sets: Sequence[str] = ()) -> Plan | list[Problem]:
    """A plan or its problems; any other exception fails the test."""
    try:
        return load_plan(path, sets=sets, environ={})
    except InvalidInput as error:
        return error.problems


def loads_or_complains(project: Project, sets: Sequence[str] = ()) -> None:
    """The property itself."""
    result = outcome(project.scenario, sets)
    if isinstance(result, Plan):
        assert result.cells
        return
    assert result
    for problem in result:
        assert problem.line >= 1
        assert problem.column >= 1
        assert str(problem).isprintable()


@ANY_FIXTURE
@given(raw=st.binary(max_size=200))
@example(raw=b"\xff\xfe")
@example(raw=b'"\\UFFFFFFFF"')
@example(raw=b"%YAML 1." + b"9" * 5000 + b"\n---\na")
@example(raw=b"? " * 500)
@example(raw=b"- " * 500)
@example(raw=b"&a [*a, &a x]")
def test_any_bytes(project: Project, raw: bytes) -> None:
    project.scenario.write_bytes(raw)
    loads_or_complains(project)


@ANY_FIXTURE
@given(text=st.text(alphabet="abn:-[]{}#&*!|>'\"%@`?,. \t\n0159<=~\\_\u2028\x85", max_size=60))
def test_any_yaml_like_text(project: Project, text: str) -> None:
    project.configuration(text)
    loads_or_complains(project)


@ANY_FIXTURE
@given(tree=TREES)
def test_any_tree_as_either_file(project: Project, tree: Any) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True)
    project.configuration(text)
    loads_or_complains(project)
    project.configuration(CONFIGURATION)
    project.scenario.write_text(text, encoding="utf-8")
    loads_or_complains(project)


@ANY_FIXTURE
@given(key=st.sampled_from(["name", "broker", "backend", "settings", "worker"]), tree=TREES)
def test_any_tree_as_one_value_of_a_configuration(project: Project, key: str, tree: Any) -> None:
    data = {**yaml.safe_load(CONFIGURATION), key: tree}
    project.configuration(yaml.safe_dump(data, allow_unicode=True))
    loads_or_complains(project)


@ANY_FIXTURE
@given(
    key=st.sampled_from(["configurations", "workloads", "loads", "measure", "matrix"]), tree=TREES
)
def test_any_tree_as_one_value_of_a_scenario(project: Project, key: str, tree: Any) -> None:
    data = {**yaml.safe_load(SCENARIO), key: tree}
    project.scenario.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    loads_or_complains(project)


@ANY_FIXTURE
@given(
    text=st.sampled_from(SHIPPED),
    start=st.integers(0, 2000),
    length=st.integers(0, 6),
    inserted=st.text(alphabet=":-[]{}#&*'\"\t\n x1é", max_size=4),
)
def test_mutations_of_what_ships(
    project: Project, text: str, start: int, length: int, inserted: str
) -> None:
    start %= len(text)
    mutated = text[:start] + inserted + text[start + length :]
    project.configuration(mutated, "redis")
    project.configuration(mutated)
    for path in (project.folder / "configs" / "redis.yaml", project.folder / "configs" / "c.yaml"):
        assert all(str(problem).isprintable() for problem in check_file(path))
    project.scenario.write_text(mutated, encoding="utf-8")
    loads_or_complains(project)


@ANY_FIXTURE
@given(text=st.text(max_size=30))
@example(text="config.settings.a=&a [*a]")
@example(text="workloads.99999999999999999999.x=1")
@example(text="workloads.\u0663.x=1")
@example(text="measure=5")
@example(text="matrix.x=[{}, []]")
def test_any_set(project: Project, text: str) -> None:
    for one in (text, f"measure.{text}", f"config.settings.{text}", f"workloads.0={text}"):
        loads_or_complains(project, [one])


@settings(deadline=None)
@given(tree=TREES.filter(lambda tree: tree is not None))
def test_parsing_agrees_with_the_data_that_was_written(tree: Any) -> None:
    """Quoted text and plain numbers come back as they went in, with a spot for every value."""
    problems: list[Any] = []
    text = yaml.safe_dump(tree, default_style='"' if isinstance(tree, str) else None)
    document = parse(text, Mark("f", 1, 1), problems)
    if document is not None and not problems:
        assert len(document.spots) == count(document.data)
        lines = text.splitlines()
        assert all(spot.value.line <= len(lines) + 1 for spot in document.spots.values())


def count(data: Any) -> int:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return 1 + sum(map(count, inner))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("2026-01-01", "2026-01-01"),
        ("~", None),
        ("=", "="),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
    ],
)
def test_scalars_of_the_core_schema(text: str, value: object) -> None:
    document = parse(text, Mark("f", 1, 1), [])
    assert isinstance(document, Document)
    assert document.data == value
    assert type(document.data) is type(value)
