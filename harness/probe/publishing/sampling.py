"""What Celery and kombu would put on the wire for a unit, without putting it there.

The samples are real calls of `apply_async` through a real channel of the configured transport.
Queues are declared as always; only the last step, the delivery, is caught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kombu.messaging import Producer

from harness.probe.recording.ids import namer, new_tag
from harness.probe.spoken import MessageOptions
from harness.probe.workloads.base import Workload

MessageFields = dict[str, Any]
"""A message as a transport of kombu has it: `body`, `headers`, `properties` ..., as they go out."""
Address = dict[str, Any]
"""Where a message goes, as the client library is told: a key, an exchange, a queue."""


@dataclass(frozen=True)
class Sample:
    """One unit as it would be delivered."""

    task_id: str
    arguments: tuple[Any, ...]
    body: Any
    """What Celery had kombu serialise."""
    serializer: str | None
    compression: str | None
    fields: MessageFields
    """The message as the transport has it: `body` as it goes out, and all that goes with it."""
    address: Address
    """Exchange, routing key or queue to which the message goes, as the transport has it."""
    payload: Any
    """What the transport would send, where it is one text or bytes."""


@dataclass(frozen=True)
class Delivery:
    """What a transport was about to send."""

    fields: MessageFields
    address: Address
    payload: Any = None


class _Watched(Producer):
    """Notes what it was asked to publish."""

    def __init__(self, channel: Any) -> None:
        self.asked: list[tuple[Any, MessageOptions]] = []
        super().__init__(channel)  # type: ignore[no-untyped-call]  # kombu is half typed

    def publish(self, body: Any, *args: Any, **options: Any) -> Any:
        self.asked.append((body, options))
        return super().publish(body, *args, **options)  # type: ignore[no-untyped-call]  # as above


def samples(
    channel: Any, caught: list[Delivery], workload: Workload, units: Sequence[int]
) -> list[Sample]:
    """Publish each unit through a channel whose deliveries land in `caught`.

    ValueError if a unit is not one task and one message. The units bear ids of nobody's.
    """
    name = namer(new_tag())
    producer = _Watched(channel)
    found = []
    for unit in units:
        del caught[:], producer.asked[:]
        arguments = getattr(workload, "arguments", None)
        if arguments is None or workload.tasks_per_unit != 1:
            raise ValueError("publish: prebuilt needs a workload of one message per unit")
        workload.publish(unit, name, producer)
        if len(caught) != 1 or len(producer.asked) != 1:
            raise ValueError(
                f"publish: prebuilt needs a workload of one message per unit; "
                f"here it is {max(len(caught), len(producer.asked))} (an event of "
                "task_send_sent_event is one)"
            )
        (body, options), delivery = producer.asked[0], caught[0]
        found.append(
            Sample(
                name(unit, 0),
                arguments(unit),
                body,
                options.get("serializer"),
                options.get("compression"),
                delivery.fields,
                delivery.address,
                delivery.payload,
            )
        )
    return found
