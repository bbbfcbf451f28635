"""The three publish paths: the same bytes on the wire, and every unit run and recorded."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp  # type: ignore[import-untyped]  # it has no types
import boto3
import pytest
import redis

from harness.conversation import answer_in
from harness.probe.recording.events import Kind, Outcome
from harness.results.block.ledger import BlockEnd, settle
from harness.results.events.eventlog import Tail, all_of_kind
from harness.results.events.merged import Merged
from harness.results.record.distributions import Outcomes
from harness.services.provide import Services
from tests.probe.forked import Program
from tests.probe.live import Site, client, valkey, wait_for, worker
from tests.probe.test_live import new_site, settle_down
from tests.services.cases import RABBITMQ, SQS

UNITS = 23
"""Units of one digit and of two, and more than SQS takes at once."""
FIRST_DUE_NS = 1000
ADD = {"workload": "add", "x": None, "y": None, "payload_bytes": 0}
WORK = {"workload": "work", "payload_bytes": {"uniform": {"from": 10, "to": 900}}}
HEAVY = {"workload": "heavy_task", "n": "100% 'Ошибка' \\ \"%s\"", "sleep": 0.0}
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def published(site: Site, workload: dict[str, Any], *paths: str) -> dict[str, Any]:
    """What `tests.probe.publishing.program` says."""
    spec = site.spec("publishing", workload=workload, units=UNITS)
    log = site.folder / "publishing.log"
    arguments, environ = [str(FIRST_DUE_NS), *paths], site.environ("client", spec)
    process = Program("tests.probe.publishing.program", arguments, environ, log, piped=True)
    try:
        said = [answer_in(line.encode()) for line in process.stdout]
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
    (paths,) = (one["paths"] for one in said if one is not None)
    assert isinstance(paths, dict)
    return paths


def masked(message: bytes) -> bytes:
    """With every UUID replaced by a number: which of them are the same still shows."""
    numbers: dict[bytes, int] = {}

    def number(found: re.Match[bytes]) -> bytes:
        return b"<%d>" % numbers.setdefault(found.group(), len(numbers))

    return _UUID.sub(number, message)


def assert_alike(said: dict[str, Any], messages: list[bytes], *paths: str) -> None:
    """Each path published the same units with the same bytes. A message's tag names its path."""
    by_path: dict[str, list[bytes]] = {}
    for path in paths:
        assert said[path] == {
            "tag": said[path].get("tag"),
            "refused": [],
            "published": list(range(UNITS)),
            "errors": {},
        }
        tag = said[path]["tag"]
        ident = f"{tag[:8]}-{tag[8:12]}-{tag[12:]}-".encode()
        mine = sorted((m for m in messages if ident in m), key=lambda m: unit_of(m, ident))
        by_path[path] = [masked(message) for message in mine]
        assert len(mine) == UNITS
    assert len(messages) == UNITS * len(paths)
    for path in paths[1:]:
        for one, other in zip(by_path[paths[0]], by_path[path], strict=True):
            assert one == other


def assert_due(site: Site, said: dict[str, Any]) -> None:
    """Each path recorded when each unit was due, under the id that it then published."""
    due = all_of_kind(site.events, Kind.DUE)
    publish = all_of_kind(site.events, Kind.PUBLISH)
    assert len(due) == len(said) * UNITS
    for field in ("hi", "lo", "unit"):
        assert sorted(due[field].tolist()) == sorted(publish[field].tolist())
    assert (due["time_ns"] == FIRST_DUE_NS + due["unit"]).all()


def unit_of(message: bytes, ident: bytes) -> bytes:
    """The rest of the id, whose order is the units'."""
    place = message.index(ident) + len(ident)
    return message[place : place + 17]


def ledger_of(merged: Merged) -> Outcomes:
    return settle(merged, BlockEnd(), stores_results=True).outcomes()


# --- Redis --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


def waiting(site: Site, queue: str = "celery") -> dict[str, list[bytes]]:
    """Raw messages by key, without the prefix. Bodies are decoded, for ids in them to be seen."""
    prefix = site.settings["broker_transport_options"].get("global_keyprefix", "")
    found: dict[str, list[bytes]] = {}
    with redis.Redis.from_url(site.settings["broker_url"]) as connection:
        for key in connection.scan_iter(f"{prefix}{queue}*", _type="list"):
            name = key.decode().removeprefix(prefix)
            found[name] = [decoded(raw) for raw in connection.lrange(key, 0, -1)]
    return found


def decoded(raw: bytes) -> bytes:
    """A message of kombu's with its body as it was before base64, if it was encoded so."""
    message = json.loads(raw)
    if message["properties"]["body_encoding"] != "base64":
        return raw
    body = message["body"].encode()
    return raw.replace(body, base64.b64decode(body))


REDIS_CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "defaults": ({}, ADD, "celery"),
    "payload": ({}, ADD | {"payload_bytes": 600}, "celery"),
    "a payload too long to be shown": ({}, ADD | {"payload_bytes": 5000}, "celery"),
    "at the limit of what is shown": ({}, ADD | {"payload_bytes": 1013}, "celery"),
    "fixed arguments": ({}, ADD | {"x": 4, "y": 5}, "celery"),
    "text to escape": ({}, HEAVY, "celery"),
    "amounts that are drawn": ({}, WORK, "celery"),
    "pickle": ({"task_serializer": "pickle"}, ADD, "celery"),
    "yaml": ({"task_serializer": "yaml"}, ADD, "celery"),
    "gzip": ({"task_compression": "gzip"}, ADD, "celery"),
    "pickle and bzip2": ({"task_serializer": "pickle", "task_compression": "bzip2"}, ADD, "celery"),
    "protocol 1": ({"task_protocol": 1}, ADD, "celery"),
    "priority": ({"task_default_priority": 7}, ADD, "celery\x06\x166"),
    "a priority of the unit's": ({}, ADD | {"options": {"priority": [7]}}, "celery\x06\x166"),
    "other names": ({"task_default_queue": "jobs%s"}, ADD, "jobs%s"),
    "a topic": (
        {"task_default_exchange_type": "topic", "task_default_routing_key": "a.b"},
        ADD,
        "celery",
    ),
    "transient": ({"task_default_delivery_mode": "transient"}, ADD, "celery"),
    "no results": ({"task_ignore_result": True, "result_backend": "disabled://"}, ADD, "celery"),
    "no base64": ({"broker_transport_options": {"body_encoding": "utf-8"}}, ADD, "celery"),
}


@pytest.mark.parametrize("name", REDIS_CASES)
def test_the_same_bytes_on_redis(server: str, tmp_path: Path, name: str) -> None:
    """Whatever settings make of a message, all three paths make the same."""
    settings, workload, key = REDIS_CASES[name]
    site = new_site(tmp_path, server)
    own = dict(settings)
    options = site.settings["broker_transport_options"] | own.pop("broker_transport_options", {})
    site = Site(site.folder, dict(site.settings) | own | {"broker_transport_options": options})
    paths = ("api", "batch", "prebuilt")
    said = published(site, workload, *paths)
    messages = waiting(site, key.split("\x06")[0])
    assert list(messages) == [key]
    assert_alike(said, messages[key], *paths)
    assert_due(site, said)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"countdown": 60.0}, "eta"),
        ({"expires": 60.0}, "expires"),
        ({"priority": [0, 3]}, "priority"),
    ],
)
def test_what_prebuilt_does_not_write(
    server: str, tmp_path: Path, options: dict[str, Any], what: str
) -> None:
    """Nothing that differs from message to message, although no check had refused it before."""
    site = new_site(tmp_path, server)
    said = published(site, ADD | {"options": options}, "prebuilt", "batch")
    assert what in said["prebuilt"]["error"] or "one place" in said["prebuilt"]["error"]
    assert said["batch"]["published"] == list(range(UNITS))
    assert sum(map(len, waiting(site).values())) == UNITS


def test_without_a_key_prefix(tmp_path: Path) -> None:
    """As on a private server: kombu then uses another class of client."""
    with valkey(tmp_path) as url:
        site = new_site(tmp_path, url)
        site = Site(site.folder, dict(site.settings) | {"broker_transport_options": {}})
        said = published(site, ADD, "api", "prebuilt")
        assert_alike(said, waiting(site)["celery"], "api", "prebuilt")


@pytest.mark.parametrize("path", ["api", "batch", "prebuilt"])
def test_a_worker_runs_them_all(server: str, tmp_path: Path, path: str) -> None:
    """More than two batches and a part of one, each unit with arguments and result of its own."""
    site, units = new_site(tmp_path, server), 1203
    load = {"load": "backlog", "publish": path}
    with (
        worker(site, "solo", 1),
        client(site, path, workload=ADD, load=load, units=units, timeout_s=60.0) as talk,
    ):
        answer = talk.ask("measure")
        assert (answer["unresolved"], answer["publish_errors"]) == (units, {})
        settle_down(site, units, 0)
        talk.ask("check", limit_s=60.0)
        merged = talk.merged(tmp_path / "after")
    assert (merged.units.checked == Outcome.OK).all()
    assert merged.units.unit.tolist() == list(range(units))
    assert (merged.tasks.executions == 1).all()
    assert (merged.units.publish_ns <= merged.units.published_ns).all()
    assert (merged.units.publish_ns[merged.tasks.row] <= merged.tasks.received_ns).all()
    assert merged.foreign_tasks == 0
    assert merged.measure_begin_ns <= merged.units.publish_ns.min()
    assert merged.measure_end_ns >= merged.units.published_ns.max()


def test_a_batch_of_groups(server: str, tmp_path: Path) -> None:
    """kombu's batch takes what a group publishes; results of members are still told apart."""
    site = new_site(tmp_path, server)
    group = {"workload": "group", "size": 3, "volume": None, "count": None}
    group |= {"collect": "join", "payload_bytes": 0}
    load = {"load": "backlog", "publish": "batch"}
    with (
        worker(site, "solo", 1),
        client(site, "groups", workload=group, load=load, units=7) as talk,
    ):
        talk.ask("measure")
        settle_down(site, 21, 0)
        talk.ask("check", limit_s=20.0)
        merged = talk.merged(tmp_path / "after")
    assert (merged.units.checked == Outcome.OK).all()
    assert merged.tasks.position.tolist() == [0, 1, 2] * 7


# --- RabbitMQ -----------------------------------------------------------------------------------

RABBITMQ_CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults": ({}, ADD),
    "text to escape": ({}, HEAVY),
    "payload and gzip": ({"task_compression": "gzip"}, ADD | {"payload_bytes": 3000}),
    "yaml": ({"task_serializer": "yaml"}, ADD),
    "pickle, protocol 1": ({"task_serializer": "pickle", "task_protocol": 1}, ADD),
    "priority": ({"task_queue_max_priority": 9, "task_default_priority": 5}, ADD),
    "a priority of the unit's": (
        {"task_queue_max_priority": 9},
        ADD | {"options": {"priority": [7]}},
    ),
    "confirms": ({"broker_transport_options": {"confirm_publish": True}}, ADD),
    "transient": ({"task_default_delivery_mode": 1}, ADD),
    "quorum": ({"task_default_queue_type": "quorum", "task_default_exchange_type": "topic"}, ADD),
}


@pytest.mark.parametrize("name", RABBITMQ_CASES)
def test_the_same_bytes_on_rabbitmq(local: Services, tmp_path: Path, name: str) -> None:
    """Bodies and properties, in the order of the wire."""
    settings, workload = RABBITMQ_CASES[name]
    configuration = RABBITMQ.model_copy(update={"settings": settings})
    (tmp_path / "events").mkdir()
    with local.open_block(configuration, f"publish-{tmp_path.name}") as space:
        site = Site(tmp_path, space.settings)
        said = published(site, workload, "api", "prebuilt", "batch")
        assert "publish: batch needs" in said.pop("batch")["error"]
        assert_alike(said, drained(space.settings), "api", "prebuilt")
        assert_due(site, said)


def drained(settings: dict[str, Any]) -> list[bytes]:
    """Every waiting message: its properties as py-amqp writes them, and its body."""
    parts = urlsplit(settings["broker_url"])
    found = []
    with amqp.Connection(
        f"{parts.hostname}:{parts.port}",
        parts.username,
        unquote(parts.password or ""),
        virtual_host=unquote(parts.path[1:]),
    ) as connection:
        channel = connection.channel()
        while (message := channel.basic_get(settings["task_default_queue"])) is not None:
            body = message.body
            text = body.encode() if isinstance(body, str) else body
            found.append(message._serialize_properties() + b"\n" + text)
    return found


def test_a_worker_runs_them_all_from_rabbitmq(local: Services, tmp_path: Path) -> None:
    """Results come back through rpc, to the queue that the messages name."""
    (tmp_path / "events").mkdir()
    load, units = {"load": "backlog", "publish": "prebuilt"}, 250
    with local.open_block(RABBITMQ, f"publish-{tmp_path.name}") as space:
        site = Site(tmp_path, space.settings)
        with (
            worker(site, "solo", 1),
            client(site, "rpc", workload=ADD, load=load, units=units) as talk,
        ):
            assert talk.ask("measure")["publish_errors"] == {}
            settle_down(site, units, 0)
            talk.ask("check", limit_s=60.0)
            merged = talk.merged(tmp_path / "after")
    assert (merged.units.checked == Outcome.OK).all()
    assert (merged.units.publish_ns <= merged.units.published_ns).all()
    assert ledger_of(merged) == Outcomes(ok=units)


# --- SQS ----------------------------------------------------------------------------------------


def test_the_same_bytes_on_sqs(local: Services, tmp_path: Path) -> None:
    """Ten at a time, and each as kombu would send it alone."""
    (tmp_path / "events").mkdir()
    with local.open_block(SQS, f"publish-{tmp_path.name}") as space:
        said = published(Site(tmp_path, space.settings), ADD, "api", "prebuilt")
        messages = received(space.settings, 2 * UNITS)
    assert_alike(said, messages, "api", "prebuilt")


def received(settings: dict[str, Any], wanted: int) -> list[bytes]:
    parts = urlsplit(settings["broker_url"])
    sqs: Any = boto3.client(
        "sqs",
        endpoint_url=f"http://{parts.hostname}:{parts.port}",
        region_name=settings["broker_transport_options"]["region"],
        aws_access_key_id=parts.username,
        aws_secret_access_key=parts.password,
    )
    prefix = settings["broker_transport_options"]["queue_name_prefix"]
    url = sqs.get_queue_url(QueueName=f"{prefix}{settings['task_default_queue']}")["QueueUrl"]
    found: list[bytes] = []

    def all_there() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600)
        for message in answer.get("Messages", ()):
            found.append(decoded(base64.b64decode(message["Body"])))
        return len(found) >= wanted

    wait_for(all_there, f"{wanted} messages")
    return found


def test_recorded_like_any_other(server: str, tmp_path: Path) -> None:
    """Every unit of a batch has the records of one that was published alone, no more, no less."""
    site = new_site(tmp_path, server)
    counts = {}
    for path in ("api", "batch", "prebuilt"):
        events = tmp_path / path
        events.mkdir()
        spec = {"events": str(events), "workload": ADD, "units": 30}
        with client(site, path, load={"load": "backlog", "publish": path}, **spec) as talk:
            talk.ask("measure")
        tail = Tail(events)
        tail.refresh()
        counts[path] = {
            kind.name: tail.count(kind)
            for kind in Kind
            # Of the process, not of a unit: whether the first producer, or a handler, took long.
            if kind not in (Kind.POOL_WAITED, Kind.HANDLED)
        }
    assert counts["api"]["PUBLISHED"] == 30
    assert counts["batch"] == counts["api"]
    assert counts["prebuilt"] == counts["api"]
