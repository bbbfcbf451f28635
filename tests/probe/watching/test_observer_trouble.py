"""What an observer does about results that are not what they should be, and about servers."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery
from celery.app.task import Context

from harness.conversation import Client
from harness.errors import ClientError
from harness.probe.recording.events import Kind, Outcome, name_of
from harness.results.events.eventlog import all_of_kind, ident_of
from harness.runner.prepare import cellspec
from harness.services.provide import Services
from harness.working_place import WorkingPlace
from harness.workspace import Workspace
from tests.probe.live import Site, free_port, valkey, wait_for
from tests.probe.publishing.wire import wire
from tests.probe.test_live import new_site
from tests.probe.watching.watched import Observer, Paper, observer
from tests.services.cases import RABBITMQ

ADD = {"workload": "add", "x": None, "y": None, "payload_bytes": 0}
PASSWORD = "opensesame"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def site(tmp_path: Path, server: str) -> Site:
    return new_site(tmp_path, server)


@pytest.fixture(params=["pushed", "polled"])
def either(tmp_path: Path, server: str, request: pytest.FixtureRequest) -> Site:
    """Results on Redis, which pushes them, or in files, which have to be asked for."""
    if request.param == "pushed":
        return new_site(tmp_path, server)
    (tmp_path / "results").mkdir()
    return new_site(tmp_path, server, result_backend=f"file://{tmp_path}/results")


def backend_of(site: Site) -> Any:
    """A worker's view of the backend, without a worker."""
    app = Celery("tasks", set_as_current=False)
    app.conf.update(site.settings)
    return app.backend


def test_each_kind_of_result_gets_its_outcome(either: Site) -> None:
    """Of six units only one is right. States on the way, repetitions, and results of nobody's
    units say nothing."""
    site = either
    paper, stranger, backend = Paper(site), Paper(site), backend_of(site)
    with observer(site, "outcomes", workload=ADD) as watching:
        watching.watch(paper.tag)
        paper.published(*range(6))
        stranger.published(0)
        backend.store_result(paper.name(0, 0), None, "STARTED")
        backend.store_result(paper.name(0, 0), 1, "SUCCESS")
        # Celery itself refuses to store a second success, a worker of another version may not.
        for _ in range(2):
            backend.set(backend.get_key_for_task(paper.name(0, 0)), _described("SUCCESS", 1))
        backend.store_result(paper.name(1, 0), 4, "SUCCESS")
        backend.store_result(paper.name(2, 0), 5.0, "SUCCESS")
        backend.store_result(paper.name(3, 0), ValueError("no"), "FAILURE")
        backend.set(backend.get_key_for_task(paper.name(4, 0)), b"\xff no json")
        backend.set(backend.get_key_for_task(paper.name(5, 0)), b'["no", "description"]')
        backend.store_result(paper.name(0, 1), 1, "SUCCESS")  # `add` has no second task
        backend.store_result(stranger.name(0, 0), 1, "SUCCESS")
        backend.store_result("not-one-of-ours", 1, "SUCCESS")
        answer = watching.settle(6)
        seen = watching.sightings(site.events)
        (failure,) = all_of_kind(site.events, Kind.FAILURE)
    assert name_of([ident_of(failure)]) == "ValueError"
    assert {unit: outcome for (_, unit, _), (_, outcome) in seen.items()} == {
        0: Outcome.OK,
        1: Outcome.WRONG,
        2: Outcome.WRONG,
        3: Outcome.FAILED,
        4: Outcome.WRONG,
        5: Outcome.WRONG,
    }
    assert {tag for tag, _, _ in seen} == {paper.tag}
    assert (answer["seen"], answer["undecodable"], answer["trouble"]) == (6, 2, "")


def _described(status: str, result: Any) -> str:
    return json.dumps({"status": status, "result": result, "traceback": None, "children": []})


def test_settling_waits_for_nothing_for_long(either: Site) -> None:
    """Results that never come: the answer is given after a moment, and says what was seen."""
    paper, backend = Paper(either), backend_of(either)
    with observer(either, "missing", workload=ADD) as watching:
        watching.watch(paper.tag)
        paper.published(0, 1)
        backend.store_result(paper.name(0, 0), 1, "SUCCESS")
        assert watching.settle()["seen"] == 1


@pytest.mark.parametrize("serializer", ["json", "pickle", "yaml", "msgpack"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_every_serializer_is_read(
    tmp_path: Path, server: str, serializer: str, compression: str | None
) -> None:
    """Under a key prefix that would be a pattern if it were not escaped."""
    if serializer == "msgpack":
        pytest.importorskip("msgpack")
    site = new_site(
        tmp_path,
        server,
        result_serializer=serializer,
        result_accept_content=[serializer],
        result_compression=compression,
        result_backend_transport_options={"global_keyprefix": f"[a-z]*?\\{serializer}^:"},
    )
    paper, backend = Paper(site), backend_of(site)
    with observer(site, "serializer", workload=ADD) as watching:
        watching.watch(paper.tag)
        for unit in range(3):
            backend.store_result(paper.name(unit, 0), 2 * unit + 1, "SUCCESS")
        backend.store_result(paper.name(3, 0), KeyError("x"), "FAILURE")
        watching.settle(4)
        seen = watching.sightings(site.events)
    assert [outcome for _, outcome in seen.values()] == [Outcome.OK] * 3 + [Outcome.FAILED]


def test_what_was_missed_is_fetched(tmp_path: Path) -> None:
    """The subscription is cut, and cannot be renewed before more results are stored than are
    fetched at once."""
    with valkey(tmp_path) as url, redis.Redis.from_url(url) as owner:
        site = new_site(tmp_path, url)
        paper, backend = Paper(site), backend_of(site)
        with observer(site, "cut", workload=ADD) as watching:
            watching.watch(paper.tag)
            paper.published(*range(1000))
            for unit in range(100):
                backend.store_result(paper.name(unit, 0), 2 * unit + 1, "SUCCESS")
            assert watching.settle(100)["caught_up"] == 0
            owner.config_set("requirepass", PASSWORD)  # for new connections
            assert owner.client_kill_filter(_type="pubsub") == 1
            for unit in range(100, 600):
                backend.store_result(paper.name(unit, 0), 2 * unit + 1, "SUCCESS")
            owner.config_set("requirepass", "")
            for unit in range(600, 1000):
                backend.store_result(paper.name(unit, 0), 2 * unit + 1, "SUCCESS")
            answer = watching.settle(1000)
            seen = watching.sightings(site.events)
    assert set(seen) == {(paper.tag, unit, 0) for unit in range(1000)}
    assert {outcome for _, outcome in seen.values()} == {Outcome.OK}
    assert answer["seen"] == 1000
    assert 500 <= answer["caught_up"] <= 900
    assert "the subscription was lost" in answer["trouble"]


def test_a_subscriber_that_was_held_loses_nothing(tmp_path: Path) -> None:
    """The server drops a subscriber that does not read. It finds out, and fetches the rest."""
    options = ("--client-output-buffer-limit", "pubsub 256kb 256kb 1")
    payload = {"workload": "add", "x": None, "y": None, "payload_bytes": 20_000}
    with valkey(tmp_path, *options) as url, redis.Redis.from_url(url) as owner:
        site = new_site(tmp_path, url)
        paper, backend = Paper(site), backend_of(site)
        with observer(site, "held", workload=payload) as watching:
            watching.watch(paper.tag)
            paper.published(*range(2000))
            with watching.held():
                for unit in range(2000):
                    backend.store_result(paper.name(unit, 0), "x" * 20_000 + str(unit), "SUCCESS")
                wait_for(lambda: not owner.client_list(_type="pubsub"), "the server to cut it")
            answer = watching.settle(2000)
            seen = watching.sightings(site.events)
    assert len(seen) == answer["seen"] == 2000
    assert {outcome for _, outcome in seen.values()} == {Outcome.OK}
    assert answer["caught_up"] > 0


def test_a_server_that_goes_away_is_reported(tmp_path: Path) -> None:
    """The observer goes on, says so, and leaves when it is told to. What was pushed before is
    judged, though it is told to settle when the server is gone."""
    with valkey(tmp_path) as url:
        site = new_site(tmp_path, url)
        paper, backend = Paper(site), backend_of(site)
        with observer(site, "gone", workload=ADD) as watching:
            watching.watch(paper.tag)
            paper.published(0, 1)
            backend.store_result(paper.name(0, 0), 1, "SUCCESS")
            with redis.Redis.from_url(url) as owner:
                owner.shutdown(nosave=True)
            answer = watching.settle(2, limit_s=2.0)
    assert answer["seen"] == 1
    assert "refused" in answer["trouble"] or "Connection" in answer["trouble"]


def test_a_reply_queue_that_was_cut_stands_again(tmp_path: Path, local: Services) -> None:
    """What is sent after that is seen; the loss is not hidden."""
    (tmp_path / "events").mkdir()
    with local.open_block(RABBITMQ, f"cut-{uuid.uuid4().hex[:8]}") as space:
        parts = urlsplit(space.settings["broker_url"])
        assert parts.port is not None
        with wire(parts.port) as between:
            place = parts.netloc.replace(f":{parts.port}", f":{between.port}")
            cuttable = parts._replace(netloc=place).geturl()
            site = Site(tmp_path, {**space.settings, "broker_url": cuttable})
            paper, backend = Paper(site), backend_of(Site(tmp_path, space.settings))
            with observer(site, "cut", workload=ADD) as watching:
                watching.watch(paper.tag)
                for unit in range(3):
                    task_id = paper.name(unit, 0)
                    to = Context(reply_to=watching.start["reply_to"], correlation_id=task_id)
                    backend.store_result(task_id, 2 * unit + 1, "SUCCESS", request=to)
                    if unit == 1:
                        assert watching.settle(2)["trouble"] == ""
                        between.cut()
                        # Settling ends before its limit only when the queue is consumed again.
                        wait_for(lambda: "reply queue" in watching.settle()["trouble"], "the cut")
                assert watching.settle(3)["seen"] == 3
                outcomes = [o for _, o in watching.sightings(site.events).values()]
    assert outcomes == [Outcome.OK] * 3


def test_a_server_that_hangs_holds_nobody(tmp_path: Path) -> None:
    """Told to leave while the server answers nothing, the observer is gone within its time."""
    port = free_port()
    words = ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-U", "0"]
    server = subprocess.Popen(words)
    try:
        wait_for(lambda: listens(port), "memcached")
        backend = f"cache+memcached://127.0.0.1:{port}/"
        site = new_site(tmp_path, "redis://127.0.0.1:1", result_backend=backend)
        paper = Paper(site)
        with observer(site, "hung", workload=ADD) as watching:
            assert watching.start["method"] == "polling"
            watching.watch(paper.tag)
            paper.published(0)
            watching.settle(limit_s=0.2)
            server.send_signal(signal.SIGSTOP)
    finally:
        server.kill()
        server.wait()


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def test_an_observer_that_cannot_watch_says_why(
    tmp_path: Path, workspace: Workspace, session_environ: dict[str, str]
) -> None:
    """Nobody there, and nothing to watch: one line each, no traceback."""
    for backend, words in (
        ("redis://127.0.0.1:1", "127.0.0.1:1"),
        ("disabled://", "nothing to observe"),
    ):
        folder = tmp_path / backend[:5]
        folder.mkdir()
        spec = new_site(folder, "redis://127.0.0.1:1", result_backend=backend).spec("cell")
        environ = cellspec.environ_for("observer", spec, session_environ)
        with (
            Client.start(WorkingPlace(workspace, folder, environ), "observer") as watching,
            pytest.raises(ClientError, match=r"^the observer failed: ") as raised,
        ):
            watching.answer(30.0)
        assert words in str(raised.value)
        assert "Traceback" not in (folder / "observer.log").read_text()


def test_the_harness_talks_to_it(
    site: Site, workspace: Workspace, session_environ: dict[str, str]
) -> None:
    paper, backend = Paper(site), backend_of(site)
    environ = cellspec.environ_for("observer", site.spec("cell", workload=ADD), session_environ)
    with Client.start(WorkingPlace(workspace, site.folder, environ), "observer") as watching:
        assert watching.answer(30.0)["method"] == "psubscribe"
        assert watching.ask("watch", 10.0, tags=[f"{paper.tag:016x}"]) == {"done": "watch"}
        backend.store_result(paper.name(0, 0), 1, "SUCCESS")
        assert watching.ask("settle", 10.0, limit_s=5.0, expected=1)["seen"] == 1


def assert_sees(watching: Observer, paper: Paper, backend: Any) -> None:
    watching.watch(paper.tag)
    backend.store_result(paper.name(0, 0), 1, "SUCCESS")
    assert watching.settle(1)["seen"] == 1


def test_sockets_passwords_and_databases(tmp_path: Path) -> None:
    """The connection is Celery's own in everything its URL can say."""
    path = tmp_path / "s"
    with valkey(tmp_path, "--unixsocket", str(path)) as url, redis.Redis.from_url(url) as owner:
        owner.config_set("requirepass", PASSWORD)
        host = url.removeprefix("redis://")
        for number, backend in enumerate(
            (f"redis://:{PASSWORD}@{host}/3", f"redis+socket://:{PASSWORD}@{path}?virtual_host=2")
        ):
            folder = tmp_path / str(number)
            folder.mkdir()
            site = new_site(folder, url, result_backend=backend)
            with observer(site, "url", workload=ADD) as watching:
                assert watching.start["method"] == "psubscribe"
                assert_sees(watching, Paper(site), backend_of(site))


def test_tls(tmp_path: Path) -> None:
    """Debian's server: the embedded one has no TLS."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [*make.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    with tls_server(tmp_path, key, certificate) as port:
        url = f"rediss://localhost:{port}/1?ssl_cert_reqs=required&ssl_ca_certs={certificate}"
        site = new_site(tmp_path, "redis://127.0.0.1:1", result_backend=url)
        paper, backend = Paper(site), backend_of(site)
        payload = {"workload": "add", "x": None, "y": None, "payload_bytes": 100_000}
        with observer(site, "tls", workload=payload) as watching:
            watching.watch(paper.tag)
            for unit in range(20):
                backend.store_result(paper.name(unit, 0), "x" * 100_000 + str(unit), "SUCCESS")
            assert watching.settle(20)["seen"] == 20
            outcomes = {outcome for _, outcome in watching.sightings(site.events).values()}
    assert outcomes == {Outcome.OK}


@contextlib.contextmanager
def tls_server(folder: Path, key: Path, certificate: Path) -> Iterator[int]:
    port = free_port()
    command = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1"]
    command += ["--tls-key-file", str(key), "--tls-cert-file", str(certificate), "--save", ""]
    command += ["--tls-auth-clients", "no", "--dir", str(folder)]
    with (folder / "tls.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log)
    try:

        def answers() -> bool:
            assert server.poll() is None, (folder / "tls.log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return True
            return False

        wait_for(answers, "redis-server with TLS")
        yield port
    finally:
        server.kill()
        server.wait()
