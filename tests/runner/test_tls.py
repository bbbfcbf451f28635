"""`rediss://` and `amqps://`: servers behind TLS, certified by a throw-away authority."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from harness.errors import ExitCode
from tests.runner.outside import OwnedRabbitmq, OwnedRedis
from tests.runner.running import Site, outcomes_of

LOADS = [{"load": "closed", "in_flight": 2}, {"load": "rate", "rate": "20/s"}, "backlog"]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Terminator:
    """Takes TLS connections and passes what they carry on to a port without TLS."""

    def __init__(self, target: int, authority: trustme.CA, name: str) -> None:
        self._target = target
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(self._context)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        self._ready.wait()

    async def _run(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=self._context)
        self.port = int(server.sockets[0].getsockname()[1])
        self._ready.set()
        await self._end.wait()
        server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(pump(reader, outer), pump(inner, writer))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@contextlib.contextmanager
def behind_tls(url: str, authority: trustme.CA, name: str = "127.0.0.1") -> Iterator[str]:
    """The same server by another URL."""
    parts = urlsplit(url)
    with contextlib.closing(Terminator(parts.port or 0, authority, name)) as terminator:
        login, _, _ = parts.netloc.rpartition("@")
        secured = parts._replace(
            scheme=f"{parts.scheme}s", netloc=f"{login}@127.0.0.1:{terminator.port}"
        )
        yield secured.geturl()


def configure(site: Site, service: str, url: str, **more: object) -> None:
    site.environ["TEST_URL"] = url
    end = {"service": service, "provider": "external", "url": "${TEST_URL}", **more}
    own = {"service": "rpc"} if service == "rabbitmq" else end
    site.configuration(broker=end, backend=own)
    site.scenario(loads=LOADS, measure={"units": 20, "warmup": 2})


def test_redis_behind_tls(
    site: Site, redis_server: OwnedRedis, authority: trustme.CA, ca: Path
) -> None:
    """Clients, workers, the observer and the harness itself: all by TLS, and verified."""
    before = redis_server.inventory()
    with behind_tls(redis_server.url, authority) as url:
        configure(site, "redis", url, ca=str(ca))
        ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr
    assert [outcomes_of(block) for block in ended.record.blocks] == [{"ok": 20}] * 3
    assert redis_server.inventory() == before


def test_rabbitmq_behind_tls(
    site: Site, rabbitmq_server: OwnedRabbitmq, authority: trustme.CA, ca: Path
) -> None:
    """AMQP and the management API, results as messages included."""
    management = rabbitmq_server.management_url
    before = rabbitmq_server.inventory()
    with (
        behind_tls(rabbitmq_server.url, authority) as url,
        behind_tls(management, authority) as secured,
    ):
        site.environ["TEST_MANAGEMENT_URL"] = secured
        configure(site, "rabbitmq", url, ca=str(ca), management_url="${TEST_MANAGEMENT_URL}")
        ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr
    assert [outcomes_of(block) for block in ended.record.blocks] == [{"ok": 20}] * 3
    assert rabbitmq_server.inventory() == before


@pytest.mark.parametrize("service", ["redis", "rabbitmq"])
def test_an_unknown_authority_is_not_trusted(
    site: Site, request: pytest.FixtureRequest, authority: trustme.CA, service: str
) -> None:
    server = request.getfixturevalue(f"{service}_server")
    with behind_tls(server.url, authority) as url:
        configure(site, service, url)
        if service == "rabbitmq":
            site.environ["TEST_MANAGEMENT_URL"] = server.management_url
        ended = site.run()
    assert ended.code == ExitCode.USAGE
    assert f"cannot use {service} at 127.0.0.1:" in ended.stderr
    assert "certificate verify failed" in ended.stderr
    assert "say `ca: FILE` beside `url:`" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("service", ["redis", "rabbitmq"])
def test_a_certificate_for_another_host_is_refused(
    site: Site, request: pytest.FixtureRequest, authority: trustme.CA, ca: Path, service: str
) -> None:
    server = request.getfixturevalue(f"{service}_server")
    with behind_tls(server.url, authority, "elsewhere.example.org") as url:
        configure(site, service, url, ca=str(ca))
        ended = site.run()
    assert ended.code == ExitCode.USAGE
    assert "IP address mismatch" in ended.stderr


@pytest.mark.parametrize(
    ("service", "url", "authorities", "words"),
    [
        ("redis", "rediss://127.0.0.1:1/0", "gone.pem", "No such file or directory"),
        ("redis", "rediss://127.0.0.1:1/0", "configs/c.yaml", "cannot read certificates"),
        ("rabbitmq", "amqp://127.0.0.1:1/", "ca.pem", "`ca:` is for amqps:// only"),
        ("rabbitmq", "amqps://127.0.0.1:1/?ssl_ca_certs=x", None, "say `ca: FILE` beside"),
    ],
)
def test_mistakes_with_authorities(
    site: Site, ca: Path, service: str, url: str, authorities: str | None, words: str
) -> None:
    more = {} if authorities is None else {"ca": authorities}
    configure(site, service, url, **more)
    if service == "rabbitmq":
        site.configuration(
            broker={"service": service, "provider": "external", "url": "${TEST_URL}", **more}
        )
    ended = site.run()
    assert ended.code == ExitCode.USAGE
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
