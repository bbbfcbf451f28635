"""Publishing without watching: what the server is spared, and that messages stay the same."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery, group

from harness.probe.loads.unwatched import senders_reply_to
from harness.services.provide import Services
from tests.probe.live import valkey
from tests.services.cases import RABBITMQ


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with (
        valkey(tmp_path_factory.mktemp("valkey")) as url,
        redis.Redis.from_url(url) as connection,
    ):
        yield connection


def app_of(server: redis.Redis, **settings: Any) -> Celery:
    port = server.connection_pool.connection_kwargs["port"]
    url = f"redis://127.0.0.1:{port}/0"
    app = Celery("tasks", broker=url, backend=url, set_as_current=False)
    app.conf.update(task_default_queue=uuid.uuid4().hex, **settings)
    app.task(magnitude, name="absolute", shared=False)
    app.finalize()
    return app


def magnitude(number: int) -> int:
    return abs(number)


def subscriptions(server: redis.Redis) -> int:
    """SUBSCRIBE and UNSUBSCRIBE commands so far."""
    statistics: dict[str, Any] = server.info("commandstats")
    names = ("cmdstat_subscribe", "cmdstat_unsubscribe")
    return sum(int(statistics.get(name, {"calls": 0})["calls"]) for name in names)


def test_nobody_subscribes_while_it_holds(server: redis.Redis) -> None:
    """Neither for tasks nor for a group, which asks for its members in a way of its own; and a
    thread that had subscribed before takes up its habit after."""
    app = app_of(server)
    absolute = app.tasks["absolute"]
    kept = [absolute.delay(1)]
    before = subscriptions(server)
    assert before > 0
    with senders_reply_to(app, None):
        kept += [absolute.delay(2), group([absolute.s(3), absolute.s(4)]).apply_async()]
        absolute.delay(5)  # nobody keeps it, so Celery lets go of it
        assert subscriptions(server) == before
    kept.append(absolute.delay(6))
    assert subscriptions(server) == before + 1
    app.close()


def test_a_backend_of_many_threads_is_silent_until_the_last_one_leaves(
    server: redis.Redis,
) -> None:
    app = app_of(server, result_backend_thread_safe=True)
    absolute = app.tasks["absolute"]
    left = threading.Event()
    inside = threading.Event()

    def sender() -> None:
        with senders_reply_to(app, None):
            inside.set()
            left.wait(30)

    thread = threading.Thread(target=sender)
    with senders_reply_to(app, None):
        thread.start()
        assert inside.wait(30)
    before = subscriptions(server)
    absolute.delay(1)
    assert subscriptions(server) == before
    left.set()
    thread.join()
    kept = absolute.delay(2)
    assert subscriptions(server) == before + 1
    assert kept.id
    app.close()


def test_messages_are_the_same(server: redis.Redis) -> None:
    """Byte by byte, but for the tag of the delivery."""
    app = app_of(server)
    absolute = app.tasks["absolute"]
    absolute.apply_async((-1,), task_id="one")
    with senders_reply_to(app, None):
        absolute.apply_async((-1,), task_id="one")
    with senders_reply_to(app, "somewhere-else"):
        absolute.apply_async((-1,), task_id="one")
    absolute.apply_async((-1,), task_id="one")
    after, elsewhere, silent, plain = (
        json.loads(message) for message in server.lrange(app.conf.task_default_queue, 0, -1)
    )
    for message in (plain, silent, elsewhere, after):
        assert message["properties"].pop("delivery_tag")
    assert silent == plain
    assert after == plain
    assert elsewhere["properties"].pop("reply_to") == "somewhere-else"
    assert plain["properties"].pop("reply_to") == app.thread_oid
    assert elsewhere == plain
    app.close()


def test_rpc_results_have_one_consumer(local: Services) -> None:
    """A thread that publishes a group reads nothing from the queue it names, and returns to a
    queue of its own."""
    with local.open_block(RABBITMQ, f"unwatched-{uuid.uuid4().hex[:8]}") as space:
        app = Celery("tasks", set_as_current=False)
        app.conf.update(space.settings)
        absolute = app.task(magnitude, name="absolute", shared=False)
        app.finalize()
        with app.connection() as connection:
            channel = connection.default_channel
            channel.queue_declare("somewhere-else", durable=True, auto_delete=False)
            own = app.thread_oid
            with senders_reply_to(app, "somewhere-else"):
                group([absolute.s(1), absolute.s(2)]).apply_async()
                assert app.thread_oid == app.backend.oid == "somewhere-else"
            assert app.thread_oid == app.backend.oid == own
            _, _, consumers = channel.queue_declare("somewhere-else", passive=True)
            assert consumers == 0
            message = channel.basic_get(space.settings["task_default_queue"], no_ack=True)
            assert message.properties["reply_to"] == "somewhere-else"
        app.close()


def test_what_cannot_watch_is_left_alone(tmp_path: Path) -> None:
    app = Celery("tasks", broker="memory://", backend=f"file://{tmp_path}", set_as_current=False)
    before = dict(vars(app.backend))
    with senders_reply_to(app, None):
        assert vars(app.backend) == before
