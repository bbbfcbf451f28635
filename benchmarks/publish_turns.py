"""Publishes to one broker by every path in turn; prints tasks per second as JSON.

The side of benchmarks/publishing.py that Celery runs in: `python publish_turns.py ROUNDS`, with
a cell spec in the environment. Nobody consumes; the queue is emptied after each turn.
"""

from __future__ import annotations

import gc
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from harness.probe import publishing, tasks
from harness.probe.answers import answer
from harness.probe.app import app
from harness.probe.app_variables import load_spec
from harness.probe.recording.events import UnitFlag
from harness.probe.recording.ids import new_tag
from harness.probe.recording.recorder import Recorder
from harness.probe.workloads.registry import units_of
from harness.probe.workloads.units import UnitRunner

Turn = Callable[[int], Any]
"""Publishes so many tasks; what it returns is kept until the clock has stopped."""
SLOW, FAST, STREAMED = 1_000, 50_000, 5_000
"""Tasks per turn, so that each lasts some tenths of a second."""
SLICES = 50
PIPELINE = 500


class Redis:
    """What a raw client does to the same list."""

    def __init__(self, queue: str) -> None:
        self._channel = app.connection_for_write().channel()
        self._client = self._channel.client
        self._queue = queue
        self.sizes = {"delay": SLOW, "api": SLOW, "batch": 5 * SLOW, "prebuilt": FAST, "raw": FAST}

    def waiting(self) -> list[Any]:
        return list(self._client.lrange(self._queue, 0, -1))

    def raw(self, messages: list[Any]) -> None:
        for first in range(0, len(messages), PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                for message in messages[first : first + PIPELINE]:
                    pipe.lpush(self._queue, message)
                pipe.execute()

    def clear(self) -> None:
        self._client.delete(self._queue)


class Rabbitmq:
    """What py-amqp does alone, with the same bodies and properties."""

    def __init__(self, queue: str) -> None:
        self._channel = app.connection_for_write().channel()
        self._other = app.connection_for_write().channel()  # none has just been used to clear
        self._queue = queue
        self.sizes = {"delay": SLOW, "api": SLOW, "prebuilt": STREAMED, "raw": STREAMED}

    def waiting(self) -> list[Any]:
        found = []
        while (message := self._channel.basic_get(self._queue, no_ack=True)) is not None:
            found.append(type(message)(message.body, **message.properties))
        return found

    def raw(self, messages: list[Any]) -> None:
        publish, queue = self._other.basic_publish, self._queue
        for message in messages:
            publish(message, exchange="", routing_key=queue)

    def clear(self) -> None:
        # An answer: whatever was published before on other connections has mostly arrived, too.
        while self._channel.queue_purge(self._queue):
            time.sleep(0.01)


def main(rounds: int) -> None:
    spec = load_spec()
    queue = app.conf.task_default_queue
    driver = app.connection_for_write().transport.driver_type
    server: Redis | Rabbitmq = Redis(queue) if driver == "redis" else Rabbitmq(queue)
    workload = units_of(spec["workload"])
    recorder = Recorder(spec["events"], "client")
    turns: dict[str, Turn] = {"delay": delays}
    for path in ("api", "batch", "prebuilt"):
        if path in server.sizes:
            runner = UnitRunner(recorder, 1.0, new_tag())
            turns[path] = path_turn(publishing.make(path, app, runner, workload))
    for path in ("delay", "api", "prebuilt"):  # connections, queues, caches
        turns[path](SLOW)
    server.clear()
    turns["prebuilt"](server.sizes["raw"])
    messages = server.waiting()
    assert len(messages) == server.sizes["raw"]
    server.clear()
    endless = itertools.cycle(messages)  # others, too, never publish the same one twice
    turns["raw"] = lambda size: server.raw(list(itertools.islice(endless, size)))
    rates: dict[str, list[float]] = {name: [] for name in turns}
    for order in orders(list(turns), rounds):
        for name, per_s in one_round(order, turns, server).items():
            rates[name].append(per_s)
    answer({"done": "publish", "rates": rates})


def orders(names: list[str], rounds: int) -> Iterator[list[str]]:
    """Shuffled, and every second round in the order of the one before turned round."""
    shuffle = random.Random(1).shuffle  # noqa: S311 - an order, not a secret
    for number in range(rounds):
        if number % 2 == 0:
            shuffle(names)
        yield names if number % 2 == 0 else names[::-1]


def one_round(
    order: list[str], turns: dict[str, Turn], server: Redis | Rabbitmq
) -> dict[str, float]:
    """Tasks per second of each. Slices take turns: a noisy neighbour lasts longer than one."""
    spent_s = dict.fromkeys(order, 0.0)
    gc.collect()
    gc.disable()  # the garbage of one must not be swept up in another one's time
    for number in range(SLICES):
        for name in order if number % 2 == 0 else order[::-1]:
            size = server.sizes[name] // SLICES
            turns[name](max(1, size // 10))  # wakes the server's side of the connection
            began = time.perf_counter()
            kept = turns[name](size)
            spent_s[name] += time.perf_counter() - began
            if callable(kept):
                kept()  # a publisher forgets what it published
            del kept
            server.clear()
    gc.enable()
    return {name: server.sizes[name] / spent_s[name] for name in order}


def delays(size: int) -> list[Any]:
    """The bare loop."""
    return [tasks.add.delay(unit, unit + 1) for unit in range(size)]


def path_turn(publisher: publishing.Publisher) -> Turn:
    publisher.prepare()

    def turn(size: int) -> Any:
        step = publisher.most_at_once
        for first in range(0, size, step):
            units = range(first, min(size, first + step))
            assert publisher.publish(units, None, UnitFlag.MEASURED) == []
        return publisher.published  # called when the clock has stopped

    return turn


if __name__ == "__main__":
    main(int(sys.argv[1]))
