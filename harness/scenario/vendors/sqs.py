"""Amazon SQS, or an emulator, as broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from harness.scenario.vendors.base import (
    ANY,
    MIB,
    SWITCH,
    AsBroker,
    AwsEndpoint,
    ClientPackages,
    Options,
    OwnServer,
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
        message_groups=True,
        beyond_proxy="the queues' own URLs lead past a proxy on SQS",
    ),
    clients=ClientPackages(
        packages=("boto3", "botocore", "pycurl"),
        requirements=("boto3", "pycurl", "urllib3"),
        modules=("boto3", "pycurl"),
    ),
    own_server=OwnServer(45 * MIB, 2.0),
)
