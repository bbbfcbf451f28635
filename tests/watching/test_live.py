"""The live view in a real pseudo-terminal, and JSON lines of a real run."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import pytest

from harness.results.store.run_folders import read_run
from tests.cli.project import harness
from tests.runner.conftest import site as site  # noqa: PLC0414 - a fixture
from tests.runner.forked import Command
from tests.runner.running import PATIENCE_S, ROOT, SLEEPING, Site, wait_for

SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
SCHEMA = json.loads((ROOT / "schemas/progress.schema.json").read_text(encoding="utf-8"))


@dataclass
class Terminal:
    """A harness whose standard error is a terminal of ours."""

    process: Command | subprocess.Popen[bytes]
    master: int
    said: str = field(default="")

    def read_until(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.said:
            assert time.monotonic() < deadline, f"{words}: not in\n{self.said}"
            self._read()

    def read_to_the_end(self) -> None:
        with suppress(EOFError):
            while True:
                self._read()

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def _read(self) -> None:
        try:
            data = os.read(self.master, 65536)
        except OSError:  # Linux says so when nobody holds the other end any more
            raise EOFError from None
        if not data:
            raise EOFError
        self.said += data.decode()


@contextmanager
def _terminal(site: Site, *arguments: str, term: str = "xterm-256color") -> Iterator[Terminal]:
    printed = site.folder / "printed"
    words = ("run", "scenarios/s.yaml", *arguments)
    with _pseudo_terminal() as (master, slave):
        name = Path(os.ttyname(slave))
        process = Command(words, site.folder, _environment(site, term), name, printed)
        try:
            wait_for(printed.exists, "a command that has opened the terminal")
            os.close(slave)
            yield Terminal(process, master)
        finally:
            process.kill()


def _environment(site: Site, term: str) -> dict[str, str]:
    environ = {**site.environment(), "TERM": term}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environ.pop(name, None)
    return environ


@contextmanager
def _pseudo_terminal() -> Iterator[tuple[int, int]]:
    """Both ends; whoever has given the second one away closes it."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    try:
        yield master, slave
    finally:
        with suppress(OSError):
            os.close(master)


def _plain(text: str) -> str:
    """Without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def _run_of(site: Site) -> Path:
    (folder,) = site.results.iterdir()
    return folder


def test_a_run_is_shown_while_it_lasts_and_nothing_of_the_view_stays(site: Site) -> None:
    site.scenario(workloads=[SLEEPING], measure={"duration": "4s", "warmup": 2, "blocks": 1})
    with _terminal(site) as terminal:
        terminal.read_until("measuring")
        terminal.resize(60)
        terminal.read_to_the_end()
        assert terminal.process.wait(PATIENCE_S) == 0
        report = (site.folder / "printed").read_text(encoding="utf-8")
    said = _plain(terminal.said)
    assert re.search(r"ready after .*Valkey", said)
    assert re.search(r"measuring \d.\d s of 4.0 s +[━╸╺ ]+ +\d+ %", said)
    assert re.search(r"[\d.,]+ units/s.* p50 [\d.]+ ms  p99 [\d.]+ ms", said)
    assert re.search(r"published \d+  started \d+  finished \d+  completed \d+", said)
    assert re.search(r"\[1/1\] c/heavy_task-4/closed-4: [\d,.]+ units/s, [\d,]+ ok \(block", said)
    assert "> c/heavy_task-4/closed-4  0 of 1" in said
    # The cursor is back, after the last thing that was drawn.
    assert terminal.said.rindex(SHOW_CURSOR) > terminal.said.rindex(HIDE_CURSOR)
    assert "s: run " in report
    assert "\x1b[" not in report  # standard output is no terminal


def test_ctrl_c_in_the_live_view_keeps_what_was_measured(site: Site) -> None:
    site.scenario(workloads=[SLEEPING], measure={"duration": "60s", "warmup": 0})
    with _terminal(site) as terminal:
        terminal.read_until("units/s")
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.read_to_the_end()
        assert terminal.process.wait(PATIENCE_S) == 130
    assert terminal.said.rindex(SHOW_CURSOR) > terminal.said.rindex(HIDE_CURSOR)
    record = read_run(_run_of(site))
    assert record.status == "partial"
    assert record.blocks[0].outcomes.ok > 0


def test_an_error_leaves_the_terminal_as_it_was(site: Site) -> None:
    site.configuration(
        broker={"service": "redis", "provider": "external", "url": "redis://127.0.0.1:1/0"}
    )
    with _terminal(site) as terminal:
        terminal.read_to_the_end()
        assert terminal.process.wait(PATIENCE_S) == 2
    assert terminal.said.count(SHOW_CURSOR) == terminal.said.count(HIDE_CURSOR)
    last = _plain(terminal.said).strip().splitlines()[-1]
    assert "127.0.0.1:1" in last


def test_a_terminal_that_goes_away_does_not_end_the_measurement(site: Site) -> None:
    """As an interpreter of its own, which ends in its own way: with nowhere to say anything."""
    site.scenario(measure={"units": 300, "warmup": 0})
    command = [sys.executable, "-m", "harness", "run", "scenarios/s.yaml"]
    with (
        _pseudo_terminal() as (master, slave),
        subprocess.Popen(
            command,
            cwd=site.folder,
            env=_environment(site, "xterm-256color"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=slave,
        ) as process,
    ):
        os.close(slave)
        terminal = Terminal(process, master)
        terminal.read_until("starting")
        os.close(master)
        # No hang-up reaches it: this terminal is not its controlling one.
        assert process.wait(PATIENCE_S) == 0
    assert read_run(_run_of(site)).blocks[0].outcomes.ok == 300


def test_a_dumb_terminal_gets_lines(site: Site) -> None:
    site.scenario(measure={"units": 20, "warmup": 0})
    with _terminal(site, term="dumb") as terminal:
        terminal.read_to_the_end()
        assert terminal.process.wait(PATIENCE_S) == 0
    assert "\x1b" not in terminal.said
    assert "[1/1] c/add/closed-4 ..." in terminal.said


# --- JSON lines -----------------------------------------------------------------------------------


def test_json_lines_are_what_the_schema_says_and_agree_with_the_record(site: Site) -> None:
    site.scenario(
        loads=[{"load": "closed", "in_flight": 4}, "backlog"], measure={"units": 200, "warmup": 2}
    )
    ended = site.run("--json-lines")
    assert (ended.code, ended.stderr) == (0, "")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for line in lines:
        validator.validate(line)
    events = [line["event"] for line in lines if line["event"] not in ("tick", "stage_begins")]
    assert events == [
        *("run_planned", "servers_ready"),
        *("block_starts", "block_ended") * 2,
        "run_ended",
    ]
    assert lines[-1] == {
        "event": "run_ended",
        "t_s": lines[-1]["t_s"],
        "run_id": ended.record.run_id,
        "folder": f"results/{ended.folder.name}",
        "status": "complete",
    }
    for number, block in enumerate(ended.record.blocks):
        told = [line for line in lines if line.get("block") == number]
        assert told[-1]["throughput_per_s"] == block.throughput_per_s
        stages = [line["stage"] for line in told if line["event"] == "stage_begins"]
        load = ended.record.cells[block.cell].load["load"]
        loaded = ["publishing", "consuming"] if load == "backlog" else ["measuring"]
        assert stages == ["starting", "warming up", *loaded, "checking", "stopping", "recording"]
        ticks = [line for line in told if line["event"] == "tick"]
        last = next(line for line in reversed(ticks) if line["stage"] == "checking")
        assert (last["published"], last["finished"], last["completed"]) == (200, 200, 200)
        assert last["outcomes"] == {"ok": 200}
    assert lines[0]["expected_s"] > 0, "assumed: nothing ran here before"
    checked = harness("check", "--explain", "scenarios/s.yaml", folder=site.folder)
    assert "assumed" not in checked.stdout, "the run has told all of it"
    assert f"(run {ended.record.run_id[-6:]})" in checked.stdout


def test_members_of_a_group_that_are_seen_one_by_one_are_one_unit(site: Site) -> None:
    site.configuration(worker={"pool": "threads", "concurrency": 2})
    site.scenario(
        workloads=[{"workload": "group", "size": 3}],
        loads=[{"load": "rate", "rate": 20}],
        measure={"units": 20, "warmup": 1},
    )
    ended = site.run("--json-lines")
    assert ended.code == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    stages = [line["stage"] for line in lines if line["event"] == "stage_begins"]
    assert stages[2:5] == ["measuring", "draining", "checking"]
    last = [line for line in lines if line["event"] == "tick" and line["stage"] == "checking"][-1]
    units = ended.block.units
    assert units == 20
    assert (last["published"], last["finished"], last["completed"]) == (units, 3 * units, units)
    assert last["outcomes"] == {"ok": units}


def test_every_event_and_field_is_documented() -> None:
    text = (ROOT / "docs/watching.md").read_text(encoding="utf-8")
    table = text.partition("| event | when | fields |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    lines = {
        model["properties"]["event"]["const"]: model["properties"].keys() - {"event", "t_s"}
        for model in SCHEMA["$defs"].values()
        if "event" in model.get("properties", {})
    }
    assert rows.keys() == lines.keys()
    for event, fields in lines.items():
        assert fields <= set(re.findall(r"`(\w+)`", rows[event])), event


def test_json_lines_whose_reader_left_do_not_end_the_measurement(site: Site) -> None:
    command = [sys.executable, "-m", "harness", "run", "scenarios/s.yaml", "--json-lines"]
    with subprocess.Popen(
        command, cwd=site.folder, env=site.environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.wait(PATIENCE_S)
    assert read_run(_run_of(site)).status == "complete"


def test_json_lines_or_nothing(site: Site) -> None:
    ended = site.run("--json-lines", "--quiet")
    assert ended.code == 2
    assert "exclude each other" in ended.stderr


@pytest.mark.parametrize("command", ["run", "ab"])
def test_the_options_are_explained(site: Site, command: str) -> None:
    shown = site.harness(command, "--help").stdout
    assert "--json-lines" in shown
    assert "harness docs watching" in " ".join(shown.split())
