"""Amazon DynamoDB, or an emulator, as result backend."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.scenario.vendors.base import (
    MIB,
    AsBackend,
    AwsEndpoint,
    ClientPackages,
    OwnServer,
    Vendor,
)


class DynamodbBackend(AwsEndpoint):
    """Amazon DynamoDB or an emulator; every block has a table of its own."""

    service: Literal["dynamodb"]
    table_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")] = "harness-"
    read_units: Annotated[int, Field(ge=1)] = 1
    write_units: Annotated[int, Field(ge=1)] = 1
    """Provisioned capacity of the table. Celery's defaults; AWS throttles what goes beyond."""
    ttl: Annotated[int, Field(ge=1)] | None = None
    """Seconds after which DynamoDB may remove a result. Celery's `result_expires` does not."""

    def expires_s(self) -> float | None:
        """Seconds of `ttl`, after which DynamoDB may remove a result; None without it."""
        return None if self.ttl is None else float(self.ttl)

    place: ClassVar[tuple[str, ...]] = (
        *AwsEndpoint.place,
        *("table_prefix", "read_units", "write_units", "ttl"),
    )


DYNAMODB = Vendor(
    "dynamodb",
    "DynamoDB",
    backend=AsBackend(
        DynamodbBackend,
        ("dynamodb", "http", "https"),
        needs_url=False,
        compresses_results=True,
        max_result_bytes=409_400,  # an item of 400 KiB, with the names of its attributes
        expiry="ttl",
    ),
    clients=ClientPackages(("boto3", "botocore"), ("boto3",), "dynamodb", ("boto3",), ("boto3",)),
    own_server=OwnServer(45 * MIB, 2.0),
)
