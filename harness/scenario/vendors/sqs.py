"""Amazon SQS, or an emulator, as broker."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.files.fields import Frozen
from harness.scenario.vendors.base import (
    ANY,
    MIB,
    SWITCH,
    AsBroker,
    AwsEndpoint,
    ClientPackages,
    Options,
    OwnServer,
    QueueOptions,
    TransportOption,
    Vendor,
)


class SqsBroker(AwsEndpoint):
    """Amazon SQS or an emulator; every block has queues under a prefix of its own."""

    service: Literal["sqs"]
    queue_name_prefix: str = "harness-"
    fifo: bool = False
    """A FIFO queue instead of a standard one: in order, and at another price."""

    place: ClassVar[tuple[str, ...]] = (*AwsEndpoint.place, "queue_name_prefix")


class SqsAttributes(Frozen):
    """Attributes that a queue is created with, by Amazon's names and within its quotas."""

    DelaySeconds: Annotated[int, Field(ge=0, le=900)] | None = None
    MaximumMessageSize: Annotated[int, Field(ge=1024, le=MIB)] | None = None
    MessageRetentionPeriod: Annotated[int, Field(ge=60, le=1_209_600)] | None = None
    ReceiveMessageWaitTimeSeconds: Annotated[int, Field(ge=0, le=20)] | None = None
    VisibilityTimeout: Annotated[int, Field(ge=0, le=43_200)] | None = None
    ContentBasedDeduplication: bool | None = None
    DeduplicationScope: Literal["messageGroup", "queue"] | None = None
    FifoThroughputLimit: Literal["perMessageGroupId", "perQueue"] | None = None


_FIFO = ".fifo"
_OF_FIFO = ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")


class SqsQueue(QueueOptions):
    """What a queue of SQS may have."""

    fifo: bool | None = None
    """What its name says as well: a FIFO queue's ends with `.fifo`, and no other's."""
    attributes: SqsAttributes = SqsAttributes()
    """Its own, instead of what kombu gives every queue (its `visibility_timeout`, for one)."""

    def attributes_told(self) -> dict[str, str]:
        """The attributes as SQS takes them: all are texts."""
        said = self.attributes.model_dump(exclude_none=True)
        return {name: json.dumps(one).strip('"') for name, one in said.items()}

    def problems(self, name: str, settings: Options) -> Iterator[tuple[str, str]]:
        """A FIFO queue by another name, and attributes that only FIFO queues have."""
        del settings  # none is about one queue
        is_fifo = name.endswith(_FIFO)
        if self.fifo is not None and self.fifo is not is_fifo:
            message = "is SQS' own rule for the names of FIFO queues, and only of theirs"
            yield "fifo", f"the ending {_FIFO} {message}: rename the queue, or remove this"
        of_fifo = set(self.attributes.model_dump(exclude_none=True)) & set(_OF_FIFO)
        if of_fifo and not is_fifo:
            yield "attributes", f"only FIFO queues have {min(of_fifo)}: remove it"
        elif self._limits_groups_alone():
            yield "attributes", f"{_PER_GROUP}: say it, too"

    def _limits_groups_alone(self) -> bool:
        said = self.attributes
        limits = said.FifoThroughputLimit == "perMessageGroupId"
        return limits and said.DeduplicationScope != "messageGroup"


_PER_GROUP = (
    "SQS takes FifoThroughputLimit: perMessageGroupId only with DeduplicationScope: messageGroup"
)
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.fifo)?")
_LONGEST_NAME = 30


def _queue_name_problem(name: str) -> str | None:
    """kombu would replace any other character, so that two queues might become one."""
    if _NAME.fullmatch(name) is None:
        return (
            f"SQS takes letters, digits, - and _ in names, and {_FIFO} at the end of a FIFO queue's"
        )
    if len(name) > _LONGEST_NAME:
        message = "80 are SQS' limit, and a prefix for the block stands before it"
        return f"longer than {_LONGEST_NAME} characters: {message}"
    return None


def _growth(options: Options) -> float:
    """kombu's virtual transports write the body in base64, its SQS the whole message once more."""
    again = options["sqs_base64_encoding"] is True
    return (4 / 3) ** (1 + again)


def _redelivery_s(options: Options) -> float:
    return float(options["visibility_timeout"])


def _priority_problems(who: str, highest: int, settings: Options) -> Iterator[str]:
    del highest, settings  # none will do
    yield f"SQS knows no priorities, and {who} uses it: use one queue per priority"


SQS = Vendor(
    "sqs",
    "SQS",
    AsBroker(
        SqsBroker,
        ("sqs", "http", "https"),
        needs_url=False,
        max_message_bytes=1024 * 1024,  # AWS' quota since August 2025; 256 KiB before
        growth=_growth,
        transport_options={  # defaults: kombu/transport/SQS.py, Channel and Transport
            "polling_interval": TransportOption("amount", 1.0),
            # AWS' quotas: it refuses what is beyond them.
            "wait_time_seconds": TransportOption("amount", 10, most=20),
            "visibility_timeout": TransportOption("amount", 1800, most=43_200),
            "is_secure": SWITCH,
            "port": ANY,
            "predefined_exchanges": ANY,
            "supports_fanout": SWITCH,
            "sqs_base64_encoding": TransportOption("switch", default=True),
            "queue_tags": ANY,
            "fetch_message_attributes": ANY,
            "sts_role_arn": ANY,
        },
        owned_options={
            "predefined_queues": "every block has a queue of its own, named by the harness",
            "queue_name_prefix": 'set "queue_name_prefix:" under "broker:"',
            "region": 'set "region:" under "broker:"',
        },
        redelivery_s=_redelivery_s,
        priority_problems=_priority_problems,
        queue=SqsQueue,
        queue_name_problem=_queue_name_problem,
        message_groups=True,
        remote_control=False,
        beyond_proxy="the queues' own URLs lead past a proxy on SQS",
    ),
    clients=ClientPackages(
        packages=("boto3", "botocore", "pycurl"),
        requirements=("boto3", "pycurl", "urllib3"),
        extra="sqs",
        modules=("boto3", "pycurl"),
        of_the_driver=("boto3",),
    ),
    own_server=OwnServer(45 * MIB, 2.0),
)
