"""What every result backend promises, over real servers: apart, counted, removed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from celery import Celery

from harness.errors import ServiceError
from harness.scenario.models.configuration import Configuration
from harness.services.base import AnyEndpoint, Namespace, Service, Target
from harness.services.hosting.local import free_ports
from harness.services.provide import Services, provide
from harness.services.sweep import sweep
from harness.workspace import Workspace
from tests.backends.kinds import CONFIGURATIONS, SERVERS, STORES, configuration
from tests.backends.looks import inventory

ROOT = Path(__file__).parents[2]
WRONG = "wrong-password-4711"
RESULTS = 30
VALUE = "x" * 1000


@pytest.fixture
def label() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def service_of(services: Services, backend: str) -> Service:
    service = services.of(CONFIGURATIONS[backend])[1]
    assert service is not None
    return service


def external(backend: str, target: Target) -> Configuration:
    """The same server as somebody else's: only its URL is known."""
    fields: dict[str, Any] = {"provider": "external", "url": target.url}
    if backend == "s3":
        fields["bucket"] = target.options["bucket"]
    return configuration(backend, **fields)


@contextlib.contextmanager
def reached(
    configurations: list[Configuration], workspace: Workspace, environ: dict[str, str], folder: Path
) -> Iterator[Services]:
    """Whoever runs the backends: the broker is a private one."""
    with provide(
        configurations,
        provider=None,
        workspace=workspace,
        log_dir=folder,
        environ=environ,
        project_dir=ROOT,
    ) as services:
        yield services


@contextlib.contextmanager
def opened(service: Service, label: str) -> Iterator[Namespace]:
    endpoint = CONFIGURATIONS[service.info.service].backend
    assert isinstance(endpoint, AnyEndpoint)
    with contextlib.closing(service.open_namespace(label, {}, endpoint)) as namespace:
        yield namespace


@contextlib.contextmanager
def application(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """Celery, told of a namespace and of nothing else."""
    end = namespace.backend()
    for name, value in end.environ.items():
        monkeypatch.setenv(name, value)
    app = Celery("client", broker="memory://", backend=end.url, set_as_current=False)
    app.conf.update(end.settings)
    yield app
    app.close()


def store(app: Celery, count: int) -> list[str]:
    names = [str(uuid.uuid4()) for _ in range(count)]
    for name in names:
        app.backend.store_result(name, VALUE, "SUCCESS")
    return names


@pytest.mark.parametrize("backend", STORES)
def test_results_are_kept_apart_counted_and_removed(
    backend: str, stores: Services, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(stores, backend)
    served = backend in SERVERS
    before = inventory(backend, service.target) if served else files_of(service)
    with opened(service, f"{label}-a") as one, opened(service, f"{label}-b") as other:
        with application(one, monkeypatch) as app:
            nothing = one.stored()
            assert nothing is not None
            assert nothing.results == 0
            names = store(app, RESULTS)
            assert {app.backend.get_result(name) for name in names} == {VALUE}
        held, elsewhere = one.stored(), other.stored()
        assert held is not None
        assert elsewhere is not None
        assert (held.results, elsewhere.results) == (RESULTS, 0)
        # The value and its key, and no more than a database's pages beside them.
        assert RESULTS * 1000 < held.size_bytes < RESULTS * 6000 + 300_000
        during = inventory(backend, service.target) if served else files_of(service)
        assert during > before
        with application(other, monkeypatch) as app:
            assert app.backend.get_state(names[0]) == "PENDING"
    assert (inventory(backend, service.target) if served else files_of(service)) == before
    one.close()  # a second time


def files_of(service: Service) -> set[str]:
    folder = Path(urlsplit(service.target.url).path)
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("backend", [name for name in SERVERS if name != "redis"])
def test_an_external_server_is_left_as_it_was(
    backend: str,
    stores: Services,
    workspace: Workspace,
    session_environ: dict[str, str],
    label: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody else's results in the same server stay; ours go, and so does the promise."""
    owner = service_of(stores, backend)
    with opened(owner, f"{label}-foreign") as foreign, application(foreign, monkeypatch) as app:
        (theirs,) = store(app, 1)
        before = inventory(backend, owner.target)
        one = external(backend, owner.target)
        with reached([one], workspace, session_environ, tmp_path) as services:
            promised = len(workspace.unfulfilled)
            with services.open_block(one, label) as space:
                assert space.backend is not None
                assert len(workspace.unfulfilled) == promised + 1
                with application(space.backend, monkeypatch) as ours:
                    store(ours, 3)
                assert inventory(backend, owner.target) > before
            assert len(workspace.unfulfilled) == promised
            assert services.infos[1].provider == "external"
            assert services.infos[1].same_host is True
        assert inventory(backend, owner.target) == before
        assert app.backend.get_result(theirs) == VALUE


KILLED = """
import os, signal, sys
from pathlib import Path
from harness.services.provide import provide
from harness.workspace import open_workspace
from tests.backends.test_contract import application, external, store
import pytest
from harness.services.base import Target
backend, url, bucket, folder = sys.argv[1:]
target = Target("external", url, region="us-east-1", options={"bucket": bucket})
one = external(backend, target)
with open_workspace(dict(os.environ)) as workspace, provide(
    [one], provider=None, workspace=workspace, log_dir=Path(folder),
    environ=dict(os.environ), project_dir=Path(folder),
) as services, services.open_block(one, "killed-" + str(os.getpid())) as space:
    with application(space.backend, pytest.MonkeyPatch()) as app:
        store(app, 3)
    print("stored", flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("backend", [name for name in SERVERS if name != "redis"])
def test_the_sweep_removes_what_a_killed_run_left(
    backend: str, stores: Services, tmp_path: Path, session_environ: dict[str, str]
) -> None:
    """By the journal: the run itself could do nothing any more."""
    target = service_of(stores, backend).target
    before = inventory(backend, target)
    environ = {**session_environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    bucket = target.options.get("bucket", "")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, backend, target.url, bucket, str(tmp_path)],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stored\n"
        assert inventory(backend, target) > before
        os.kill(process.pid, signal.SIGKILL)
    said = sweep(environ)
    assert any("removed" in sentence and backend in sentence for sentence in said), said
    assert inventory(backend, target) == before
    assert sweep(environ) == []


def test_private_servers_listen_on_loopback_and_run_as_nobody_special(stores: Services) -> None:
    for backend in ("postgresql", "mysql", "memcached"):
        service = service_of(stores, backend)
        pids = service.pids()
        assert pids, backend
        listening = set()
        for pid in pids:
            process = psutil.Process(pid)
            assert process.uids().effective != 0 or os.geteuid() != 0, backend
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    listening.add(connection.laddr.ip)
        assert listening == {"127.0.0.1"}, backend


def test_infos_name_what_runs(stores: Services) -> None:
    infos = {info.service: info for info in stores.infos}
    products = {name: info.product for name, info in infos.items()}
    assert products == {
        "redis": "Valkey",
        "sqlite": "SQLite",
        "postgresql": "PostgreSQL",
        "mysql": "MariaDB",
        "filesystem": "filesystem",
        "memcached": "memcached",
        "dynamodb": "ministack (DynamoDB emulator)",
        "s3": "ministack (S3 emulator)",
    }
    assert {name for name, info in infos.items() if info.emulator} == {"dynamodb", "s3"}
    for name, info in infos.items():
        assert name == "filesystem" or info.version[0].isdigit(), name
        assert info.same_host is True


def test_one_emulator_plays_both(stores: Services) -> None:
    dynamodb, s3 = service_of(stores, "dynamodb"), service_of(stores, "s3")
    assert dynamodb.pids() == s3.pids() != ()


def test_no_password_in_what_may_be_printed(stores: Services) -> None:
    for backend in ("postgresql", "mysql"):
        service = service_of(stores, backend)
        (password,) = service.secrets
        assert len(password) > 20
        assert password not in repr(service.info)
        assert password not in repr(service.target)
        assert password not in stores.redact(f"cannot reach {service.target.url}")


def failure(
    broken: Configuration, workspace: Workspace, environ: dict[str, str], folder: Path
) -> str:
    with (
        pytest.raises(ServiceError) as caught,
        reached([broken], workspace, environ, folder),
    ):
        pass
    assert WRONG not in str(caught.value)
    assert WRONG not in repr(caught.value.__cause__)
    return str(caught.value)


@pytest.mark.parametrize("backend", ["postgresql", "mysql"])
def test_wrong_password(
    backend: str,
    stores: Services,
    workspace: Workspace,
    session_environ: dict[str, str],
    tmp_path: Path,
) -> None:
    parts = urlsplit(service_of(stores, backend).target.url)
    url = parts._replace(netloc=f"harness:{WRONG}@127.0.0.1:{parts.port}").geturl()
    broken = configuration(backend, provider="external", url=url)
    message = failure(broken, workspace, session_environ, tmp_path)
    assert message.startswith(f"cannot use {backend} at 127.0.0.1:{parts.port}: ")
    assert "password" in message


@pytest.mark.parametrize(
    ("backend", "scheme"),
    [
        ("postgresql", "postgresql"),
        ("mysql", "mysql"),
        ("memcached", "memcached"),
        ("dynamodb", "http"),
        ("s3", "http"),
    ],
)
def test_nobody_listens(
    backend: str,
    scheme: str,
    workspace: Workspace,
    session_environ: dict[str, str],
    tmp_path: Path,
) -> None:
    (port,) = free_ports(1)
    more = {"bucket": "some"} if backend == "s3" else {}
    url = f"{scheme}://u:{WRONG}@127.0.0.1:{port}/d"
    broken = configuration(backend, provider="external", url=url, **more)
    assert f"127.0.0.1:{port}" in failure(broken, workspace, session_environ, tmp_path)


def test_a_bucket_that_is_not_there(
    stores: Services, workspace: Workspace, session_environ: dict[str, str], tmp_path: Path
) -> None:
    url = service_of(stores, "s3").target.url
    broken = configuration("s3", provider="external", url=url, bucket="no-such-bucket")
    message = failure(broken, workspace, session_environ, tmp_path)
    assert message.startswith("there is no bucket no-such-bucket at http://127.0.0.1:")


@pytest.mark.parametrize("backend", ["sqlite", "filesystem"])
def test_a_folder_of_the_users(
    backend: str,
    workspace: Workspace,
    session_environ: dict[str, str],
    label: str,
    tmp_path: Path,
) -> None:
    """Blocks get a folder in it, and are promised to be removed from it."""
    kept = tmp_path / "kept"
    broken = configuration(backend, folder=str(kept))
    assert f"{kept} is not there" in failure(broken, workspace, session_environ, tmp_path)
    kept.mkdir()
    (kept / "harness-foreign").write_text("of somebody else")
    with reached([broken], workspace, session_environ, tmp_path) as services:
        promised = len(workspace.unfulfilled)
        with services.open_block(broken, label) as space:
            assert len(workspace.unfulfilled) == promised + 1
            assert (kept / f"harness-{label}").is_dir()
            assert str(kept) in space.settings["result_backend"]
        assert len(workspace.unfulfilled) == promised
    assert [path.name for path in kept.iterdir()] == ["harness-foreign"]


def test_a_crawler_that_is_busy_is_waited_for(
    stores: Services, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many look at once, as the server itself does from time to time."""
    service = service_of(stores, "memcached")
    with opened(service, label) as namespace, application(namespace, monkeypatch) as app:
        store(app, 2000)
        with ThreadPoolExecutor(4) as threads:
            looks = [threads.submit(namespace.stored) for _ in range(12)]
            found = [look.result() for look in looks]
        assert [one.results for one in found if one is not None] == [2000] * 12
