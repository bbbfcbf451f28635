"""What every driver promises, over real servers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import psutil
import pytest
from celery import Celery
from kombu.connection import Connection

from harness.probe.queues import declare
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.registry import QueueForm
from harness.scenario.vendors.without_server import RpcBackend
from harness.services.provide import BlockSpace, Services
from harness.services.registry import drivers
from tests.probe.forked import Program
from tests.services.cases import LOCAL, RABBITMQ, Case, foreign, inventory, sqs_client, target_of

ROOT = Path(__file__).parent.parent.parent
DEADLINE_S = 30.0
STOP_S = 10.0


@contextmanager
def client(space: BlockSpace) -> Iterator[Celery]:
    app = Celery("client", set_as_current=False)
    app.conf.update(space.settings)
    try:
        yield app
    finally:
        app.close()


@contextmanager
def worker(space: BlockSpace, folder: Path) -> Iterator[Path]:
    """A worker on its way up, and its log."""
    settings, log = folder / "settings.json", folder / "worker.log"
    settings.write_text(json.dumps(space.settings))
    arguments = ["-A", "tests.services.worker_app", "worker", "--pool", "solo", "-E"]
    arguments += ["-l", "INFO", "-n", f"{folder.name}@test"]
    environ = {**os.environ, "CONTRACT_SETTINGS": str(settings), "PYTHONPATH": str(ROOT)}
    process = Program("celery", arguments, environ, log, own_session=True)
    try:
        yield log
    finally:
        process.terminate()
        with suppress(TimeoutExpired):
            process.wait(STOP_S)
        process.kill()


@contextmanager
def channel(space: BlockSpace) -> Iterator[Any]:
    options = space.settings.get("broker_transport_options", {})
    connection = Connection(  # type: ignore[no-untyped-call]  # kombu is half typed
        space.settings["broker_url"], transport_options=options
    )
    with connection:
        yield connection.default_channel


def until(condition: Callable[[], bool]) -> None:
    """Poll a server, which cannot tell us by itself, up to a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the server did not get there in time"
        time.sleep(0.02)


def publish(app: Celery, count: int) -> list[object]:
    """On a FIFO queue each in a group of its own: of one group, SQS hands out no more messages
    while some are in flight."""
    fifo = app.conf.task_default_queue.endswith(".fifo")
    groups = [{"MessageGroupId": str(number)} if fifo else {} for number in range(count)]
    return [app.send_task("contract.add", (n, 5), **group) for n, group in enumerate(groups)]


def test_depth_counts_what_is_published_and_consumed(case: Case, label: str) -> None:
    """Exact, from nothing to three and back."""
    with case.services.open_block(case.configuration, label) as space, client(space) as app:
        assert space.broker.depth() == 0
        publish(app, 3)
        until(lambda: space.broker.depth() == 3)  # an unconfirmed publish takes a moment
        with channel(space) as open_channel:
            taken = [open_channel.basic_get(space.broker.queue) for _ in range(2)]
            until(lambda: space.broker.depth() == 1)
            if space.broker.isolation in {"database", "key prefix"}:
                assert space.broker.unacknowledged() == 2
            for message in taken:
                open_channel.basic_ack(message.delivery_tag)
        until(lambda: space.broker.unacknowledged() == 0)
        assert space.broker.depth() == 1


QUEUES: dict[str, QueueForm] = {
    "redis": {},
    "rabbitmq": {"type": "quorum"},
    "sqs": {"attributes": {"VisibilityTimeout": 77}},
}


def of_several(case: Case) -> Configuration:
    service = case.configuration.broker.service
    settings = {**case.configuration.settings, "task_default_queue": "main"}
    queues = {"urgent": QUEUES[service], "low": {}}
    return case.configuration.model_copy(update={"settings": settings, "queues": queues})


def undo(space: BlockSpace, case: Case) -> None:
    """What the next run does for one that was killed, by nothing but its promise."""
    service = case.configuration.broker.service
    options = space.settings.get("broker_transport_options", {})
    target = target_of(case.services, case.configuration)
    payload = {"url": target.url, "management_url": target.management_url, "region": target.region}
    payload["prefix"] = options.get("global_keyprefix") or options.get("queue_name_prefix")
    payload["vhost"] = space.settings["broker_url"].rpartition("/")[2]
    kind = {"redis": "redis-keys", "rabbitmq": "rabbitmq-vhost", "sqs": "sqs-queues"}[service]
    drivers()[service].undo[kind](payload)


@pytest.mark.parametrize(
    "case", ["redis-embedded", "redis-external", "rabbitmq-external", "sqs-external"], indirect=True
)
def test_several_queues_are_told_apart_and_removed(case: Case, label: str) -> None:
    """Also one that nobody has declared; what is left is found by the block's promise alone."""
    before, configuration = case.inventory(), of_several(case)
    names = ("main", "urgent", "low")
    with (
        case.services.open_block(configuration, label, names) as space,
        client(space) as app,
    ):
        arguments = [one.options.declared_with() for one in space.queues]
        declare(
            app,
            [
                {"name": one.name, "called": one.called, "arguments": its}
                for one, its in zip(space.queues, arguments, strict=True)
            ],
        )
        assert space.broker.depths() == {"main": 0, "urgent": 0, "low": 0}
        for count, queue in enumerate((None, "urgent", "main", "stray")):
            for number in range(count + 1):
                app.send_task("contract.add", (number, 5), queue=queue)
        until(lambda: space.broker.depths() == {"main": 4, "urgent": 2, "low": 0})
        assert space.broker.depth() == 6
        until(lambda: space.broker.strays() == {"stray": 4})
        assert space.broker.unacknowledged() == 0
        if case.configuration.broker.service == "sqs":
            url = next(u for u in case.inventory() - before if u.endswith("-urgent"))
            told = sqs_client(case.server).get_queue_attributes(
                QueueUrl=url, AttributeNames=["VisibilityTimeout"]
            )
            assert told["Attributes"] == {"VisibilityTimeout": "77"}
        if case.name != "redis-embedded":  # its database ends with it: nothing is promised
            undo(space, case)
            assert case.inventory() == before
    assert case.inventory() == before


def test_a_real_worker_leaves_nothing(case: Case, label: str, tmp_path: Path) -> None:
    """Events, remote control, gossip, results: all gone, and nothing of anybody else."""
    with foreign(case):
        before = case.inventory()
        with case.services.open_block(case.configuration, label) as space:
            with client(space) as app:
                results = publish(app, 3)
                with worker(space, tmp_path) as log:
                    if space.backend is not None:
                        values = [result.get(timeout=DEADLINE_S) for result in results]  # type: ignore[attr-defined]  # Celery has no types
                        assert values == [5, 6, 7], log.read_text()
                    until(lambda: space.broker.depth() == 0)
                    until(lambda: "succeeded" in log.read_text())
                assert case.inventory() != before
            assert space.broker.depth() == 0
        assert case.inventory() == before


def test_blocks_do_not_see_each_other(case: Case, label: str) -> None:
    with (
        case.services.open_block(case.configuration, f"{label}-a") as one,
        case.services.open_block(case.configuration, f"{label}-b") as other,
        client(one) as app,
    ):
        publish(app, 2)
        until(lambda: one.broker.depth() == 2)
        assert other.broker.depth() == 0


def test_rpc_is_rpc_whatever_else_the_brokers_server_can_keep(local: Services, label: str) -> None:
    """A Redis server would do as a result backend of its own."""
    for number, case in enumerate((LOCAL[0], RABBITMQ)):
        configuration = case.model_copy(update={"backend": RpcBackend(service="rpc")})
        with local.open_block(configuration, f"{label}-{number}") as space, client(space) as app:
            assert space.settings["result_backend"] == "rpc://"
            assert type(app.backend).__name__ == "RPCBackend"


def test_messages_of_every_priority_count(local: Services, label: str) -> None:
    configuration = LOCAL[0]
    with local.open_block(configuration, label) as space, client(space) as app:
        for priority in range(10):
            app.send_task("contract.add", (1, 2), priority=priority)
        assert space.broker.depth() == 10


def test_a_namespace_closes_twice(case: Case, label: str) -> None:
    service, _ = case.services.of(case.configuration)
    before = case.inventory()
    configuration = case.configuration
    namespace = service.open_namespace(label, configuration.settings, configuration.broker)
    namespace.close()
    namespace.close()
    assert case.inventory() == before


def test_a_failing_block_is_removed_too(case: Case, label: str) -> None:
    def fail() -> None:
        with case.services.open_block(case.configuration, label) as space, client(space) as app:
            publish(app, 1)
            raise RuntimeError("in the block")

    before = case.inventory()
    with pytest.raises(RuntimeError, match="in the block"):
        fail()
    assert case.inventory() == before


def test_nothing_listens_off_loopback(local: Services) -> None:
    for configuration in LOCAL:
        service, _ = local.of(configuration)
        pids = service.pids()
        assert pids, configuration.name
        listening = [
            connection.laddr.ip
            for pid in pids
            for connection in psutil.Process(pid).net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening, configuration.name
        assert set(listening) <= {"127.0.0.1", "::1"}, configuration.name


def test_infos_name_what_runs(local: Services) -> None:
    by_name = {c.name: local.of(c)[0].info for c in LOCAL}
    assert by_name["redis-embedded"].product == "Valkey"
    assert by_name["redis-server"].product == "Redis"
    assert by_name["rabbitmq"].product == "RabbitMQ"
    assert by_name["sqs"].product == "ministack (SQS emulator)"
    assert [by_name[c.name].emulator for c in LOCAL] == [False, False, False, True]
    assert all(info.version[0].isdigit() and info.same_host for info in by_name.values())


def test_one_server_serves_all_roles(local: Services) -> None:
    """SQS' results and the redis configuration share the embedded server."""
    assert len(local.infos) == 4
    broker, backend = local.of(LOCAL[0])
    assert broker is backend
    assert local.of(LOCAL[3])[1] is broker


def test_no_password_in_what_may_be_printed(local: Services, outside: dict[str, Case]) -> None:
    case = outside["redis-external"]
    for services, configuration in ((local, LOCAL[0]), (case.services, case.configuration)):
        assert services.secrets
        text = repr(services.infos)
        assert not [secret for secret in services.secrets if secret in text]
        url = target_of(services, configuration).url
        assert services.redact(f"error at {url}").startswith("error at redis://***@127.0.0.1:")


def test_guest_is_absent(local: Services) -> None:
    target = target_of(local, RABBITMQ)
    assert "guest" not in target.url
    assert inventory("rabbitmq", target)
