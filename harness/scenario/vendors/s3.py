"""Amazon S3, or an emulator, as result backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from harness.scenario.vendors.base import (
    MIB,
    AsBackend,
    AwsEndpoint,
    ClientPackages,
    OwnServer,
    Provider,
    Vendor,
)


class S3Backend(AwsEndpoint):
    """Amazon S3 or an emulator; every block has keys under a prefix of its own."""

    service: Literal["s3"]
    bucket: str | None = None
    """An existing bucket (external provider); the local provider makes one of its own."""

    def lacking(self) -> str:
        """Why an external S3 without a bucket cannot be used: Celery makes none."""
        return "" if self.bucket else 'a "bucket:" that exists: Celery makes none'

    read_by: ClassVar[Mapping[str, Provider]] = {**AwsEndpoint.read_by, "bucket": "external"}
    place: ClassVar[tuple[str, ...]] = (*AwsEndpoint.place, "bucket")


S3 = Vendor(
    "s3",
    "S3",
    backend=AsBackend(
        S3Backend,
        ("s3", "http", "https"),
        needs_url=False,
        expiry="never",
    ),
    clients=ClientPackages(("boto3", "botocore"), ("boto3",), "s3", ("boto3",), ("boto3",)),
    own_server=OwnServer(45 * MIB, 2.0),
)
