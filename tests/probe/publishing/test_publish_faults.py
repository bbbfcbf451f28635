"""What becomes of units whose publishing goes wrong: the truth, as far as it can be known."""

from __future__ import annotations

import base64
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import redis

from harness.results.block.ledger import BlockEnd, settle
from harness.results.events.merged import MISSING
from harness.results.record.distributions import Outcomes
from harness.services.provide import Services
from tests.probe.live import Site, client, valkey, worker
from tests.probe.publishing.test_publishing import (
    ADD,
    UNITS,
    drained,
    ledger_of,
    published,
    waiting,
)
from tests.probe.test_live import new_site, settle_down
from tests.services.cases import RABBITMQ, target_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


def test_what_the_server_refuses_is_refused(server: str, tmp_path: Path) -> None:
    """A user who may do anything but publish: every LPUSH is answered with an error. The client
    gives up after the first batch."""
    with redis.Redis.from_url(server) as connection:
        connection.acl_setuser(
            "reader", enabled=True, passwords=["+x"], keys=["*"], commands=["+@all", "-lpush"]
        )
    limited = f"{server.replace('redis://', 'redis://reader:x@')}/0"
    site = new_site(tmp_path, server, broker_url=limited)
    load = {"load": "backlog", "publish": "prebuilt"}
    with client(site, "refused", workload=ADD, load=load, units=2000) as talk:
        answer = talk.ask("measure")
        merged = talk.merged(tmp_path / "after")
    ((reason, count),) = answer["publish_errors"].items()
    assert "NoPermissionError" in reason
    assert (count, answer["gave_up"], answer["unresolved"]) == (500, True, 0)
    assert merged.units.publish_failed.tolist() == [True] * 500
    assert ledger_of(merged) == Outcomes(failed=500)


class Cutter:
    """Stands between client and server. Once a batch of LPUSHes has passed, it lets the server
    have all of it, keeps the answers to itself, and hangs up. Later connections live, or there
    are none any more."""

    def __init__(self, url: str, *, for_good: bool = False) -> None:
        self._for_good = for_good
        self._server = (urlsplit(url).hostname, urlsplit(url).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut = threading.Event()
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._server)
            self._ends += [near, far]
            passing = threading.Event()
            passing.set()
            for source, sink, back in ((near, far, False), (far, near, True)):
                arguments = (source, sink, back, passing)
                threading.Thread(target=self._carry, args=arguments, daemon=True).start()

    def _carry(
        self, source: socket.socket, sink: socket.socket, back: bool, passing: threading.Event
    ) -> None:
        held = 0
        try:
            while data := source.recv(1 << 16):
                if not back and b"LPUSH" in data and not self.cut.is_set():
                    passing.clear()
                if back and not passing.is_set():
                    held += data.count(b"\r\n")
                    if held == 500:  # each LPUSH was answered
                        if self._for_good:
                            self.close()
                        self.cut.set()
                        break
                    continue
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                hang_up(end)

    def close(self) -> None:
        for end in self._ends:
            hang_up(end)
        hang_up(self._listener)  # closing alone does not wake who waits in accept()
        self._listener.close()


def hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@pytest.mark.parametrize("path", ["batch", "prebuilt"])
def test_a_batch_nobody_knows_the_fate_of(server: str, tmp_path: Path, path: str) -> None:
    """The connection breaks before the answers: the units are neither published nor refused, and
    what becomes of them decides. Here they ran. The next batch goes over a new connection."""
    site = new_site(tmp_path, server)
    cutter = Cutter(server)
    through = Site(site.folder, dict(site.settings) | {"broker_url": f"{cutter.url}/0"})
    load = {"load": "backlog", "publish": path}
    try:
        with client(through, path, workload=ADD, load=load, units=700, timeout_s=60.0) as talk:
            answer = talk.ask("measure")
            assert cutter.cut.is_set()
            assert (answer["unresolved"], answer["gave_up"]) == (700, False)
            assert sum(answer["publish_errors"].values()) == 500
            with worker(site, "solo", 1):
                settle_down(site, 700, 0)
            talk.ask("check", limit_s=60.0)
            merged = talk.merged(tmp_path / "after")
    finally:
        cutter.close()
    assert not merged.units.publish_failed.any()
    assert (merged.units.published_ns[:500] == MISSING).all()
    assert (merged.units.published_ns[500:] != MISSING).all()
    assert (merged.tasks.executions == 1).all()
    assert ledger_of(merged) == Outcomes(ok=700)


@pytest.mark.parametrize("path", ["batch", "prebuilt"])
def test_a_server_that_is_gone(server: str, tmp_path: Path, path: str) -> None:
    """What could not be sent at all is refused, and was not sent; what was on its way is not."""
    site = new_site(tmp_path, server)
    cutter = Cutter(server, for_good=True)
    gone = Site(site.folder, dict(site.settings) | {"broker_url": f"{cutter.url}/0"})
    load = {"load": "backlog", "publish": path}
    with client(gone, path, workload=ADD, load=load, units=700) as talk:
        answer = talk.ask("measure")
        merged = talk.merged(tmp_path / "after")
    assert answer["unresolved"] == 500
    assert sorted(answer["publish_errors"].values()) == [200, 500]
    assert merged.units.publish_failed.tolist() == [False] * 500 + [True] * 200
    assert (merged.units.published_ns == MISSING).all()
    assert len(waiting(site)["celery"]) == 500
    ledger = settle(merged, BlockEnd(waiting=500), stores_results=True)
    assert ledger.outcomes() == Outcomes(failed=200, timed_out=500)


@pytest.mark.parametrize(
    ("settings", "workload", "words"),
    [
        (
            {"task_send_sent_event": True},
            ADD,
            "here it is 2 (an event of task_send_sent_event is one)",
        ),
        (
            {},
            {"workload": "chain", "length": 2, "id": 1, "payload_bytes": 0},
            "a workload of one message per unit",
        ),
        (
            {"task_annotations": {"harness.probe.tasks.add": {"expires": 60}}},
            ADD,
            "headers.expires, which changes from message to message",
        ),
    ],
)
def test_what_prebuilt_cannot_do_is_said(
    server: str, tmp_path: Path, settings: dict[str, Any], workload: dict[str, Any], words: str
) -> None:
    """Before anything is published: nothing is left in the queue."""
    site = new_site(tmp_path, server, **settings)
    said = published(site, workload, "prebuilt")
    assert words in said["prebuilt"]["error"]
    assert waiting(site) == {}


def test_what_rabbitmq_nacks_is_refused(local: Services, tmp_path: Path) -> None:
    """A queue that takes five messages, and confirms: each unit learns its own fate."""
    settings = {"broker_transport_options": {"confirm_publish": True}}
    configuration = RABBITMQ.model_copy(update={"settings": settings})
    (tmp_path / "events").mkdir()
    with local.open_block(configuration, f"publish-{tmp_path.name}") as space:
        limit_queues(local, space.settings["broker_url"], 5)
        said = published(Site(tmp_path, space.settings), ADD, "prebuilt")["prebuilt"]
        assert len(drained(space.settings)) == len(said["published"])
    assert said["published"] == list(range(len(said["published"])))
    assert 5 <= len(said["published"]) <= 6  # the limit is looked at before a message is added
    assert said["refused"] == list(range(len(said["published"]), UNITS))
    assert said["errors"] == {"MessageNacked: ": len(said["refused"])}


def limit_queues(local: Services, url: str, messages: int) -> None:
    """By a policy on the block's vhost, which dies with it."""
    management = urlsplit(target_of(local, RABBITMQ).management_url or "")
    policy = {
        "pattern": ".*",
        "definition": {"max-length": messages, "overflow": "reject-publish"},
        "apply-to": "queues",
    }
    login = f"{management.username}:{unquote(management.password or '')}"
    request = urllib.request.Request(
        f"http://{management.hostname}:{management.port}/api/policies{urlsplit(url).path}/limit",
        data=json.dumps(policy).encode(),
        headers={
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
            "Content-Type": "application/json",
        },
        method="PUT",
    )
    with urllib.request.build_opener().open(request, timeout=10) as answer:
        assert answer.status == 201
