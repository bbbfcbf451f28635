"""Several queues on the three brokers: which of them every way of publishing reaches, as what they
are declared, and how deep they are said to be. Nobody consumes."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from celery import Celery

from harness.probe import publishing, queues
from harness.probe.recording.events import UnitFlag
from harness.probe.recording.ids import new_tag
from harness.probe.recording.recorder import Recorder
from harness.probe.workloads.add import Add
from harness.probe.workloads.chain import Chain
from harness.probe.workloads.group import Group
from harness.probe.workloads.units import UnitRunner
from harness.scenario.models.configuration import Configuration
from harness.services.provide import BlockSpace, Services
from tests.as_default import everybodys
from tests.services.cases import RABBITMQ, REDIS, SQS, management_get, target_of

ADD = {"workload": "add", "x": None, "y": None, "payload_bytes": 0}


@contextlib.contextmanager
def several(
    local: Services, base: Configuration, names: Sequence[str], **fields: Any
) -> Iterator[tuple[BlockSpace, Celery]]:
    """A block's space with queues, and a client's app that has them as the probe declares them."""
    settings = {**base.settings, **fields.pop("settings", {})}
    configuration = base.model_copy(update={"settings": settings, **fields})
    with local.open_block(configuration, f"axes-{uuid.uuid4().hex[:8]}", names) as space:
        app = Celery("tasks", set_as_current=False)
        app.conf.update(space.settings)
        queues.declare(
            app,
            [
                {"name": one.name, "called": one.called, "arguments": one.options.declared_with()}
                for one in space.queues
            ],
        )
        with everybodys(app):
            yield space, app


def publish(app: Celery, folder: Path, path: str, spec: dict[str, Any], units: range) -> None:
    runner = UnitRunner(Recorder(str(folder), "client"), 10.0, new_tag())
    publisher = publishing.make(path, app, runner, Add(spec))
    with contextlib.closing(publisher):
        publisher.prepare()
        for unit in units:
            assert publisher.publish([unit], None, UnitFlag.MEASURED) == []
    assert runner.publish_errors == {}


@pytest.mark.parametrize("base", [REDIS, RABBITMQ, SQS], ids=lambda one: str(one.name))
def test_every_way_of_publishing_reaches_the_queue(
    local: Services, tmp_path: Path, base: Configuration
) -> None:
    """By its own name, by that of the default queue, by a route; canvas with all its tasks."""
    routes = {"task_routes": {"*.nothing": "low", "*.add": "low"}, "task_default_queue": "main"}
    names = ("main", "urgent", "low")
    confirmed = {"broker_transport_options": {"confirm_publish": True}} if base is RABBITMQ else {}
    with several(local, base, names, settings={**routes, **confirmed, **base.settings}) as (
        space,
        app,
    ):
        paths = ("api", "prebuilt", *(("batch",) if base is REDIS else ()))
        for path in paths:
            publish(app, tmp_path, path, {**ADD, "options": {"queue": "urgent"}}, range(3))
            publish(app, tmp_path, path, {**ADD, "options": {"queue": "main"}}, range(2))
            publish(app, tmp_path, path, ADD, range(1))
        each = len(paths)
        assert space.broker.depths() == {"main": 2 * each, "urgent": 3 * each, "low": each}
        runner = UnitRunner(Recorder(str(tmp_path), "client"), 10.0, new_tag())
        canvas = {"payload_bytes": 0, "options": {"queue": "urgent"}}
        group = Group({**canvas, "steps": [4], "volume": None, "count": None, "collect": "get"})
        group.publish(0, runner.name)
        Chain({**canvas, "steps": [1, 1], "id": None}).publish(1, runner.name)
        assert space.broker.depths() == {"main": 2 * each, "urgent": 3 * each + 5, "low": each}
        assert space.broker.depth() == 6 * each + 5
        assert space.broker.strays() == {}


def test_queues_of_rabbitmq_are_what_the_file_says(local: Services) -> None:
    """Celery's settings where it says nothing; an exchange of its own, as Celery makes them."""
    said = {
        "quorum": {"type": "quorum"},
        "first": {"max_priority": 7, "arguments": {"x-max-length": 100}},
        "plain": {},
    }
    settings = {"task_create_missing_queue_type": "classic", "task_create_missing_queues": False}
    with several(local, RABBITMQ, ("celery", *said), queues=said, settings=settings) as (
        space,
        app,
    ):
        for name in ("celery", *said):
            app.send_task("axes.none", queue=name)
        url = target_of(local, RABBITMQ).management_url
        assert url is not None
        vhost = urlsplit(space.settings["broker_url"]).path[1:]
        found = {one["name"]: one for one in management_get(url, f"/api/queues/{vhost}")}
        exchanges = {
            one["name"]: one["type"]
            for one in management_get(url, f"/api/exchanges/{vhost}")
            if one["name"] in found
        }
        block = unquote(vhost)
    assert set(found) >= {block, "quorum", "first", "plain"}  # and one for replies
    assert found["quorum"]["type"] == "quorum"
    # RabbitMQ 4 names the type of each queue among its arguments.
    first = found["first"]["arguments"]
    assert first.pop("x-queue-type", "classic") == "classic"
    assert first == {"x-max-priority": 7, "x-max-length": 100}
    assert {found["plain"]["type"], found[block]["type"]} == {"classic"}
    assert exchanges == dict.fromkeys((block, *said), "direct")


def test_depth_counts_every_step_of_priority_of_every_queue(local: Services) -> None:
    options = {"priority_steps": [0, 2, 5, 9], "sep": ":", "queue_order_strategy": "sorted"}
    settings = {"broker_transport_options": options}
    with several(local, REDIS, ("celery", "a", "b:5"), settings=settings) as (space, app):
        for priority in range(10):
            app.send_task("axes.none", queue="a", priority=priority)
            app.send_task("axes.none", queue="stray", priority=priority)
        app.send_task("axes.none", queue="b:5")
        assert space.broker.depths() == {"celery": 0, "a": 10, "b:5": 1}
        assert space.broker.strays() == {"stray": 10}


def consumed(app: Celery, queues: Sequence[str], count: int) -> list[tuple[str, int]]:
    """Queue and priority of each message, as a worker with room for one at a time gets them."""
    found: list[tuple[str, int]] = []

    def take(_: Any, message: Any) -> None:
        found.append((message.delivery_info["routing_key"], message.properties["priority"]))
        message.ack()

    with app.connection_for_read() as connection:
        channel = connection.channel()
        channel.basic_qos(0, 1, False)
        consumer = app.amqp.TaskConsumer(channel, [app.amqp.queues[name] for name in queues])
        consumer.callbacks, consumer.on_message = [take], None
        with consumer:
            while len(found) < count:
                connection.drain_events(timeout=20)
    return found


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("sorted", "aaabbb"), ("priority", "bbbaaa"), ("round_robin", "bababa")],
)
def test_orders_of_several_queues_are_settings(
    local: Services, strategy: str, expected: str
) -> None:
    """`b` is consumed first; kombu's own orders, and steps of priority before any of them."""
    settings = {"broker_transport_options": {"queue_order_strategy": strategy}}
    with several(local, REDIS, ("b", "a"), settings=settings) as (space, app):
        for queue in ("a", "b") * 3:
            app.send_task("axes.none", queue=queue)
        assert "".join(queue for queue, _ in consumed(app, ("b", "a"), 6)) == expected
        app.send_task("axes.none", queue="a", priority=9)
        app.send_task("axes.none", queue="b", priority=9)
        app.send_task("axes.none", queue="a", priority=3)
        app.send_task("axes.none", queue="b", priority=3)
        steps = consumed(app, ("b", "a"), 4)
        assert {*steps[:2]} == {("a", 3), ("b", 3)}
        assert {*steps[2:]} == {("a", 9), ("b", 9)}
        assert space.broker.depth() == 0
