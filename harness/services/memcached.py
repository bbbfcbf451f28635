"""Memcached as result backend: keys with a prefix for each block."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from harness.errors import ServiceError
from harness.scenario.vendors.memcached import MemcachedBackend
from harness.scenario.vendors.registry import BACKENDS
from harness.services.base import (
    CeleryEnd,
    ComposePart,
    Driver,
    Launch,
    Namespace,
    Service,
    StoredResults,
    Surroundings,
    Target,
    Undo,
)
from harness.services.finding import Finding, debian_program
from harness.services.hosting.external import given_url, malformed
from harness.services.hosting.local import LocalLaunch, LocalServer, free_ports, who_answers
from harness.services.hosting.one_server import OneServer
from harness.services.hosting.unprivileged import (
    ROOM_PROMISE,
    check_quarters,
    make_quarters,
    may_run,
    undo_room,
)
from harness.services.labels import identifier
from harness.services.redaction import address_of
from harness.services.results_only import TASK_KEY, ResultsNamespace
from harness.workspace import Workspace

_READY_S = 20.0
_TIMEOUT_S = 5.0
_PORT = 11211
_PREFIX = "harness:"
_KEYS_PROMISE = "memcached-keys"
_BATCH = 500
_LIST = b"lru_crawler metadump all"
_BUSY_S = 0.02


@dataclass(frozen=True)
class _Item:
    key: bytes
    size_bytes: int
    """With the server's own header."""


class MemcachedDriver(Driver[MemcachedBackend]):
    """Starts a private server, or reaches any other."""

    name = "memcached"

    def __init__(self) -> None:
        self.undo: Mapping[str, Undo] = {_KEYS_PROMISE: _undo_keys, ROOM_PROMISE: undo_room}
        self.compose = ComposePart(
            service="memcached",
            ports={"HARNESS_MEMCACHED_PORT": "memcached"},
            url="memcached://127.0.0.1:{memcached}",
        )

    def launch(self, endpoint: MemcachedBackend, surroundings: Surroundings) -> Launch:
        """A private server on loopback, with its own defaults (64 MiB)."""
        program = find_program(endpoint.server, surroundings.environ)

        def start() -> LocalServer:
            return _start(program, surroundings)

        def connect(server: LocalServer) -> Service:
            target = Target("local", f"memcached://127.0.0.1:{server.port}")
            return MemcachedService(target, surroundings.workspace, server)

        return LocalLaunch(start, connect, timeout_s=_READY_S)

    def target(self, endpoint: MemcachedBackend, environ: Mapping[str, str]) -> Target:
        """The URL of an external endpoint."""
        url = given_url(endpoint.url, environ, self.name, "memcached://${HOST}:11211")
        parts = urlsplit(url)
        if parts.scheme not in BACKENDS[self.name].schemes or not parts.hostname or ";" in url:
            raise malformed(url, self.name, "memcached://host:port, of one server")
        return Target("external", url)

    def reach(self, target: Target, surroundings: Surroundings) -> Service:
        """Connect, and ask who answers."""
        return MemcachedService(target, surroundings.workspace, None)

    def findings(self, environ: Mapping[str, str]) -> Iterable[Finding]:
        """A server of the system's."""
        name = self.name
        note = "a server for backend memcached"
        return (debian_program(name, note, lambda: find_program(name, environ), environ, name),)


class MemcachedService(OneServer):
    """One server. It knows neither databases nor passwords: every block has a key prefix."""

    def __init__(self, target: Target, workspace: Workspace, server: LocalServer | None) -> None:
        super().__init__(target, workspace, server)
        self.secrets: tuple[str, ...] = ()
        with _talking(target.url) as talk:
            version = talk.line(b"version").removeprefix(b"VERSION ").decode(errors="replace")
            # Without it nothing of ours could be found again, and blocks would not be removed.
            talk.items(_PREFIX)
        detail = "64 MiB, its default" if server else ""
        self.info = who_answers(target, "memcached", _PORT, "memcached", version, detail)

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: MemcachedBackend
    ) -> Namespace:
        """Keys under a prefix of the block's own."""
        del settings, endpoint  # none of them says where results are
        url, prefix = self.target.url, f"{_PREFIX}{identifier(label)}:"
        promised = self.promise(_KEYS_PROMISE, prefix=prefix)
        parts = urlsplit(url)
        end = CeleryEnd(
            f"cache+memcached://{parts.hostname}:{parts.port or _PORT}/",
            {"result_backend_transport_options": {"global_keyprefix": prefix}},
        )

        def stored() -> StoredResults:
            with _talking(url) as talk:
                items = [item for item in talk.items(prefix) if TASK_KEY.encode() in item.key]
            return StoredResults(len(items), sum(item.size_bytes for item in items))

        return ResultsNamespace(
            isolation="key prefix",
            end=end,
            stored=stored,
            remove=lambda: _remove(url, prefix),
            promised=promised,
        )


class _Talk:
    """A connection for a few commands."""

    def __init__(self, stream: Any, url: str) -> None:
        self._stream = stream
        self._url = url

    def line(self, command: bytes) -> bytes:
        """The one line that answers a command."""
        self._stream.write(command + b"\r\n")
        self._stream.flush()
        return self._read()

    def items(self, prefix: str) -> list[_Item]:
        """What is there under a prefix and has not expired, by the server's own crawler."""
        found, line = [], self._first_line()
        wanted, now = prefix.encode(), time.time()
        while line != b"END":
            if not line.startswith(b"key="):
                raise ServiceError(
                    f"memcached at {address_of(self._url, _PORT)} does not list its keys "
                    f"({line.decode(errors='replace')}), so blocks could not be removed from it: "
                    "use memcached 1.5 or later, with its lru_crawler on"
                )
            facts = dict(word.partition(b"=")[::2] for word in line.split(b" "))
            key, expires = unquote_to_bytes(facts[b"key"]), int(facts[b"exp"])
            if key.startswith(wanted) and (expires < 0 or expires > now):
                found.append(_Item(key, int(facts[b"size"])))
            line = self._read()
        return found

    def _first_line(self) -> bytes:
        """Of the crawler's list, once it has time: it also crawls on the server's own behalf."""
        deadline = time.monotonic() + _TIMEOUT_S
        line = self.line(_LIST)
        while line.startswith((b"BUSY", b"LOCKED")) and time.monotonic() < deadline:
            time.sleep(_BUSY_S)
            line = self.line(_LIST)
        return line

    def delete(self, keys: list[bytes]) -> None:
        """In batches, so that neither side's buffers fill up."""
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            self._stream.write(b"".join(b"delete " + key + b"\r\n" for key in batch))
            self._stream.flush()
            for _ in batch:
                self._read()

    def _read(self) -> bytes:
        line: bytes = self._stream.readline()
        if not line.endswith(b"\r\n") and not line.endswith(b"\n"):
            raise ConnectionError("it closed the connection")
        return line.rstrip(b"\r\n")


@contextlib.contextmanager
def _talking(url: str) -> Iterator[_Talk]:
    parts = urlsplit(url)
    place = (parts.hostname or "localhost", parts.port or _PORT)
    try:
        with (
            socket.create_connection(place, timeout=_TIMEOUT_S) as connection,
            connection.makefile("rwb") as stream,
        ):
            yield _Talk(stream, url)
    except (OSError, ValueError, KeyError) as error:
        raise ServiceError(
            f"cannot use memcached at {address_of(url, _PORT)}: {error}. "
            "Check that it runs, and its port"
        ) from error


def _remove(url: str, prefix: str) -> None:
    with _talking(url) as talk:
        talk.delete([item.key for item in talk.items(prefix)])


def find_program(server: str, environ: Mapping[str, str]) -> Path:
    """The program that an endpoint names. ServiceError if it is not on this machine."""
    found = shutil.which(server, path=environ.get("PATH"))
    if found is None:
        raise ServiceError(
            f"no program {server} on this machine: `apt-get install memcached` (or "
            "`harness doctor --fix`), or use `--provider compose` or external"
        )
    check_quarters("memcached", environ, brings=not may_run(Path(found)))
    return Path(found)


def _start(program: Path, surroundings: Surroundings) -> LocalServer:
    (port,) = free_ports(1)
    brings = not may_run(program)
    room = make_quarters("memcached", surroundings, brings=brings)
    if brings:
        program = room.bring(program.parent, (program.name,)) / program.name
    words = ("-l", "127.0.0.1", "-p", str(port), "-U", "0")
    process = room.spawn(program, *words, env=surroundings.environ)
    return LocalServer("memcached", (process,), port, grace_s=0.0, clear_away=room.close)


def _undo_keys(payload: Mapping[str, Any]) -> None:
    prefix = str(payload["prefix"])
    if not prefix.startswith(_PREFIX) or len(prefix) <= len(_PREFIX):
        raise ServiceError(f"refusing to remove keys with the prefix {prefix!r}")
    _remove(str(payload["url"]), prefix)
