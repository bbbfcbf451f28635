"""RabbitMQ over AMQP 0-9-1, as broker; its results are those of `rpc`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field

from harness.scenario.files.wording import listed, shown
from harness.scenario.vendors.base import (
    AMOUNT,
    ANY,
    MIB,
    AsBroker,
    ClientPackages,
    Declared,
    Endpoint,
    Options,
    OwnServer,
    Provider,
    QueueOptions,
    TlsEndpoint,
    TransportOption,
    Vendor,
)

_SMALLER_MESSAGES = 4
"""The major version that takes an eighth of what those before it took."""


class RabbitmqBroker(TlsEndpoint):
    """RabbitMQ over AMQP 0-9-1, as broker."""

    service: Literal["rabbitmq"]
    management_url: str | None = None
    """The management API of an external broker; with it, every block gets a vhost of its own."""

    read_by: ClassVar[Mapping[str, Provider]] = {
        **TlsEndpoint.read_by,
        "management_url": "external",
    }


_NAMED = {"x-queue-type": "type", "x-max-priority": "max_priority"}
"""Arguments that have a field of their own."""
_MOST = 2**63 - 1
"""What AMQP has for a whole number."""
_TEN_YEARS_MS = 315_360_000_000
"""rabbit_misc:check_expiry/1, MAX_EXPIRY_TIMER."""
_RANGES: Mapping[str, tuple[int, int]] = {
    "x-message-ttl": (0, _TEN_YEARS_MS),
    "x-expires": (1, _TEN_YEARS_MS),
    "x-max-length": (0, _MOST),
    "x-max-length-bytes": (0, _MOST),
    "x-delivery-limit": (-1, _MOST),
    "x-queue-version": (1, 2),
    "x-quorum-initial-group-size": (1, _MOST),
}
"""Arguments that are whole numbers between these, see rabbit_amqqueue:declare_args/0. RabbitMQ 3
looks at no x-delivery-limit; to 4 -1 is none."""
_TAKEN = {"x-delivery-limit": "no limit that RabbitMQ could keep"}
"""What becomes of a value that is taken and cannot be meant."""
_OF_TYPE: Mapping[str, str] = {
    "x-delivery-limit": "quorum",
    "x-dead-letter-strategy": "quorum",
    "x-quorum-initial-group-size": "quorum",
    "x-queue-mode": "classic",
    "x-queue-version": "classic",
    "x-max-age": "stream",
    "x-stream-max-segment-size-bytes": "stream",
}
"""The only type of queue that has an argument, see capabilities/0 of rabbit_classic_queue and
rabbit_quorum_queue."""
_WORDS: Mapping[str, tuple[str, ...]] = {
    "x-overflow": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "x-queue-mode": ("default", "lazy"),
    "x-dead-letter-strategy": ("at-most-once", "at-least-once"),
}
"""Arguments that are one of these words."""
_DEAD_TO, _DEAD_KEY = "x-dead-letter-exchange", "x-dead-letter-routing-key"
_TEXTS = (_DEAD_TO, _DEAD_KEY)
_SWITCHES = ("x-single-active-consumer",)


def _argument_problem(argument: str, value: object) -> str | None:
    """Why RabbitMQ refuses a queue with this argument; None of one that it takes, or that nobody
    knows here."""
    least, most = _RANGES.get(argument, (None, _MOST))
    whole = isinstance(value, int) and not isinstance(value, bool)
    if least is not None and not (whole and least <= cast("int", value) <= most):
        beyond = whole and cast("int", value) > most
        return f"is a whole number {f'up to {most}' if beyond else f'from {least} on'}"
    if argument in _WORDS and value not in _WORDS[argument]:
        return f"is one of {listed(_WORDS[argument])}"
    if argument in _TEXTS and not isinstance(value, str):
        return "is a text"
    if argument in _SWITCHES and not isinstance(value, bool):
        return "is true or false"
    return None


class RabbitmqQueue(QueueOptions):
    """What a queue of RabbitMQ may have."""

    type: Literal["classic", "quorum"] | None = None
    """Without it as Celery's settings say: `task_default_queue_type` of the default queue,
    `task_create_missing_queue_type` of others."""
    max_priority: Annotated[int, Field(ge=1, le=255)] | None = None
    """Highest priority that messages can have in it (`x-max-priority`); without it
    `task_queue_max_priority`."""
    arguments: dict[str, str | int | float | bool] = {}
    """Further arguments of its declaration, for example `x-message-ttl: 60000`."""

    def declared_with(self) -> Declared:
        """The arguments by the names that RabbitMQ gives them."""
        said = {argument: getattr(self, field) for argument, field in _NAMED.items()}
        return {name: value for name, value in said.items() if value is not None} | self.arguments

    def as_settings(self) -> Declared:
        """The default queue's, whose type and highest priority are settings."""
        said = {"task_default_queue_type": self.type, "task_queue_max_priority": self.max_priority}
        return {name: value for name, value in said.items() if value is not None}

    def problems(self, name: str, settings: Options) -> Iterator[tuple[str, str]]:
        """Priorities of a quorum queue, arguments that have another name here, and those that
        RabbitMQ refuses."""
        del name  # any will do
        kind = self.type or settings.get("task_default_queue_type") or "classic"
        for argument, value in self.arguments.items():
            if field := _NAMED.get(argument):
                yield "arguments", f'{argument} has a key of its own here: say "{field}:"'
            elif not argument.startswith("x-"):
                yield "arguments", f"RabbitMQ's arguments begin with x-, and {argument} does not"
            elif message := _argument_problem(argument, value):
                then = _TAKEN.get(argument, _REFUSED)
                yield "arguments", f"{argument} {message}, not {shown(value)}: {then}"
            elif (its := _OF_TYPE.get(argument, kind)) != kind:
                yield "arguments", f"{argument} is for queues of type {its}, not {kind}: {_REFUSED}"
        if _DEAD_KEY in self.arguments and _DEAD_TO not in self.arguments:
            yield "arguments", f"{_DEAD_KEY} needs {_DEAD_TO} beside it: {_REFUSED}"
        if kind != "quorum":
            return
        if self.max_priority is not None:
            yield "max_priority", f"{_NO_PRIORITIES}: remove it, or use type: classic"
        elif settings.get("task_queue_max_priority"):
            message = "and Celery would give it task_queue_max_priority"
            yield "type", f'{_NO_PRIORITIES}, {message}: say "max_priority:" of the other queues'


_REFUSED = "RabbitMQ refuses the queue"
_NO_PRIORITIES = (
    "a quorum queue takes no x-max-priority (RabbitMQ 3 refuses the queue, 4 has two "
    "priorities without it)"
)
_OWN_NAMES = ("amq.", "celery_delayed_", "celeryev.")


def _queue_name_problem(name: str) -> str | None:
    """255 bytes, as AMQP has it; and what the server and Celery keep for themselves."""
    if name.startswith(_OWN_NAMES) or name.endswith(".pidbox"):
        return f"{name} is a name for queues of RabbitMQ's or Celery's own: use another one"
    if len(name.encode()) > _LONGEST_NAME:
        return f"longer than the {_LONGEST_NAME} bytes that AMQP has for a name"
    return None


_LONGEST_NAME = 255


def _one_queue_only(end: Endpoint, provider: Provider | None) -> str:
    """Without a vhost of its own a block has names of its own, and those are the user's."""
    theirs = (provider or end.provider) == "external"
    if not theirs or getattr(end, "management_url", None) is not None:
        return ""
    return (
        "several queues need a vhost for each block, or they would be other people's as well: say "
        '"management_url:" under "broker:"'
    )


def _priority_problems(who: str, highest: int, settings: Options) -> Iterator[str]:
    most = settings.get("task_queue_max_priority")
    if settings.get("task_default_queue_type") == "quorum":
        yield f"quorum queues take no x-max-priority, and {who} has them: use a classic queue"
    elif not isinstance(most, int):
        yield (
            'RabbitMQ needs task_queue_max_priority, or "max_priority:" of the queue under '
            f'"queues:", and {who} sets neither: say '
            f'"task_queue_max_priority: {max(highest, 1)}" under "settings:"'
        )
    elif highest > most:
        yield (
            f"{highest} is above the highest priority of the queue, which is {most} in {who} "
            "(max_priority, else task_queue_max_priority)"
        )


def _countdown_problems(countdown_s: float, settings: Options) -> Iterator[str]:
    """Native delayed delivery: Celery cuts a countdown to whole seconds (celery/app/base.py,
    send_task), and kombu refuses 0 (kombu/transport/native_delayed_delivery.py)."""
    quorum = settings.get("task_default_queue_type") == "quorum"
    delays = quorum and settings.get("task_default_exchange_type", "direct") != "direct"
    if delays and countdown_s < 1:
        yield (
            "on quorum queues with a topic exchange RabbitMQ delays messages by whole seconds, and "
            "Celery fails to publish one with a countdown below 1s: wait longer, or use a direct "
            "exchange"
        )


def _takes_bytes(version: str) -> int | None:
    """`max_message_size` of a node's defaults: deps/rabbit/Makefile, and the release notes of 4.0;
    asked of 3.10.8 itself."""
    major = version.partition(".")[0]
    if not major.isdigit():
        return None
    return (16 if int(major) >= _SMALLER_MESSAGES else 128) * 1024 * 1024


RABBITMQ = Vendor(
    "rabbitmq",
    "RabbitMQ",
    AsBroker(
        RabbitmqBroker,
        ("amqp", "amqps", "pyamqp"),
        transport_options={
            "confirm_publish": TransportOption("switch", default=False),
            "max_retries": AMOUNT,
            "interval_start": AMOUNT,
            "interval_step": AMOUNT,
            "interval_max": AMOUNT,
            "read_timeout": AMOUNT,
            "write_timeout": AMOUNT,
            "login_method": TransportOption(words=("AMQPLAIN", "PLAIN", "EXTERNAL")),
            "client_properties": ANY,
        },
        takes_bytes=_takes_bytes,
        priority_problems=_priority_problems,
        queue=RabbitmqQueue,
        one_queue_only=_one_queue_only,
        queue_name_problem=_queue_name_problem,
        countdown_problems=_countdown_problems,
        drops_expired=True,
        confirmed_by="confirm_publish",
        restarts=True,
    ),
    clients=ClientPackages(packages=("amqp",)),
    own_server=OwnServer(150 * MIB, 6.0),
)
