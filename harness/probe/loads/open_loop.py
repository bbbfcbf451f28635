"""The open loop: units are published when they are due, whether results are back or not."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

from harness.probe.loads.pacer import Arrival, Pacer
from harness.probe.publishing import Publisher
from harness.probe.recording.events import UnitFlag

_LONGEST_SLEEP_S = 0.1
"""So that a stop is noticed soon, however far away the next unit is."""


@dataclass(frozen=True)
class Sent:
    """What became of a plan."""

    refused: tuple[int, ...]
    """Units whose publish call raised."""
    last: int
    """The unit number after the last one that was taken."""
    unsent: dict[int, int]
    """Units that were due and never sent, by index of their phase: the client was too slow, was
    told to stop, or had no number left."""
    out_of_numbers: bool = False


class OpenLoop:
    """Threads that take turns in waiting for the next unit's moment.

    One thread at a time waits, holding the turn; when the moment has come it passes the turn on and
    publishes. So each arrival wakes one thread, and a publish call that is slow delays nobody
    while another thread is free. The threads live as long as this object, and so do
    their connections.
    """

    def __init__(self, stop: threading.Event, senders: int) -> None:
        self._stop = stop
        self._senders = senders
        self._threads = ThreadPoolExecutor(senders, thread_name_prefix="sender")
        self._own = threading.local()

    def warm_up(self, connect: Callable[[], object]) -> None:
        """Call `connect` once in each of the threads, before the first moment comes.

        Celery keeps a backend for each thread. Some take long to make: a database's looks for
        its tables, S3's reads the SDK's models. Made by the first publish call, it would make a
        client late that is not too slow.
        """
        everybody = threading.Barrier(self._senders)

        def connected() -> None:
            everybody.wait()  # else one thread might do it for several
            connect()

        for job in [self._threads.submit(connected) for _ in range(self._senders)]:
            job.result()

    def run(
        self,
        publish: Callable[[], Publisher],
        pacer: Pacer,
        numbers: range,
        begin_ns: int,
        give_up_ns: int,
        publishing: Callable[[], AbstractContextManager[None]],
    ) -> Sent:
        """Publish everything the pacer hands out, as units with these `numbers`.

        Times are CLOCK_MONOTONIC. What has not been sent by `give_up_ns` is not sent any more.
        Each thread makes a publisher of its own, the first time, and enters `publishing` while it
        publishes.
        """
        turns = _Turns(pacer, numbers, begin_ns, give_up_ns, self._stop)

        def send() -> list[int]:
            refused: list[int] = []
            with publishing():
                publisher = self._publisher(publish)
                while taken := turns.next(publisher.most_at_once):
                    units = [unit for unit, _ in taken]
                    dues_ns = [begin_ns + arrival.offset_ns for _, arrival in taken]
                    refused += publisher.publish(units, dues_ns, UnitFlag.MEASURED)
                    publisher.published()  # results are found by their ids: none is kept
            return refused

        jobs = [self._threads.submit(send) for _ in range(self._senders)]
        refused = [unit for job in jobs for unit in job.result()]
        return Sent(tuple(sorted(refused)), turns.last, dict(turns.dropped()), turns.out_of_numbers)

    def _publisher(self, publish: Callable[[], Publisher]) -> Publisher:
        """This thread's. It lives as long as the thread, with its connections."""
        if not hasattr(self._own, "publisher"):
            self._own.publisher = publish()
            self._own.publisher.prepare()
        publisher: Publisher = self._own.publisher
        return publisher


class _Turns:
    """What the senders of one run share."""

    def __init__(
        self, pacer: Pacer, numbers: range, begin_ns: int, give_up_ns: int, stop: threading.Event
    ) -> None:
        self._pacer = pacer
        self._end = numbers.stop
        self._begin_ns = begin_ns
        self._give_up_ns = give_up_ns
        self._stop = stop
        self._turn = threading.Lock()
        self.last = numbers.start
        self.out_of_numbers = False

    def next(self, most: int) -> list[tuple[int, Arrival]]:
        """The next units, once they are due; empty when there are none to send any more."""
        with self._turn:
            while not self._stop.is_set():
                now_ns = time.monotonic_ns()
                wait_ns = self._pacer.wait_ns(now_ns - self._begin_ns)
                if wait_ns is None or now_ns >= self._give_up_ns:
                    break
                if self.last == self._end:
                    self.out_of_numbers = True
                    break
                if wait_ns == 0:
                    room = min(most, self._end - self.last)
                    due = self._pacer.take(now_ns - self._begin_ns, room)
                    taken = list(zip(itertools.count(self.last), due))
                    self.last += len(taken)
                    return taken
                time.sleep(min(wait_ns / 1e9, _LONGEST_SLEEP_S))
        return []

    def dropped(self) -> Counter[int]:
        """What is left, by phase."""
        return self._pacer.drop()
