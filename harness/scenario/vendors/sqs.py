"""Amazon SQS, or an emulator, as broker."""

from __future__ import annotations

from typing import ClassVar, Literal

from harness.scenario.vendors.base import AsBroker, Endpoint, Vendor


class SqsBroker(Endpoint):
    """Amazon SQS or an emulator. Credentials come from the usual boto3 chain."""

    service: Literal["sqs"]
    server: Literal["ministack", "moto"] = "ministack"
    """Which emulator the local provider starts."""
    region: str = "us-east-1"
    queue_name_prefix: str = "harness-"
    fifo: bool = False
    """A FIFO queue instead of a standard one: in order, and at another price."""

    place: ClassVar[tuple[str, ...]] = ("region", "queue_name_prefix")


SQS = Vendor(
    "sqs",
    AsBroker(
        SqsBroker,
        ("sqs", "http", "https"),
        needs_url=False,
        max_message_bytes=1024 * 1024,  # AWS' quota since August 2025; 256 KiB before
    ),
)
