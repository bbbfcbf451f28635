"""Names for runs: `harness baseline set | list | remove`."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from harness.cli import exit_code_of
from harness.errors import ExitCode, RecordError
from harness.results.history.baselines import (
    BASELINES_FILE,
    read_baselines,
    remove_baseline,
    resolve,
    set_baseline,
)
from tests.history.stores import plain_run, run_id, store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three complete runs and a partial one."""
    records = [plain_run(night, 500) for night in range(3)]
    return store(tmp_path / "store", [*records, plain_run(3, 500, status="partial")])


@pytest.mark.parametrize("name", [run_id(1), "000001", "PATH"])
def test_a_name_stands_for_a_run(folder: Path, name: str) -> None:
    set_baseline("main", str(folder / run_id(1)) if name == "PATH" else name, folder)
    assert resolve("main", folder).run_id == run_id(1)
    assert [*read_baselines(folder)] == ["main"]


def test_a_name_can_be_given_to_another_run(folder: Path) -> None:
    set_baseline("main", "000000", folder)
    set_baseline("v1.0", "000000", folder)
    set_baseline("main", "000002", folder)
    assert {name: one.run for name, one in read_baselines(folder).items()} == {
        "main": run_id(2),
        "v1.0": run_id(0),
    }
    assert remove_baseline("main", folder).run == run_id(2)
    assert [*read_baselines(folder)] == ["v1.0"]
    assert (folder / run_id(2)).is_dir()


@pytest.mark.parametrize("name", ["", ".", "..", "-x", "a/b", "a b", "a\n", "é", "x" * 65])
def test_what_is_no_name(folder: Path, name: str) -> None:
    with pytest.raises(RecordError, match="a baseline cannot be called"):
        set_baseline(name, "000000", folder)
    assert not (folder / BASELINES_FILE).exists()


def test_a_baseline_is_a_complete_run_of_the_store(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is partial: a baseline must be a complete run"):
        set_baseline("main", "000003", folder)
    other = store(tmp_path / "other", [plain_run(9, 500)])
    with pytest.raises(RecordError, match=r"is not in the store .*copy it there"):
        set_baseline("main", str(other / run_id(9)), folder)
    with pytest.raises(RecordError, match="no run 'nothing'"):
        set_baseline("main", "nothing", folder)


def test_a_run_that_is_gone(folder: Path) -> None:
    set_baseline("main", "000000", folder)
    (folder / run_id(0)).rename(folder / ".gone")
    with pytest.raises(RecordError, match=r"baseline 'main': its run .* is gone; bring it back"):
        resolve("main", folder)


def test_an_unknown_name(folder: Path) -> None:
    set_baseline("main", "000000", folder)
    for use in (resolve, remove_baseline):
        with pytest.raises(RecordError, match=r'no baseline \'mian\' .*did you mean "main"'):
            use("mian", folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a file of baselines"),
        ("[]", "not a file of baselines"),
        ('{"schema_version": 1, "baselines": {"main": 3}}', "not a file of baselines"),
        ('{"schema_version": 2, "baselines": {}}', "written by a newer harness"),
    ],
)
def test_a_file_that_is_none(folder: Path, text: str, message: str) -> None:
    (folder / BASELINES_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=message):
        read_baselines(folder)
    with pytest.raises(RecordError, match=message):
        set_baseline("main", "000000", folder)
    assert (folder / BASELINES_FILE).read_text(encoding="utf-8") == text


def test_two_at_a_time_lose_nothing(folder: Path) -> None:
    names = [f"n{number}" for number in range(24)]
    threads = [
        threading.Thread(target=set_baseline, args=(name, "000000", folder)) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_baselines(folder)) == sorted(names)
    assert not list(folder.glob(".baselines-*"))


def test_the_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert exit_code_of(["baseline", *words, "--store", str(folder)]) == ExitCode.PASS
        return capsys.readouterr().out

    assert said("list") == f"no baselines in {folder}; harness baseline set NAME RUN\n"
    assert said("set", "main", "000001") == f"main: {run_id(1)}\n"
    assert said("set", "main", "000002") == f"main: {run_id(2)} (was {run_id(1)})\n"
    stored = json.loads((folder / BASELINES_FILE).read_text(encoding="utf-8"))
    set_at = stored["baselines"]["main"]["set_at"]
    assert [line.split() for line in said("list").splitlines()] == [
        ["NAME", "RUN", "SET", "AT"],
        ["main", run_id(2), set_at],
    ]
    (folder / run_id(2)).rename(folder / ".gone")
    assert f"{run_id(2)} (gone)" in said("list")
    assert said("remove", "main") == f"main stood for {run_id(2)}\n"
    assert "no baselines" in said("list")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "--store", "nowhere"], "no store nowhere; name the folder"),
        (["set", "main", "latest", "--store", "nowhere"], "no run 'latest'"),
        (["remove", "main", "--store", "nowhere"], "no baseline 'main' in nowhere"),
        (["set", "main"], "Missing argument 'RUN'"),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert exit_code_of(["baseline", *words]) == ExitCode.USAGE
    assert message in capsys.readouterr().err
