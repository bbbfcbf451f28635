"""Every command that a document shows in a block of its own is executed, or says why not.

In a project of the test's own, with stored runs that the documents speak of. Those that measure are
given less to measure: see `commands.SPECIAL`.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from harness.cli import cli, exit_code_of
from harness.init.files import SMOKE, SPEED
from harness.results.history.baselines import set_baseline
from harness.results.record.run import RunRecord
from tests.compare.runs import ratio_run
from tests.docs.commands import ROOT, SPECIAL, AsItIs, DryRun, Parse, Run, commands, how
from tests.history.stores import paired_run, plain_run, store

COMMANDS = commands()
EXECUTED = [command for command in COMMANDS if isinstance(how(command), Run | AsItIs)]
PARSED = [command for command in COMMANDS if isinstance(how(command), Parse)]
NEWEST = "20271124T163238Z-quickstart-b0beaa"
"""A run with samples, which some exports need."""
COMPARED = (0, 1)
"""`harness compare` did its work, whatever it found."""
MADE = [command for command in COMMANDS if isinstance(how(command), DryRun)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a reader has it when the document speaks of it, with temporary files of its
    own: nobody else's sweep comes here."""
    for name in ("configs", "scenarios"):
        shutil.copytree(ROOT / name, tmp_path / name)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (late_acks,) = re.findall(r"```yaml\n(name: late-acks\n.*?)```", readme, re.DOTALL)
    (tmp_path / "scenarios/late-acks.yaml").write_text(late_acks, encoding="utf-8")
    results = store(
        tmp_path / "results",
        [paired_run(night, 1.0) for night in range(3)]
        + [plain_run(3, 500, scenario={"name": "smoke-ab"})]
        + [_named(short) for short in ("4f1a9c", "aaaaaa", "bbbbbb")],
    )
    shutil.copytree(ROOT / "results/reference", results / NEWEST)
    record = results / NEWEST / "run.json"
    text = record.read_text(encoding="utf-8").replace("20261124T163238Z", NEWEST[:16])
    record.write_text(text, encoding="utf-8")
    set_baseline("main", NEWEST, results)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _named(short: str) -> RunRecord:
    return ratio_run(1.0, run_id=f"20260601T000000Z-example-{short}")


def _late_acks_run() -> RunRecord:
    """What a run of scenarios/late-acks.yaml leaves: cells that differ in one setting."""
    made = ratio_run(0.9, run_id="20280101T000000Z-late-acks-cccccc")
    config = made.cells[0].config
    cells = tuple(
        cell.model_copy(
            update={
                "name": f"redis[task_acks_late={word}]/add/closed-8",
                "axes": {"settings.task_acks_late": value},
                "config": config,
            }
        )
        for cell, word, value in zip(made.cells, ("false", "true"), (False, True), strict=True)
    )
    compare = {"base": "task_acks_late=false", "margin": 0.05}
    scenario = {"name": "late-acks", "compare": compare}
    return made.model_copy(update={"cells": cells, "scenario": scenario})


def test_every_command_is_tried_or_says_why_not() -> None:
    forgotten = {command: where for command, where in COMMANDS.items() if how(command) is None}
    assert not forgotten, "give it a line in tests/docs/commands.py"
    assert len(EXECUTED) > 20


def test_no_line_is_left_of_a_command_that_is_gone() -> None:
    assert not [command for command in SPECIAL if command not in COMMANDS]


@pytest.mark.parametrize("command", EXECUTED)
def test_it_works(command: str, project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    way = how(command)
    assert isinstance(way, Run | AsItIs)
    _, *words = shlex.split(command.partition(" >")[0])
    if isinstance(way, Run):
        words += way.shorter
    else:
        words = [way.replaced.get(word, word) for word in words]
    if command.startswith("harness compare latest"):
        store(project / "results", [_late_acks_run()])
    before = set((project / "results").iterdir())
    try:
        code = exit_code_of(words)
    except SystemExit as end:  # how a command ends that has a code of its own
        code = int(end.code or 0)
    captured = capfd.readouterr()
    assert code in COMPARED if words[0] == "compare" else code == 0, captured.err
    assert captured.out or "--output" in words
    assert "Traceback" not in captured.err
    if "--output" in words:
        target = Path(words[words.index("--output") + 1])
        assert list(project.glob(f"{target.stem}*{target.suffix}"))
    if isinstance(way, Run):
        assert len(set((project / "results").iterdir()) - before) == 1
        assert list((project / "tmp").iterdir()) == []


@pytest.mark.parametrize("command", PARSED)
def test_its_arguments_are_understood(command: str) -> None:
    _, name, *words = shlex.split(command)
    with click.Context(cli) as context:
        found = cli.get_command(context, name)
        assert found is not None
        parsed = found.make_context(name, words, parent=context)
    scenario = parsed.params.get("scenario")
    written = (SMOKE, SPEED)
    assert scenario is None or str(scenario) in written or (ROOT / scenario).is_file()


@pytest.mark.parametrize("command", MADE)
def test_make_knows_it(command: str) -> None:
    shown = subprocess.run(
        [*shlex.split(command), "-n"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert "bin/" in shown.stdout


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_shows_an_example(name: str) -> None:
    with click.Context(cli) as context:
        found = cli.get_command(context, name)
        assert found is not None
        shown = found.get_help(click.Context(found, info_name=f"harness {name}"))
    assert re.search(rf"Examples?:\s+harness {name}\b", shown)
