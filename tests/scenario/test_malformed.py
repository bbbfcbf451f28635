"""A table of bad files, and bad things that are no text: each gives clean, exact problems."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.scenario.loader import check_file
from tests.scenario import malformed
from tests.scenario.project import CONFIGURATION, Project


def complaints(path: Path) -> list[str]:
    return [f"{one.line}:{one.column}: {one.message}" for one in check_file(path)]


@pytest.mark.parametrize(("text", "expected"), malformed.SYNTAX + malformed.CONFIGURATIONS)
def test_configuration(project: Project, text: str, expected: list[str]) -> None:
    assert complaints(project.configuration(text)) == expected


@pytest.mark.parametrize(("line", "expected"), malformed.ADDED)
def test_configuration_with_a_bad_line(project: Project, line: str, expected: list[str]) -> None:
    assert complaints(project.configuration(f"{CONFIGURATION}{line}\n")) == expected


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
