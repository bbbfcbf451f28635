"""What the shell sees of `harness`: exit codes, streams, no traceback, light help."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import click
import pytest

from harness import __version__, cli
from harness.errors import ExitCode, ServiceError
from tests.cli.project import ROOT, harness

HEAVY = {"celery", "kombu", "pydantic", "numpy", "duckdb", "rich", "redis", "boto3", "yaml"}


def test_version() -> None:
    result = harness("--version")
    assert (result.returncode, result.stdout) == (0, f"harness {__version__}\n")


@pytest.mark.parametrize(
    "name",
    [name for name in cli.SUBCOMMANDS if name not in ("check", "selftest", "doctor", "schema")],
)
def test_the_folder_of_runs_has_one_name_everywhere(name: str) -> None:
    """Some call it `--out` or `--store` as well."""
    command = importlib.import_module(cli.SUBCOMMANDS[name].module).command
    parts = command.commands.values() if isinstance(command, click.Group) else [command]
    folders = {"--out", "--store", "--results"}
    for part in parts:
        named = [set(option.opts) & folders for option in part.params]
        assert all("--results" in names for names in named if names), part.name


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command_with_an_example(flag: str) -> None:
    result = harness(flag)
    assert result.returncode == 0
    for name, entry in cli.SUBCOMMANDS.items():
        assert f"  {name} " in result.stdout
        assert entry.summary in result.stdout
    assert "Example: harness run" in result.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from harness.cli import exit_code_of; exit_code_of(['--help']);"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(result.stdout.splitlines()[-1].split())
    assert not imported & HEAVY
    assert not {name for name in imported if name.startswith("harness.scenario")}


@pytest.mark.parametrize("name", ["check", "list", "schema"])
def test_help_of_a_command_shows_an_example(name: str) -> None:
    result = harness(name, "--help")
    assert result.returncode == 0
    assert f"Example: harness {name}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["chekc"],
            'no command "chekc" (did you mean "check"?); commands: run, resume, ab, check, list',
        ),
        (["zzz"], 'no command "zzz"; commands: run, resume, ab, check'),
        (["check"], "Missing argument 'PATHS...'"),
        (["check", "--sett", "x"], "No such option '--sett'"),
        (["list", "brokers"], "'brokers' is not one of"),
        (["schema", "configurations"], "'configurations' is not one of"),
        (["schema"], "which one? configuration or scenario or progress"),
        (["schema", "--check", "--write"], "exclude each other"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = harness(*arguments)
    assert result.returncode == ExitCode.USAGE
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_output_that_nobody_reads() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed_pipe:
        result = subprocess.run(
            [sys.executable, "-m", "harness", "schema", "scenario"],
            cwd=ROOT,
            stdout=closed_pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (result.returncode, result.stderr) == (cli.PIPE_CLOSED, "")


def with_command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command("fails")
    def fails() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: fails)


def test_an_error_of_ours_is_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_command(monkeypatch, ServiceError("no redis: start it"))
    assert cli.exit_code_of(["check"]) == ExitCode.USAGE
    assert capsys.readouterr().err == "no redis: start it\n"


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with_command(monkeypatch, KeyboardInterrupt())
    assert cli.exit_code_of(["check"]) == 130
    assert capsys.readouterr().err == "harness: interrupted\n"


def test_a_bug_leaves_its_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("bug")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.delenv("HARNESS_DEBUG", raising=False)
    with_command(monkeypatch, ZeroDivisionError("oops"))
    assert cli.exit_code_of(["check"]) == ExitCode.USAGE
    message = capsys.readouterr().err
    (file,) = folder.iterdir()
    assert message.splitlines() == [
        "harness: this is a bug: ZeroDivisionError: oops",
        f"Please report it with the traceback in {file}",
    ]
    assert "ZeroDivisionError: oops" in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0


def test_a_bug_without_room_for_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then it stands on the terminal; passwords of URLs nowhere."""
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    monkeypatch.delenv("HARNESS_DEBUG", raising=False)
    with_command(monkeypatch, ZeroDivisionError("at redis://:pw-4711@h/0"))
    assert cli.exit_code_of(["check"]) == ExitCode.USAGE
    message = capsys.readouterr().err
    assert "Traceback" in message
    assert "this is a bug: ZeroDivisionError: at redis://***@h/0" in message
    assert "pw-4711" not in message


def test_a_bug_with_debugging_on_shows_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_DEBUG", "1")
    with_command(monkeypatch, ZeroDivisionError("oops"))
    assert cli.exit_code_of(["check"]) == ExitCode.USAGE
    assert "Traceback" in capsys.readouterr().err
