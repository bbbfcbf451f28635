"""A table of bad files, and bad things that are no text: each gives clean, exact problems."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.scenario.plan.loader import check_file
from tests.scenario.files import malformed
from tests.scenario.project import CONFIGURATION, Project


def complaints(path: Path) -> list[str]:
    return [f"{one.line}:{one.column}: {one.message}" for one in check_file(path)]


@pytest.mark.parametrize(("text", "expected"), malformed.SYNTAX + malformed.CONFIGURATIONS)
def test_configuration(project: Project, text: str, expected: list[str]) -> None:
    assert complaints(project.configuration(text)) == expected


@pytest.mark.parametrize(("line", "expected"), malformed.ADDED)
def test_configuration_with_a_bad_line(project: Project, line: str, expected: list[str]) -> None:
    assert complaints(project.configuration(f"{CONFIGURATION}{line}\n")) == expected


@pytest.mark.parametrize(("line", "expected"), malformed.ADDED)
def test_a_scenario_says_the_same_of_its_configuration(
    project: Project, line: str, expected: list[str]
) -> None:
    """And may find that the two do not go together, in its own file."""
    project.configuration(f"{CONFIGURATION}{line}\n")
    of_configuration = [one for one in project.problems() if one.startswith("configs/")]
    assert of_configuration == [f"configs/c.yaml:{one}" for one in expected]


@pytest.mark.parametrize(("line", "expected"), malformed.SCENARIOS)
def test_scenario(
    project: Project, line: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    project.change(line)
    assert complaints(Path("scenarios/s.yaml")) == expected


def test_the_table_is_as_large_as_promised() -> None:
    tables = (
        malformed.SYNTAX,
        malformed.CONFIGURATIONS,
        malformed.ADDED,
        malformed.SCENARIOS,
    )
    assert sum(map(len, tables)) >= 140


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"name: caf\xe9\n", ["1:10: not UTF-8 text: save it as UTF-8"]),
        ("name: x\n".encode("utf-16"), ["1:1: not UTF-8 text: save it as UTF-8"]),
        (b"a: b\n" * 60_000, ["1:1: larger than 256 KiB: this is not one of our files"]),
        (b"\x7f\x00", ["1:1: a character that YAML does not allow"]),
        (b"[" * 2000, ["1:1: nested more than 40 levels deep"]),
        (b"[" * 60 + b"]" * 60, ["1:1: nested more than 40 levels deep"]),
    ],
)
def test_bytes(project: Project, raw: bytes, expected: list[str]) -> None:
    path = project.folder / "configs" / "c.yaml"
    path.write_bytes(raw)
    assert complaints(path) == expected


def test_an_alias_bomb_is_not_followed(project: Project) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    path = project.configuration("\n".join(lines))
    assert complaints(path) == ["1:1: more than 20000 values once its aliases are followed"]


def test_aliases_work(project: Project) -> None:
    text = "name: c\nbroker: &server {service: redis}\nbackend: *server\n"
    assert complaints(project.configuration(text)) == []


def test_a_byte_order_mark_is_no_character(project: Project) -> None:
    path = project.folder / "configs" / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + CONFIGURATION.encode())
    assert complaints(path) == []


def test_things_that_are_no_readable_file(project: Project) -> None:
    assert complaints(project.folder / "configs" / "gone.yaml") == ["1:1: there is no such file"]
    assert complaints(project.folder / "configs") == ["1:1: is a folder, not a file"]
    os.mkfifo(project.folder / "pipe.yaml")
    assert complaints(project.folder / "pipe.yaml") == ["1:1: is not a regular file"]
    assert complaints(project.folder / "nul\0.yaml") == ["1:1: there is no such file"]
    assert complaints(project.folder / ("x" * 300)) == ["1:1: cannot be read: File name too long"]


def test_all_problems_of_all_files_at_once(project: Project) -> None:
    project.configuration("name: c\nbroker: {service: redes}\nbackend: {service: redis}\n")
    project.configuration(CONFIGURATION.replace("name: c", "name: d") + "extra: 1\n", "d")
    project.change("configurations: [c, d, e]")
    project.change("measure: {unitz: 5}")
    assert [":".join(problem.split(":")[:3]) for problem in project.problems()] == [
        "configs/c.yaml:2:19",
        "configs/d.yaml:4:1",
        "scenarios/s.yaml:2:24",
        "scenarios/s.yaml:5:11",
    ]


def test_neither_kind(project: Project) -> None:
    path = project.folder / "other.yaml"
    path.write_text("services: {}\n", encoding="utf-8")
    (only,) = complaints(path)
    assert only.startswith("1:1: neither a configuration nor a scenario")


def test_one_fault_in_each_layer(project: Project) -> None:
    """None hides another: bad values and unknown keys at any depth, settings, combinations within
    a configuration, the matrix, cells, gates."""
    project.configuration(
        "name: c\n"
        "broker: {service: redis, isolaton: prefix}\n"
        "backend: {service: memcached}\n"
        "worker: {pool: solo, concurrency: 2, count: many}\n"
        "settings: {task_ack_late: true}\n"
    )
    project.configuration(CONFIGURATION.replace("name: c", "name: d"), "d")
    for line in (
        "configurations: [c, d, e]",
        "matrix: {worker.conurrency: [1], settings.task_acks_late: [true, maybe]}",
        "workloads: [{workload: add, payload_bytes: 2000000}, {workload: nope}, "
        "{workload: chain, length: 2, colour: red, loads: [{load: backlog, publish: batch}]}, "
        "{workload: heavy_task, n: 100, sleep: 1s}]",
        "loads: [{load: closed, in_flight: lots}, {load: rate, rate: 5, senders: 0}]",
        "measure: {units: 5, tmeout: 5s}",
        "gates: [p99(latency.totl) < 1s]",
        "nonsense: 1",
    ):
        project.change(line)
    told = [
        'configs/c.yaml:2:26: unknown key "isolaton" (did you mean "isolation"?)',
        "configs/c.yaml:4:35: pool solo runs one task at a time",
        'configs/c.yaml:4:45: expected a whole number, not "many"',
        'configs/c.yaml:5:12: Celery has no setting "task_ack_late"',
        'scenarios/s.yaml:2:24: no configuration "e"',
        "scenarios/s.yaml:3:44: 2,000,000 bytes come back as a result",
        'scenarios/s.yaml:3:65: unknown workload "nope"',
        'scenarios/s.yaml:3:101: unknown key "colour"',
        "scenarios/s.yaml:3:147: Celery publishes a chain past any batch",
        "scenarios/s.yaml:3:183: one unit takes at least 98 s, and the timeout is 5 s",
        'scenarios/s.yaml:4:35: expected a whole number, not "lots"',
        "scenarios/s.yaml:4:73: must be at least 1, not 0",
        'scenarios/s.yaml:5:21: unknown key "tmeout" (did you mean "timeout"?)',
        'scenarios/s.yaml:6:10: unknown key "conurrency"',
        'scenarios/s.yaml:6:66: task_acks_late: expected true or false, not "maybe"',
        'scenarios/s.yaml:7:13: gate "p99(latency.totl) < 1s": unknown metric',
        'scenarios/s.yaml:8:1: unknown key "nonsense"',
    ]
    found = project.problems()
    assert len(found) == len(told), "\n".join(found)
    for problem, begins in zip(found, told, strict=True):
        assert problem.startswith(begins)


def test_what_only_follows_from_a_fault_is_not_told(project: Project) -> None:
    """A misspelt key is taken for what it was meant as, an empty list for no list at all."""
    for line, told in (
        ("measure: {unitz: 5}", "5:11: unknown key"),
        ("loads: []", "4:8: needs at least one entry"),
        ("loads: [{load: rate, raet: 5/s}]", "4:22: unknown key"),
        ("measure: {units: 5, duration: 5s}", "5:1: give units or duration, not both"),
    ):
        before = project.scenario.read_text(encoding="utf-8")
        project.change(line)
        (problem,) = project.problems()
        assert problem.startswith(f"scenarios/s.yaml:{told}"), problem
        project.scenario.write_text(before, encoding="utf-8")
