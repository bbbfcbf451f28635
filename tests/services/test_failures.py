"""Everything that can be wrong with a server is one bounded, clear error without a password."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.errors import ServiceError
from harness.processes import Process
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.rabbitmq import RabbitmqBroker
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.vendors.sqs import SqsBroker
from harness.scenario.vendors.without_server import RpcBackend
from harness.services.hosting.local import free_ports
from harness.services.provide import Services, provide
from harness.workspace import Workspace
from tests.services.cases import NO_BACKEND, RABBITMQ, REDIS, Case, target_of

Reach = Callable[[Configuration], None]
WRONG = "wrong-password-4711"
BOUND_S = 90.0


def configuration(broker: Any, **more: Any) -> Configuration:
    return Configuration(name="broken", broker=broker, backend=NO_BACKEND, **more)


redis = functools.partial(RedisBroker, service="redis")
rabbitmq = functools.partial(RabbitmqBroker, service="rabbitmq", provider="external")
sqs = functools.partial(SqsBroker, service="sqs", provider="external")


def failure(reach: Reach, broken: Configuration) -> str:
    started = time.monotonic()
    with pytest.raises(ServiceError) as caught:
        reach(broken)
    assert time.monotonic() - started < BOUND_S
    assert WRONG not in str(caught.value)
    assert WRONG not in repr(caught.value.__cause__)
    return str(caught.value)


def with_login(url: str, login: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}").geturl()


def test_wrong_password_of_redis(local: Services, reach: Reach) -> None:
    url = with_login(target_of(local, REDIS).url, f":{WRONG}")
    broker = RedisBroker(service="redis", provider="external", url=url)
    message = failure(reach, configuration(broker))
    assert "cannot use redis at 127.0.0.1:" in message
    assert "password" in message


def test_wrong_password_of_rabbitmq(local: Services, reach: Reach) -> None:
    url = with_login(target_of(local, RABBITMQ).url, f"harness:{WRONG}")
    broker = RabbitmqBroker(service="rabbitmq", provider="external", url=url)
    assert "ACCESS_REFUSED" in failure(reach, configuration(broker))


def test_wrong_password_of_the_management_api(local: Services, reach: Reach) -> None:
    target = target_of(local, RABBITMQ)
    assert target.management_url is not None
    broker = RabbitmqBroker(
        service="rabbitmq",
        provider="external",
        url=target.url,
        management_url=with_login(target.management_url, f"harness:{WRONG}"),
    )
    assert "answered 401" in failure(reach, configuration(broker))


@pytest.mark.parametrize(
    ("service", "scheme"), [("redis", "redis"), ("rabbitmq", "amqp"), ("sqs", "http")]
)
def test_nobody_listens(reach: Reach, service: str, scheme: str) -> None:
    (port,) = free_ports(1)
    kind: Any = {"redis": RedisBroker, "rabbitmq": RabbitmqBroker, "sqs": SqsBroker}[service]
    broker = kind(
        service=service, provider="external", url=f"{scheme}://u:{WRONG}@127.0.0.1:{port}/"
    )
    assert f"127.0.0.1:{port}" in failure(reach, configuration(broker))


@pytest.mark.parametrize(
    ("broker", "words"),
    [
        (redis(provider="external"), "needs its URL"),
        (redis(provider="external", url="http://x"), "not a redis URL"),
        (redis(provider="external", url="redis://${NO_A}/${NO_B}"), "NO_A, NO_B"),
        (redis(server="no-such-server"), "apt-get install redis-server"),
        (redis(provider="compose"), "docker-compose.yml"),
        (rabbitmq(), "needs its URL"),
        (rabbitmq(url="redis://x"), "not an AMQP URL"),
        (sqs(url="amqp://x"), "not a URL for SQS"),
        (sqs(url="http://k:s@127.0.0.1:1", queue_name_prefix=""), "queue_name_prefix"),
    ],
)
def test_mistakes_of_an_endpoint(reach: Reach, broker: Any, words: str) -> None:
    assert words in failure(reach, configuration(broker))


ENDPOINTS: dict[str, Callable[[str], Any]] = {
    "redis": lambda rest: redis(provider="external", url=f"redis://{rest}/0"),
    "rabbitmq": lambda rest: rabbitmq(url=f"amqp://{rest}/"),
    "management": lambda rest: rabbitmq(url="amqp://h/", management_url=f"http://{rest}/"),
    "sqs": lambda rest: sqs(url=f"http://{rest}"),
}


@pytest.mark.parametrize("kind", ENDPOINTS)
@pytest.mark.parametrize(
    "rest",
    [
        # A password that was not percent-encoded ends the part that user and host stand in.
        f":a/{WRONG}@127.0.0.1:1",
        f":a#{WRONG}@127.0.0.1:1",
        f":a?{WRONG}@127.0.0.1:1",
        f":12/{WRONG}@127.0.0.1:1",
        f"u:12/{WRONG}@127.0.0.1:1",
        f"u:a@b/{WRONG}@127.0.0.1:1",
        f"u:[{WRONG}@127.0.0.1:1",
        f"u:{WRONG}@127.0.0.1:port",
        f"u:{WRONG}@127.0.0.1:65536",
        f"u:{WRONG}@[::1",
    ],
)
def test_a_url_that_cannot_be_taken_apart(reach: Reach, kind: str, rest: str) -> None:
    """One sentence, no ValueError, and no piece of the password, wherever it was torn."""
    message = failure(reach, configuration(ENDPOINTS[kind](rest)))
    assert " URL" in message
    assert "not a" in message
    assert WRONG[:4] not in message


def test_rpc_does_not_work_on_sqs(reach: Reach) -> None:
    broken = Configuration(
        name="broken", broker=SqsBroker(service="sqs"), backend=RpcBackend(service="rpc")
    )
    assert "rpc results work with the broker rabbitmq or redis only" in failure(reach, broken)


@pytest.mark.parametrize(
    "more",
    [{"settings": {"task_default_queue_type": "quorum"}}, {"backend": RpcBackend(service="rpc")}],
)
def test_what_needs_a_vhost_of_its_own(
    outside: dict[str, Case], reach: Reach, more: dict[str, Any]
) -> None:
    shared = outside["rabbitmq-external-names"].configuration
    assert "management_url" in failure(reach, shared.model_copy(update=more))


def test_a_server_that_starts_is_stopped_when_another_cannot(
    workspace: Workspace,
    session_environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is up, or on its way, when the second turns out to be unreachable."""
    (port,) = free_ports(1)
    url = f"redis://127.0.0.1:{port}/0"
    mixed = Configuration(
        name="mixed",
        broker=RedisBroker(service="redis"),
        backend=RedisBackend(service="redis", provider="external", url=url),
    )
    spawned: list[Process] = []
    monkeypatch.setattr(workspace, "_record", spawned.append)
    with (
        pytest.raises(ServiceError),
        provide(
            [mixed],
            provider=None,
            workspace=workspace,
            log_dir=tmp_path,
            environ=session_environ,
            project_dir=tmp_path,
        ),
    ):
        pass
    assert len(spawned) == 1
    assert not spawned[0].alive()
