"""Waits that are cut short where nothing is measured: what is done there is done all the same."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import billiard.pool
import pytest
import redis
from celery import Celery, signals
from celery.app.control import Inspect
from kombu.asynchronous import Hub, get_event_loop, set_event_loop
from kombu.transport.redis import Channel

from harness.probe import idle_waits
from harness.probe.recording.events import Kind
from harness.results.events.eventlog import Tail
from tests.probe.live import PATIENCE_S, Site, client, valkey, wait_for, worker

HANDLERS = """
import atexit
import os
from celery import signals

def say(event):
    def said(**_):
        with open(os.environ["SAID"], "a") as file:
            print(event, os.getpid(), file=file)
    return said

for name in ("worker_ready", "worker_shutting_down", "worker_shutdown", "worker_process_shutdown"):
    getattr(signals, name).connect(say(name), weak=False)
atexit.register(say("atexit"))
"""
ADD = "harness.probe.tasks.add"


@pytest.fixture
def hello(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Celery's own; it and the receivers of `worker_ready` are as before afterwards."""
    own = Inspect.hello
    monkeypatch.setattr(Inspect, "hello", own)
    before = list(signals.worker_ready.receivers)
    yield own
    signals.worker_ready.receivers[:] = before


def test_the_first_hello_asks_for_no_answer_and_later_ones_do(
    hello: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_FIRST_START", "yes")
    monkeypatch.delenv("HARNESS_OVER", raising=False)
    idle_waits.cut_short()
    app = Celery("alone", broker="memory://", set_as_current=False)
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(
        app.control, "broadcast", lambda command, **words: said.append({"": command, **words})
    )
    with app.connection_for_read() as connection:
        inspect = app.control.inspect(timeout=0.01, connection=connection)
        assert inspect.hello("me@here", ["revoked"]) is None
        signals.worker_ready.send(sender=None)
        assert Inspect.hello is hello
        inspect.hello("me@here", ["revoked"])
    words = {"from_node": "me@here", "revoked": ["revoked"]}
    assert [(one[""], one["arguments"], one["connection"]) for one in said] == [
        ("hello", words, connection)
    ] * 2
    assert [one.get("reply", False) for one in said] == [False, True]


def test_without_a_word_of_the_harness_nothing_is_changed(
    hello: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARNESS_FIRST_START", raising=False)
    monkeypatch.delenv("HARNESS_OVER", raising=False)
    before = list(signals.worker_shutting_down.receivers)
    idle_waits.cut_short()
    assert Inspect.hello is hello
    assert signals.worker_shutting_down.receivers == before


def test_a_loop_asleep_is_woken_once() -> None:
    """By something to read, as its own sleep would end, too: nothing of it stays registered."""
    before = get_event_loop()
    make: Any = Hub
    hub = make()
    set_event_loop(hub)
    try:
        idle_waits._wake_loop()
        assert len(hub.readers) == 1
        next(hub.loop)
        assert hub.readers == {}
    finally:
        set_event_loop(before)
        hub.close()


def test_only_the_code_that_is_hurried_sleeps_for_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billiard.pool, "time", time)
    idle_waits._hurry("billiard.pool")
    slept = threading.Thread(target=billiard.pool.time.sleep, args=(3600,), daemon=True)
    slept.start()
    slept.join(60)
    assert not slept.is_alive()
    assert billiard.pool.time.monotonic is time.monotonic
    assert time.sleep.__module__ == "time"


def blocked(server: redis.Redis) -> list[str]:
    """Names of the clients that wait in the server."""
    return [one["name"] for one in server.client_list() if "b" in one["flags"]]


def test_a_channel_that_is_closed_has_its_own_wait_ended_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would come back after an hour."""
    monkeypatch.setattr(Channel, "close", Channel.close)
    with valkey(tmp_path) as url, redis.Redis.from_url(f"{url}/0") as server:
        other = redis.Redis.from_url(f"{url}/0", client_name="other")
        waits = threading.Thread(target=other.blpop, args=(["elsewhere"], 3600), daemon=True)
        waits.start()
        idle_waits._ask_for_answers("kombu.transport.redis")
        with Celery("one", broker=f"{url}/0", set_as_current=False).connection() as connection:
            channel = connection.channel()
            channel.basic_consume("tasks", no_ack=True, callback=print, consumer_tag="one")
            channel.client.connection = channel.client.connection_pool.get_connection()
            channel._brpop_start(timeout=3600)
            wait_for(lambda: len(blocked(server)) == 2, "both wait")
            closing = threading.Thread(target=channel.close, daemon=True)
            closing.start()
            closing.join(PATIENCE_S)
            assert not closing.is_alive()
            assert blocked(server) == ["other"]
        server.rpush("elsewhere", "so that it ends")
        waits.join(PATIENCE_S)


def test_whoever_may_not_ask_the_server_waits_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []

    class Refused:
        _in_poll = object()

        def _create_client(self) -> Any:
            raise PermissionError("NOPERM")

        def close(self) -> None:
            closed.append(self)

    module = ModuleType("a_transport")
    vars(module)["Channel"] = Refused
    monkeypatch.setitem(sys.modules, "a_transport", module)
    idle_waits._ask_for_answers("a_transport")
    idle_waits._ask_for_answers("not_loaded")
    one = Refused()
    one.close()
    assert closed == [one]


def received(tail: Tail) -> int:
    tail.refresh()
    return tail.count(Kind.RECEIVED)


def test_a_worker_that_ends_at_once_still_does_all_that_a_user_has_put_there(
    tmp_path: Path,
) -> None:
    """Handlers of each process, in Celery's order, and a message that it holds goes back."""
    (tmp_path / "events").mkdir()
    (tmp_path / "handlers_of_an_end.py").write_text(HANDLERS, encoding="utf-8")
    said = tmp_path / "said"
    with valkey(tmp_path) as server:
        settings = {"broker_url": f"{server}/0", "result_backend": f"{server}/1"}
        site = Site(tmp_path, settings)
        environ: Any = {"SAID": str(said), "PYTHONPATH": str(tmp_path)}
        options = ("--include", "handlers_of_an_end")
        with worker(site, "prefork", 2, *options, **environ) as pid:
            with client(site, "client", units=4) as talk:
                talk.ask("measure")
            with Celery("sender", broker=f"{server}/0", set_as_current=False) as sender:
                sender.send_task(ADD, (4, 5), countdown=600)
            tail = Tail(site.events)
            wait_for(lambda: received(tail) == 5, "the message that is held")
        with redis.Redis.from_url(f"{server}/0") as broker:
            assert broker.llen("celery") == 1
        lines = [line.split() for line in said.read_text(encoding="utf-8").splitlines()]
    main = [event for event, process in lines if int(process) == pid]
    assert main == ["worker_ready", "worker_shutting_down", "worker_shutdown", "atexit"]
    others = [(event, process) for event, process in lines if int(process) != pid]
    assert [event for event, _ in others] == ["worker_process_shutdown"] * 2
    assert len(set(others)) == 2
