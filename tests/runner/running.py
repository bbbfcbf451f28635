"""`harness run` in a process of its own, in a project and with temporary files of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psutil
import yaml

from harness.probe.recording.events import Kind
from harness.processes import is_alive
from harness.results.events.eventlog import Tail
from harness.results.record.run import BlockRecord, RunRecord
from harness.results.store.run_folders import read_run
from harness.workspace import MARK
from tests.runner.forked import Command

ROOT = Path(__file__).parents[2]
UNNEEDED = Path(__file__).parent / "unneeded"
"""On the import path of every process: stand-ins for what no test uses and all would load."""
PATIENCE_S = 150.0
LONG_PATIENCE_S = 270.0
"""For a run of many blocks, or of long ones; pytest's own ends after 300."""
SLEEPING: dict[str, Any] = {"workload": "heavy_task", "n": 4}
"""A task of 20 ms that takes hardly any processor time: for blocks that last some seconds."""
_LOOK_S = 0.01
_REST = 4
"""Times as long as a look takes is waited before the next one ..."""
_LONGEST_REST_S = 0.25
"""... but for no longer than this."""


def wait_for(reached: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Look again and again until something is so. A look at every process of the machine takes a
    core as long as it lasts, so dear looks are made less often."""
    deadline = time.monotonic() + patience_s
    began = time.monotonic()
    while not reached():
        now = time.monotonic()
        assert now < deadline, f"{what}: not within {patience_s:g} s"
        time.sleep(min(max(_LOOK_S, _REST * (now - began)), _LONGEST_REST_S))
        began = time.monotonic()


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str
    results: Path

    @property
    def words(self) -> str:
        """Its report on one line: where lines break depends on the terminal."""
        return " ".join(self.stdout.split())

    @property
    def folder(self) -> Path:
        """The folder of the one run that was made."""
        (folder,) = self.results.iterdir()
        return folder

    @property
    def record(self) -> RunRecord:
        return read_run(self.folder)

    @property
    def block(self) -> BlockRecord:
        """Its only block."""
        (block,) = self.record.blocks
        return block

    def workers_said(self, block: BlockRecord) -> str:
        """The logs of a block's workers, one after the other."""
        logs = sorted((self.folder / block.files["logs"]).glob("worker*.log"))
        return "".join(log.read_text(encoding="utf-8") for log in logs)

    def rows(self, block: BlockRecord, table: str) -> list[dict[str, Any]]:
        """All rows of a block's `units` or `tasks`, read by a program that is not the harness."""
        with duckdb.connect() as database:
            found = database.execute(
                "SELECT * FROM read_parquet($path)", {"path": str(self.folder / block.files[table])}
            )
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def never_told(ended: Ended, block: BlockRecord) -> int:
    """Units of which every task was stored, and whose caller timed out all the same: see "Celery's
    get() on Redis" in docs/limits.md."""
    stored = {row["unit"] for row in ended.rows(block, "tasks")}
    stored -= {row["unit"] for row in ended.rows(block, "tasks") if row["stored_ns"] is None}
    units = ended.rows(block, "units")
    return sum(row["outcome"] == "timed_out" and row["unit"] in stored for row in units)


@dataclass
class Running:
    """A `harness` command under way."""

    process: Command
    site: Site
    _said: Path

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return self._said.read_text(encoding="utf-8")

    def wait_for(self, reached: Callable[[], bool], what: str) -> None:
        """Wait for something while the command runs; it must not end before."""

        def look() -> bool:
            if reached():
                return True
            assert self.process.poll() is None or reached(), f"{what}: ended\n{self.stderr}"
            return False

        wait_for(look, what)

    def wait_said(self, words: str) -> None:
        """Wait until a progress line holds these words."""
        self.wait_for(lambda: words in self.stderr, words)

    def wait_event(self, kind: Kind, count: int = 1, *, block: int = 0) -> None:
        """Wait until the event logs of a block hold that many events of a kind."""
        tail: list[Tail] = []

        def enough() -> bool:
            if not tail:
                found = list(self.site.results.glob(f"*/blocks/{block:03d}/events"))
                tail.extend(map(Tail, found))
            with contextlib.suppress(OSError):  # the block has ended between two looks
                for one in tail:
                    one.refresh()
            return any(one.count(kind) >= count for one in tail)

        self.wait_for(enough, f"{count} events {kind.name}")

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the harness alone, as no group leader's terminal would."""
        os.kill(self.process.pid, number)

    def ended(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for its end."""
        code = self.process.wait(patience_s)
        return Ended(code, self.process.stdout, self.stderr, self.site.results)


@dataclass(frozen=True)
class Site:
    """A project in a folder of the test's own: configurations, a scenario, results."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    executes: bool = False
    """Whether its workers and clients are executed as for a user, not forked (`children.py`)."""

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def temporary(self) -> Path:
        """TMPDIR of every command: nobody else's sweep comes here, and it must be empty after."""
        return self.folder / "tmp"

    @property
    def modules(self) -> Path:
        """On the import path of workers and clients."""
        return self.folder / "modules"

    def configuration(self, name: str = "c", **fields: Any) -> None:
        """Write a configuration; Redis for everything unless `fields` say otherwise."""
        text = {"name": name, "broker": {"service": "redis"}, "backend": {"service": "redis"}}
        self._write(f"configs/{name}.yaml", text | fields)

    def scenario(self, **fields: Any) -> None:
        """Write the scenario `s`: a few adds in flight, unless `fields` say otherwise."""
        text = {
            "name": "s",
            "configurations": ["c"],
            "workloads": ["add"],
            "loads": [{"load": "closed", "in_flight": 4}],
            "measure": {"units": 20, "warmup": 0},
        }
        self._write("scenarios/s.yaml", text | fields)

    def module(self, name: str, text: str) -> None:
        """Put a module where workers can import it."""
        (self.modules / f"{name}.py").write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def start(self, *arguments: str) -> Iterator[Running]:
        """Start `harness ARGUMENTS`; killed when the context ends, if it still runs."""
        number = len(list(self.folder.glob("stderr-*")))
        said = self.folder / f"stderr-{number}"
        said.touch()
        process = Command(arguments, self.folder, self.environment(), said, executes=self.executes)
        try:
            yield Running(process, self, said)
        finally:
            process.kill()

    def run(
        self,
        *arguments: str,
        scenario: str | Path = "scenarios/s.yaml",
        patience_s: float = PATIENCE_S,
    ) -> Ended:
        """`harness run SCENARIO ARGUMENTS`, to its end."""
        with self.start("run", str(scenario), *arguments) as running:
            return running.ended(patience_s)

    def harness(self, *arguments: str) -> Ended:
        """Any other command, to its end."""
        with self.start(*arguments) as running:
            return running.ended()

    def processes(self) -> list[psutil.Process]:
        """Every living process that carries the mark of a run of this site."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                mark = process.environ().get(MARK, "")
                if mark.startswith(f"{self.temporary}/") and is_alive(process):
                    found.append(process)
        return found

    def family(self) -> list[psutil.Process]:
        """The same with all their descendants, whether these carry the mark or not."""
        found = {process.pid: process for process in self.processes()}
        for process in list(found.values()):
            with contextlib.suppress(psutil.Error):
                found |= {child.pid: child for child in process.children(recursive=True)}
        return list(filter(is_alive, found.values()))

    def environment(self) -> dict[str, str]:
        kept = {name: v for name, v in os.environ.items() if not name.startswith("HARNESS_")}
        own = {
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, UNNEEDED, self.modules))),
            "PYTHONDONTWRITEBYTECODE": "1",
            # A second of processor time a run; test_quickstart and test_record look at them.
            "HARNESS_FILES": "0",
        }
        return kept | own | self.environ

    def _write(self, name: str, text: Any) -> None:
        path = self.folder / name
        path.write_text(yaml.safe_dump(text, allow_unicode=True), encoding="utf-8")


def make_site(folder: Path) -> Site:
    """An empty project with a Redis configuration and a small scenario."""
    for name in ("configs", "scenarios", "tmp", "modules"):
        (folder / name).mkdir()
    site = Site(folder)
    site.configuration()
    site.scenario()
    return site


def listening_ports(processes: list[psutil.Process]) -> set[int]:
    """TCP ports that these processes listen on."""
    ports = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    ports.add(connection.laddr.port)
    return ports


def is_refused(port: int) -> bool:
    """Whether nobody listens on a port of this host."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def outcomes_of(block: BlockRecord) -> dict[str, int]:
    """The ledger without zeros, duplicates beside it."""
    counts = block.outcomes.model_dump() | {"duplicated": block.duplicated}
    return {name: count for name, count in counts.items() if count}
