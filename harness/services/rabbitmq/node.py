"""A private RabbitMQ node in one folder: every listener on loopback, nothing left behind.

The package's own service is neither used nor touched. Recipe and reasons:
docs/servers.md#rabbitmq.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ServiceError
from harness.processes import Process
from harness.services.base import Surroundings
from harness.services.finding import PRIVATE, Finding, missing_package
from harness.services.hosting.local import LocalServer, answers, free_ports

_SERVERS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server")
"""The script itself. What is on PATH may be a wrapper that insists on root or on a user."""
_EPMD_S = 5.0
_READY_S = 90.0
_CONTROL_S = 60.0
_WATERMARK = "0.4"
"""Share of the machine's memory: the default that a node begins with."""
_DISTRIBUTION = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
"""Between Erlang's nodes: over loopback alone, by the port mapper that was started for them."""


@dataclass(frozen=True)
class Node:
    """A starting node and how to reach it."""

    server: LocalServer
    url: str = field(repr=False)
    management_url: str = field(repr=False)
    metrics_port: int
    """Port of the Prometheus plugin, where the node's counters are read as they are kept."""


def find_server(environ: Mapping[str, str]) -> Path | None:
    """RabbitMQ's start script; None if it or Erlang is not installed."""
    on_path = [
        f"{folder}/rabbitmq-server"
        for folder in environ.get("PATH", "").split(os.pathsep)
        if "rabbitmq" in folder  # not a wrapper of the system's
    ]
    found = next((name for name in (*_SERVERS, *on_path) if os.access(name, os.X_OK)), None)
    return Path(found) if found else None


def find_epmd(environ: Mapping[str, str]) -> Path | None:
    """Erlang's port mapper, which a node needs to start; None if it is not on this machine."""
    folders = os.pathsep.join((environ.get("PATH", ""), "/usr/bin", "/usr/lib/erlang/bin"))
    found = shutil.which("epmd", path=folders)
    return Path(found) if found else None


def start_node(surroundings: Surroundings) -> Node:
    """Spawn epmd and the node; readiness is the caller's to wait for."""
    script, epmd = find_server(surroundings.environ), find_epmd(surroundings.environ)
    if script is None or epmd is None:
        raise ServiceError(
            "RabbitMQ is not installed: `apt-get install rabbitmq-server` (or `harness doctor "
            "--fix`), or use `--provider compose`, or an external one by its URL"
        )
    amqp, management, metrics, mapper, distribution = free_ports(5)
    folder = surroundings.workspace.folder("rabbitmq")
    user, password = "harness", secrets.token_urlsafe(24)
    _write_configuration(folder, (amqp, management, metrics), user, password)
    env = _environment(folder, surroundings.environ, mapper, distribution)
    programs = _Programs(script, epmd, folder, env, surroundings)
    server = LocalServer(
        "rabbitmq",
        programs.start(mapper),
        amqp,
        grace_s=0.0,  # the data is thrown away: an orderly stop takes 6 s with management
        respawn=programs.node,
        limit_memory=programs.limit_memory,
    )
    login = f"{user}:{password}@127.0.0.1"
    return Node(server, f"amqp://{login}:{amqp}/%2F", f"http://{login}:{management}", metrics)


@dataclass(frozen=True)
class _Programs:
    """What runs for one node, in its folder and environment."""

    script: Path
    epmd: Path
    folder: Path
    env: Mapping[str, str] = field(repr=False)
    surroundings: Surroundings

    def start(self, mapper_port: int) -> tuple[Process, ...]:
        """The port mapper, and the node that needs it. If this fails, neither is left."""
        started: list[Process] = []
        try:
            words = ("-port", str(mapper_port), "-address", "127.0.0.1")
            self._spawn("epmd", self.epmd, *words, on_spawn=started.append)
            _wait_for_port(started[0], mapper_port)
            self._spawn("node", self.script, on_spawn=started.append)
        except BaseException:
            for process in started:
                process.kill()
            raise
        return tuple(started)

    def node(self) -> Process:
        """The node alone, on its old data: the port mapper has gone on."""
        return self._spawn("node", self.script)

    def limit_memory(self, limited: bool) -> None:
        """At 0 the alarm is on whatever is used."""
        self._control("set_vm_memory_high_watermark", "0" if limited else _WATERMARK)

    def _control(self, command: str, *words: str) -> None:
        """One command of rabbitmqctl, waited for. It takes half a second of CPU."""
        (port,) = free_ports(1)
        own = {
            "RABBITMQ_CTL_ERL_ARGS": _DISTRIBUTION,
            "RABBITMQ_CTL_DIST_PORT_MIN": str(port),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(port),
        }
        program, node = self.script.with_name("rabbitmqctl"), self.env["RABBITMQ_NODENAME"]
        process = self._spawn("control", program, "-n", node, command, *words, further=own)
        try:
            if not process.wait(_CONTROL_S) or process.returncode != 0:
                raise ServiceError(f"rabbitmqctl {command} failed:\n{process.log_tail(8)}")
        finally:
            process.kill()

    def _spawn(
        self,
        role: str,
        program: Path,
        *words: str,
        further: Mapping[str, str] | None = None,
        on_spawn: Callable[[Process], None] | None = None,
    ) -> Process:
        return self.surroundings.workspace.spawn(
            [program, *words],
            name=f"{self.folder.name}-{role}",
            log=self.surroundings.log_dir / f"{self.folder.name}-{role}.log",
            env={**self.env, **(further or {})},
            cwd=self.folder,
            on_spawn=on_spawn,
            cores=self.surroundings.cores,
        )


def find_installed(environ: Mapping[str, str]) -> Finding:
    """The RabbitMQ server that the system has installed, and its version, for `harness doctor`."""
    name, script, epmd = "rabbitmq-server", find_server(environ), find_epmd(environ)
    if script is None or epmd is None:
        note = "with Erlang; or use --provider compose or external"
        return missing_package(name, note, name)
    return Finding(name, True, True, _version(script), f"{script}: {PRIVATE}")


def _version(script: Path) -> str:
    """By the folder of its libraries: asking the server itself takes half a second."""
    folders = [script.resolve().parent.parent, *Path("/usr/lib/rabbitmq/lib").glob("*")]
    for folder in folders:
        for library in folder.glob("plugins/rabbit-*"):
            return library.name.removeprefix("rabbit-").removesuffix(".ez")
    return "unknown"


def ready_timeout_s() -> float:
    """A node takes 6 to 10 s on an idle machine."""
    return _READY_S


def answers_amqp(port: int) -> bool:
    """Whether a handshake is answered: the port is open seconds before that."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"  # the method frame connection.start
    except OSError:
        return False


def _wait_for_port(epmd: Process, port: int) -> None:
    deadline = time.monotonic() + _EPMD_S
    while time.monotonic() < deadline and epmd.alive():
        if answers(port):
            return
        time.sleep(0.01)
    raise ServiceError(
        f"Erlang's port mapper did not open 127.0.0.1:{port}. Its log ends:\n{epmd.log_tail(8)}"
    )


def _write_configuration(
    folder: Path, ports: tuple[int, int, int], user: str, password: str
) -> None:
    amqp, management, metrics = ports
    config = folder / "rabbitmq.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"listeners.tcp.1 = 127.0.0.1:{amqp}\n"
        "management.tcp.ip = 127.0.0.1\n"
        f"management.tcp.port = {management}\n"
        "prometheus.tcp.ip = 127.0.0.1\n"
        f"prometheus.tcp.port = {metrics}\n"
        f"default_user = {user}\n"  # instead of guest, which then does not exist
        f"default_pass = {password}\n"
        "log.console = true\n"
        "log.console.level = info\n"
        "log.file = false\n"
    )
    (folder / "advanced.config").write_text("[].\n")
    (folder / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n")


def _environment(
    folder: Path, environ: Mapping[str, str], mapper: int, distribution: int
) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("RABBITMQ_", "ERL_")) and name != "PYTHONPATH"
    }
    return kept | {
        "HOME": str(folder),  # of the Erlang cookie
        "RABBITMQ_NODENAME": f"{folder.name}-{secrets.token_hex(4)}@localhost",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_ALLOW_INPUT": "1",  # the script then becomes the node instead of its parent
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-noinput {_DISTRIBUTION}",
        "ERL_EPMD_PORT": str(mapper),
        # Erlang would start a port mapper of its own, as a daemon, where ours has gone: one that
        # nothing ends if the harness is killed while a node boots.
        "ERL_FLAGS": "-start_epmd false",
        "ERL_CRASH_DUMP": "/dev/null",
    }
