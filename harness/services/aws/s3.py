"""Amazon S3, or what speaks its protocol, as result backend: keys with a prefix for each block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from harness.errors import ServiceError
from harness.scenario.vendors.s3 import S3Backend
from harness.services.aws.access import Access, code_of, external_url, secrets_in, server_info
from harness.services.aws.driver import AwsDriver
from harness.services.base import CeleryEnd, Namespace, Service, StoredResults, Target
from harness.services.hosting.local import LocalServer
from harness.services.hosting.one_server import OneServer
from harness.services.labels import identifier
from harness.services.results_only import TASK_KEY, ResultsNamespace
from harness.services.settings import expand
from harness.workspace import Workspace

_WHAT = "S3"
_KEYS_PROMISE = "s3-keys"
_PREFIX = "harness/"
_OWN_BUCKET = "harness-results"


class S3Driver(AwsDriver[S3Backend]):
    """Starts an emulator, or reaches S3 itself."""

    name = "s3"

    def __init__(self) -> None:
        super().__init__({_KEYS_PROMISE: _undo_keys})

    def used_by(self, target: Target, endpoint: S3Backend) -> Target:
        """The target with region and bucket."""
        bucket = endpoint.bucket or _OWN_BUCKET
        return replace(target, region=endpoint.region, options={"bucket": bucket})

    def target(self, endpoint: S3Backend, environ: Mapping[str, str]) -> Target:
        """AWS itself without a URL or with `s3://`, else an endpoint."""
        if not endpoint.bucket:
            raise ServiceError("external s3 needs a `bucket:` that exists: Celery makes none")
        url = external_url(endpoint.url, self.name, _WHAT, environ)
        expanded = {
            "region": expand(endpoint.region, environ, where="the s3 region"),
            "bucket": expand(endpoint.bucket, environ, where="the s3 bucket"),
        }
        return self.used_by(Target("external", url), endpoint.model_copy(update=expanded))

    def connect(self, target: Target, workspace: Workspace, server: LocalServer | None) -> Service:
        """Look at the bucket: proves endpoint, region, credentials and its name."""
        return S3Service(target, workspace, server)


class S3Service(OneServer):
    """One bucket: the user's, or one in an emulator of ours."""

    def __init__(self, target: Target, workspace: Workspace, server: LocalServer | None) -> None:
        super().__init__(target, workspace, server)
        self._bucket = target.options["bucket"]
        self._access = Access.of(target.url, target.region)
        self.secrets = secrets_in(target.url)
        with self._access.translated(_WHAT):
            self._client = self._access.client("s3")
            if target.provider != "external":
                self._client.create_bucket(Bucket=self._bucket)
            self._look_at_bucket()
        self.info = server_info(target, self._access, "s3", _WHAT, "2006-03-01")

    def _look_at_bucket(self) -> None:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if code_of(error) in {"404", "NoSuchBucket"}:
                raise ServiceError(
                    f"there is no bucket {self._bucket} at {self._access.place}: make it, Celery "
                    "does not"
                ) from error
            raise

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: S3Backend
    ) -> Namespace:
        """Keys under a prefix of the block's own."""
        del settings, endpoint  # none of them says where results are
        access, client, bucket = self._access, self._client, self._bucket
        prefix = f"{_PREFIX}{identifier(label)}/"
        region = self.target.region
        promised = self.promise(_KEYS_PROMISE, region=region, bucket=bucket, prefix=prefix)
        settings = {
            "s3_bucket": bucket,
            "s3_base_path": prefix,
            "s3_region": access.region,
            "s3_endpoint_url": access.endpoint_url,
            "s3_access_key_id": access.key,
            "s3_secret_access_key": access.secret,
        }

        def stored() -> StoredResults:
            with access.translated(_WHAT):
                objects = list(_objects(client, bucket, prefix))
            own = [held for key, held in objects if TASK_KEY in key]
            return StoredResults(len(own), sum(held for _, held in objects))

        def remove() -> None:
            with access.translated(_WHAT):
                _delete(client, bucket, prefix)

        return ResultsNamespace(
            isolation="key prefix",
            end=CeleryEnd("s3://", settings),
            stored=stored,
            remove=remove,
            promised=promised,
        )

    def close(self) -> None:
        """Stop a local emulator, close connections."""
        self._client.close()
        super().close()


def _objects(client: BaseClient, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield str(item["Key"]), int(item["Size"])


def _delete(client: BaseClient, bucket: str, prefix: str) -> None:
    keys = [key for key, _ in _objects(client, bucket, prefix)]
    for start in range(0, len(keys), 1000):  # as many as one request takes
        batch = [{"Key": key} for key in keys[start : start + 1000]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})


def _undo_keys(payload: Mapping[str, Any]) -> None:
    access = Access.of(str(payload["url"]), str(payload["region"]))
    prefix = str(payload["prefix"])
    if not prefix.startswith(_PREFIX) or len(prefix) <= len(_PREFIX):
        raise ServiceError(f"refusing to remove keys with the prefix {prefix!r}")
    with access.translated(_WHAT), contextlib.closing(access.client("s3")) as client:
        _delete(client, str(payload["bucket"]), prefix)
