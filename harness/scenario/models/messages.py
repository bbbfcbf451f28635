"""Options of each message: priority, countdown and expiry, as `apply_async` takes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from harness.scenario.files.fields import Frozen, NonEmptyItems, PositiveDuration, QueueName
from harness.scenario.files.unknown import in_full

Priority = Annotated[int, Field(ge=0, le=255)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


class MessageOptions(Frozen):
    """What every unit of a workload gives to `apply_async`."""

    queue: QueueName | None = None
    """Queue that the messages go to, all of a group's or chain's; without it, where Celery's
    settings lead them. Some group of workers has to consume it."""
    priority: (
        Annotated[
            NonEmptyItems[Priority],
            BeforeValidator(_as_list, json_schema_input_type=Priority | NonEmptyItems[Priority]),
        ]
        | None
    ) = None
    """One number, or several that units bear in turn; reports then show each by itself. All
    messages of a group or chain bear their unit's. What is urgent depends on the broker: on Redis
    the lowest number, on RabbitMQ the highest."""
    countdown: PositiveDuration | None = None
    """Ask for each task to run this much later, as an ETA; a chain's later links follow at once."""
    expires: PositiveDuration | None = None
    """Workers throw tasks away that they would run later than this: they count as failed."""
    message_groups: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """On SQS: message groups that units belong to in turn. Without it kombu puts all messages of a
    FIFO queue into one, and SQS hands out none of a group while others of it are in flight."""

    @model_validator(mode="after")
    def _sensible(self) -> MessageOptions:
        if self.priority is not None and len(set(self.priority)) < len(self.priority):
            raise ValueError("priority names a number twice: units take them in turn")
        if self.expire_first:
            raise ValueError("tasks would expire before their countdown is over")
        return self

    @property
    def expire_first(self) -> bool:
        """Whether tasks would expire before their countdown is over."""
        return bool(self.countdown and self.expires and self.expires <= self.countdown)

    @property
    def in_turn(self) -> bool:
        """Whether units bear different priorities."""
        return self.priority is not None and len(self.priority) > 1

    def words(self, said: Collection[str] = ()) -> list[str]:
        """The options as the name of a cell has them: `priority=0+9`, `countdown=5s`. What is said
        elsewhere (by dotted names such as `options.priority`) is left out."""
        shown = {
            "queue": self.queue,
            "priority": self.priority and "+".join(map(str, self.priority)),
            "countdown": self.countdown and f"{self.countdown:g}s",
            "expires": self.expires and f"{self.expires:g}s",
            "message_groups": self.message_groups,
        }
        return [
            f"{name}={value}"
            for name, value in shown.items()
            if value is not None and f"options.{name}" not in said
        ]


class PartOptions(MessageOptions):
    """What the units of one entry of a mix give to `apply_async`."""

    @model_validator(mode="after")
    def _one_priority(self) -> PartOptions:
        if self.in_turn:
            raise ValueError("an entry of a mix has one priority: make an entry for each")
        return self

    def above(self, whole: MessageOptions) -> MessageOptions:
        """These, and where they say nothing those of the whole mix."""
        return whole.model_copy(update=in_full(self).model_dump(exclude_none=True))
