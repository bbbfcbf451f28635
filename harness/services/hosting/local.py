"""Private servers: free ports on loopback, started together, stopped to the last process."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import psutil

from harness.errors import ServiceError
from harness.processes import Process, wait_ended
from harness.services.base import ServerInfo, Target
from harness.services.redaction import address_of

Up = TypeVar("Up")
"""What stands for a server that is ready, as a rule its Service."""

_ATTEMPTS = 3
"""A free port can be taken by a stranger before the server binds it: then try others."""
_POLL_S = 0.01
_GONE_S = 5.0


@dataclass
class LocalServer:
    """The processes of one private server."""

    name: str
    processes: tuple[Process, ...]
    """In the order they were started; the last one serves."""
    port: int
    """The port that clients use."""
    grace_s: float
    """How long a stop may take before it is a kill. The data is thrown away: 0 is fine."""
    clear_away: Callable[[], None] | None = None
    """Called when all of them are gone, for what lies outside the run's own folder."""
    respawn: Callable[[], Process] | None = None
    """Starts the process that serves once more, on the same port and with the same data."""
    starts: int = 1
    """How often that was."""
    limit_memory: Callable[[bool], None] | None = None
    """True: lowers its memory limit below what it uses; False: puts it back. ServiceError."""

    @property
    def main(self) -> Process:
        """The process that serves: the one that was started last."""
        return self.processes[-1]

    def pids(self) -> tuple[int, ...]:
        """All its processes that run now, children included."""
        found = []
        for process in self.processes:
            with contextlib.suppress(psutil.Error):
                leader = psutil.Process(process.pid)
                found += [process.pid, *(child.pid for child in leader.children(recursive=True))]
        return tuple(found)

    def halt(self, *, kill: bool, limit_s: float) -> None:
        """End the process that serves, by SIGKILL or in order; its data stays."""
        self.main.kill() if kill else self.main.stop(limit_s)

    def start_again(self) -> None:
        """Start what was halted. Only from the main thread: see `harness.processes`."""
        if self.respawn is None:
            raise ServiceError(f"{self.name} cannot be started again with its data")
        self.main.kill()
        self.processes = (*self.processes[:-1], self.respawn())
        self.starts += 1

    def listens(self) -> bool:
        """Whether it has bound its port. ServiceError if by then it listens off loopback anywhere.

        Not before: a booting RabbitMQ opens its distribution port on all addresses for an
        instant, to see whether it is free. Whose port it is takes the system some 10 ms for each
        process to tell, so that is asked only once somebody answers there: asked all the time, it
        took a core from the server that was to boot.
        """
        if not answers(self.port):
            return False
        listening = set()
        for pid in self.pids():
            with contextlib.suppress(psutil.Error):
                for connection in psutil.Process(pid).net_connections(kind="inet"):
                    if connection.status == psutil.CONN_LISTEN and connection.laddr:
                        listening.add((connection.laddr.ip, connection.laddr.port))
        if self.port not in {port for _, port in listening}:
            return False
        for ip, port in sorted(listening):
            if not ipaddress.ip_address(ip).is_loopback:
                raise ServiceError(
                    f"{self.name} listens on {ip}:{port}, reachable from other machines; it was "
                    "stopped. Please report this with the server's version"
                )
        return True

    def stop(self) -> None:
        """Stop every process, also those that left the group. Idempotent, bounded."""
        descendants = []
        for pid in self.pids():
            with contextlib.suppress(psutil.Error):
                descendants.append(psutil.Process(pid))
        for process in reversed(self.processes):
            process.stop(self.grace_s) if self.grace_s else process.kill()
        for left in wait_ended(descendants, _GONE_S):
            with contextlib.suppress(psutil.Error):
                left.kill()
        if self.clear_away is not None:
            self.clear_away()


class LocalLaunch(Generic[Up]):
    """A private server on its way up; tries other ports when it lost the race for one.

    `connect` is tried until it raises no ServiceError: what the last one said goes into the
    message if time runs out.
    """

    def __init__(
        self,
        start: Callable[[], LocalServer],
        connect: Callable[[LocalServer], Up],
        *,
        timeout_s: float,
    ) -> None:
        self._start = start
        self._connect = connect
        self._timeout_s = timeout_s
        self._server: LocalServer | None = start()

    def ready(self) -> Up:
        """Wait until the server itself has the port and `connect` succeeds."""
        for attempt in range(1, _ATTEMPTS + 1):
            server = self._server
            if server is None:
                server = self._server = self._start()
            try:
                return self._wait(server)
            except ServiceError:
                self.close()
                if attempt == _ATTEMPTS or not _lost_race(server):
                    raise
            except BaseException:
                self.close()
                raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Stop the server, however far it has come. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _wait(self, server: LocalServer) -> Up:
        deadline = time.monotonic() + self._timeout_s
        reason, listens = "it never opened its port", False
        while time.monotonic() < deadline:
            dead = next((process for process in server.processes if not process.alive()), None)
            if dead is not None:
                raise ServiceError(
                    f"{server.name} ended while starting: {dead.name} exited with code "
                    f"{dead.returncode}. Its log ends:\n{dead.log_tail(12)}"
                )
            listens = listens or server.listens()
            if listens:
                try:
                    up = self._connect(server)
                except ServiceError as error:
                    reason = str(error)
                else:
                    server.listens()  # once more: by now it has opened its other ports, too
                    return up
            time.sleep(_POLL_S)
        raise ServiceError(
            f"{server.name} was not ready within {self._timeout_s:g} s ({reason}). "
            f"Its log ends:\n{server.main.log_tail(12)}"
        )


def answers(port: int) -> bool:
    """Whether anybody takes connections at this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Distinct TCP ports that are free on 127.0.0.1 at this moment."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(int(listener.getsockname()[1]))
        return tuple(ports)


def who_answers(
    target: Target, service: str, port: int, product: str, version: str, detail: str = ""
) -> ServerInfo:
    """A server of a vendor's own, by what it says of itself. `port`: what a URL means without."""
    return ServerInfo(
        service=service,
        product=product,
        version=version,
        provider=target.provider,
        emulator=False,
        same_host=shares_host(target),
        address=address_of(target.url, port),
        detail=detail,
    )


def shares_host(target: Target) -> bool | None:
    """Whether a server shares this machine's cores; None if its name has no address here."""
    if target.provider in {"local", "compose"}:
        return True
    host = urlsplit(target.url).hostname or "localhost"
    try:
        wanted = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return None
    own = {entry.address for entries in psutil.net_if_addrs().values() for entry in entries}
    return any(ip in own or ipaddress.ip_address(ip).is_loopback for ip in wanted)


def _lost_race(server: LocalServer) -> bool:
    tails = " ".join(process.log_tail(40).lower() for process in server.processes)
    return "in use" in tails or "eaddrinuse" in tails
