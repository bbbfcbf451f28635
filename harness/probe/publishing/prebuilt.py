"""The path `prebuilt`: messages rendered once, then patched, straight to the server.

What `apply_async` does beside publishing is left out: no signals, no `task-sent` events, and on a
Redis backend no SUBSCRIBE for each result. Nobody waits for results in the loads that use it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery

from harness.probe.publishing.amqp_rendering import MessageRenderer, message_renderer
from harness.probe.publishing.catching import catch_amqp, catch_redis, catch_sqs
from harness.probe.publishing.reaching import Reach
from harness.probe.publishing.rendering import TextRenderer, text_renderer
from harness.probe.publishing.sampling import Delivery, Sample, samples
from harness.probe.publishing.sending import (
    AmqpSender,
    NotAttemptedError,
    RedisSender,
    RefusedError,
    Sender,
    Serials,
    SqsSender,
)
from harness.probe.publishing.stamps import Stamps
from harness.probe.recording.events import Kind, UnitFlag
from harness.probe.workloads.base import Workload
from harness.probe.workloads.units import Published, UnitRunner

_SAMPLED = (0, 1, 2, 10, 123_456)
"""Two to find what differs, the others to see that it was understood: more digits, among others."""


class Prebuilt:
    """Chooses by transport. Redis and SQS take a batch in one round trip; AMQP has none."""

    most_at_once = 1

    def __init__(self, app: Celery, units: UnitRunner, workload: Workload) -> None:
        self._app = app
        self._units = units
        self._workload = workload
        self._reach: Reach | None = None
        self._path: _Pipelined | _Streamed | None = None
        self._published: list[int] = []

    def prepare(self) -> None:
        """Connect and render. ValueError for a workload or message that this path cannot do."""
        self._prepared()

    def _prepared(self) -> _Pipelined | _Streamed:
        if self._path is not None:
            return self._path
        reach = Reach(self._app)
        try:
            reach.persistent(lambda: reach.channel)()
            kind = reach.connection.transport.driver_type
            if kind not in _PATHS:
                raise ValueError(f"publish: prebuilt does not know the transport {kind}")
            catch, build = _PATHS[kind]
            seen = self._samples(reach, catch)
            self._path = build(self._app, reach, self._units, self._workload, seen)
        except BaseException:
            reach.close()
            raise
        self._reach = reach
        self.most_at_once = self._path.most_at_once
        return self._path

    def _samples(self, reach: Reach, catch: Callable[[Any, list[Delivery]], None]) -> list[Sample]:
        caught: list[Delivery] = []
        channel = reach.connection.channel()
        try:
            catch(channel, caught)
            seen = samples(channel, caught, self._workload, _SAMPLED)
        finally:
            channel.close()
        return seen

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """Publish the units and record it; those that were refused are returned."""
        refused = self._prepared().publish(units, dues_ns, flags)
        if refused:
            gone = set(refused)
            self._published += [unit for unit in units if unit not in gone]
        else:
            self._published += units
        return refused

    def published(self) -> list[Published]:
        """The units published since the last call of this, the refused ones left out. Their results
        are made now: nobody needed them while publishing."""
        taken, self._published = self._published, []
        name, result = self._units.name, self._app.AsyncResult
        return [Published(unit, self._workload, result(name(unit, 0))) for unit in taken]

    def close(self) -> None:
        """Close the connection over which rendered messages went."""
        if self._reach is not None:
            self._reach.close()
            self._reach = self._path = None


class _Pipelined:
    """One round trip per batch: PUBLISH is when a unit was rendered, PUBLISHED when all is over."""

    def __init__(
        self, units: UnitRunner, workload: Any, render: TextRenderer, sender: Sender
    ) -> None:
        self.most_at_once = sender.most_at_once
        self._stamps = Stamps(units)
        self._name, self._ident = units.name, units.ident
        self._arguments = workload.arguments
        self._render = render
        self._send = sender.send
        self._serials = Serials()

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """Render all, record it, send all."""
        name, arguments, render = self._name, self._arguments, self._render
        ident = self._ident
        serial, now = self._serials.next, time.monotonic_ns
        idents, times_ns, texts = [], [], []
        for unit in units:
            texts.append(render(name(unit, 0), arguments(unit), serial()))
            idents.append(ident(unit))
            times_ns.append(now())
        self._stamps.handed_over(units, idents, times_ns, dues_ns, flags)
        try:
            errors = self._send(texts)
        except NotAttemptedError as error:
            self._stamps.refused(units, error.reason)
            return list(units)
        except Exception as error:  # whatever a broker's client raises  # noqa: BLE001
            self._stamps.in_doubt(units, error)
            return []
        if not any(errors):
            self._stamps.published(units, idents)
            return []
        return self._in_part(units, errors)

    def _in_part(self, units: Sequence[int], errors: Sequence[Exception | None]) -> list[int]:
        refused = []
        for unit, error in zip(units, errors):
            if error is not None:
                self._stamps.refused([unit], error)
                refused.append(unit)
        gone = set(refused)
        kept = [unit for unit in units if unit not in gone]
        idents = self._stamps.idents(kept)
        self._stamps.published(kept, idents)
        return refused


class _Streamed:
    """AMQP: one message after the other, each PUBLISHED when its call returns, as with `api`.

    With publisher confirms each call waits for its own: a round trip per message.
    """

    most_at_once = 100

    def __init__(
        self, units: UnitRunner, workload: Any, render: MessageRenderer, sender: AmqpSender
    ) -> None:
        self._stamps = Stamps(units)
        self._name, self._ident = units.name, units.ident
        self._arguments = workload.arguments
        self._render = render
        self._sender = sender
        self._record = units.recorder.record

    def publish(
        self, units: Sequence[int], dues_ns: Sequence[int] | None, flags: UnitFlag
    ) -> list[int]:
        """Publish one by one; once the server cannot be reached, the rest is not tried."""
        now, record, send = time.monotonic_ns, self._record, self._sender.send
        done: list[int] = []
        times_ns: list[int] = []
        refused: list[int] = []
        for place, unit in enumerate(units):
            ident = self._ident(unit)
            message = self._render(self._name(unit, 0), self._arguments(unit))
            if dues_ns is not None:
                record(Kind.DUE, ident, dues_ns[place], unit)
            record(Kind.PUBLISH, ident, now(), unit, 0, flags)
            try:
                send(message)
            except NotAttemptedError as error:
                rest = units[place + 1 :]
                dues_ns = None if dues_ns is None else dues_ns[place + 1 :]
                times = [now()] * len(rest)
                self._stamps.handed_over(rest, self._stamps.idents(rest), times, dues_ns, flags)
                self._stamps.refused(units[place:], error.reason)
                refused += units[place:]
                break
            except RefusedError as error:
                self._stamps.refused([unit], error.reason)
                refused.append(unit)
            except Exception as error:  # noqa: BLE001
                self._stamps.in_doubt([unit], error)
            else:
                done.append(unit)
                times_ns.append(now())
        self._stamps.published(done, self._stamps.idents(done), times_ns)
        return refused


def _over_redis(
    app: Celery, reach: Reach, units: UnitRunner, workload: Workload, seen: Sequence[Sample]
) -> _Pipelined:
    return _Pipelined(
        units, workload, text_renderer(app, reach.channel, seen), RedisSender(reach, seen)
    )


def _over_sqs(
    app: Celery, reach: Reach, units: UnitRunner, workload: Workload, seen: Sequence[Sample]
) -> _Pipelined:
    return _Pipelined(
        units, workload, text_renderer(app, reach.channel, seen), SqsSender(reach, seen)
    )


def _over_amqp(
    app: Celery, reach: Reach, units: UnitRunner, workload: Workload, seen: Sequence[Sample]
) -> _Streamed:
    sender = AmqpSender(reach, seen)
    return _Streamed(units, workload, message_renderer(app, sender.message_type, seen), sender)


_PATHS: dict[str, tuple[Callable[[Any, list[Delivery]], None], Callable[..., Any]]] = {
    "redis": (catch_redis, _over_redis),
    "sqs": (catch_sqs, _over_sqs),
    "amqp": (catch_amqp, _over_amqp),
}
"""By kombu's `driver_type`."""
