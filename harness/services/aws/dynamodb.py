"""Amazon DynamoDB, or what speaks its protocol, as result backend: a table for each block."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from harness.errors import ServiceError
from harness.scenario.vendors.dynamodb import DynamodbBackend
from harness.services.aws.access import Access, code_of, external_url, secrets_in, server_info
from harness.services.aws.driver import AwsDriver
from harness.services.base import CeleryEnd, Namespace, Service, StoredResults, Target
from harness.services.hosting.local import LocalServer
from harness.services.hosting.one_server import OneServer
from harness.services.labels import identifier
from harness.services.results_only import TASK_KEY, ResultsNamespace
from harness.services.settings import expand
from harness.workspace import Workspace

_WHAT = "DynamoDB"
_TABLE_PROMISE = "dynamodb-table"
_PREFIX_OPTION = "table_prefix"


class DynamodbDriver(AwsDriver[DynamodbBackend]):
    """Starts an emulator, or reaches DynamoDB itself."""

    name = "dynamodb"

    def __init__(self) -> None:
        super().__init__({_TABLE_PROMISE: _undo_table})

    def used_by(self, target: Target, endpoint: DynamodbBackend) -> Target:
        """The target with region, prefix and capacity of the tables, when results expire."""
        options = {
            _PREFIX_OPTION: endpoint.table_prefix,
            "read": str(endpoint.read_units),
            "write": str(endpoint.write_units),
        }
        if endpoint.ttl is not None:
            options["ttl_seconds"] = str(endpoint.ttl)
        return replace(target, region=endpoint.region, options=options)

    def target(self, endpoint: DynamodbBackend, environ: Mapping[str, str]) -> Target:
        """AWS itself without a URL or with `dynamodb://`, else an endpoint."""
        url = external_url(endpoint.url, self.name, _WHAT, environ)
        region = expand(endpoint.region, environ, where="the dynamodb region")
        return replace(self.used_by(Target("external", url), endpoint), region=region)

    def connect(self, target: Target, workspace: Workspace, server: LocalServer | None) -> Service:
        """List a table: proves endpoint, region and credentials."""
        return DynamodbService(target, workspace, server)


class DynamodbService(OneServer):
    """One region of one account. Every block has a table."""

    def __init__(self, target: Target, workspace: Workspace, server: LocalServer | None) -> None:
        super().__init__(target, workspace, server)
        self._access = Access.of(target.url, target.region)
        self.secrets = secrets_in(target.url)
        with self._access.translated(_WHAT):
            self._client = self._access.client("dynamodb")
            self._client.list_tables(Limit=1)
        self.info = server_info(target, self._access, "dynamodb", _WHAT, "2012-08-10")

    def open_namespace(
        self, label: str, settings: Mapping[str, Any], endpoint: DynamodbBackend
    ) -> Namespace:
        """A table of the block's own.

        Celery would make it at the first result, but two pool processes that do so at the same
        moment disturb each other, and a result is lost.
        """
        del endpoint  # one way for all
        del settings  # none of them says where results are
        access, client = self._access, self._client
        options = dict(self.target.options)
        table = f"{options.pop(_PREFIX_OPTION)}{identifier(label)}"
        promised = self.promise(_TABLE_PROMISE, region=self.target.region, table=table)
        with access.translated(_WHAT):
            _create(client, table, options)

        def stored() -> StoredResults:
            with access.translated(_WHAT):
                return _stored(client, table)

        def remove() -> None:
            with access.translated(_WHAT):
                _delete(client, table)

        return ResultsNamespace(
            isolation="table",
            end=_end(access, table, options),
            stored=stored,
            remove=remove,
            promised=promised,
        )

    def close(self) -> None:
        """Stop a local emulator, close connections."""
        self._client.close()
        super().close()


def _end(access: Access, table: str, options: Mapping[str, str]) -> CeleryEnd:
    """Keys go through the environment, as on AWS: with keys in its URL, Celery opens a connection
    in the worker's main process, and all processes of its pool talk over it at once."""
    endpoint = {"dynamodb_endpoint_url": access.endpoint_url} if access.endpoint_url else {}
    keys = {}
    if access.key is not None:
        keys = {"AWS_ACCESS_KEY_ID": access.key, "AWS_SECRET_ACCESS_KEY": access.secret or ""}
    return CeleryEnd(f"dynamodb://{access.region}/{table}?{urlencode(options)}", endpoint, keys)


def _create(client: BaseClient, table: str, options: Mapping[str, str]) -> None:
    """As Celery does, and wait until it can be used."""
    client.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        ProvisionedThroughput={
            "ReadCapacityUnits": int(options["read"]),
            "WriteCapacityUnits": int(options["write"]),
        },
    )
    client.get_waiter("table_exists").wait(
        TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def _stored(client: BaseClient, table: str) -> StoredResults:
    """By a scan: the table's own figures are six hours old on AWS."""
    results = size_bytes = 0
    try:
        for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            items = page.get("Items", [])
            own = [item for item in items if TASK_KEY in item.get("id", {}).get("S", "")]
            results += len(own)
            size_bytes += sum(_item_bytes(item) for item in items)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":  # removed by somebody else
            raise
    return StoredResults(results, size_bytes)


def _item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """As AWS bills it: names and values; a number takes a byte for two digits, and one more."""
    size = 0
    for name, typed in item.items():
        size += len(name.encode())
        for kind, value in typed.items():
            if kind == "N":
                size += len(str(value).strip("-0.")) // 2 + 2
            else:
                size += len(value.encode() if isinstance(value, str) else bytes(value))
    return size


def _delete(client: BaseClient, table: str) -> None:
    try:
        client.delete_table(TableName=table)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise


def _undo_table(payload: Mapping[str, Any]) -> None:
    access = Access.of(str(payload["url"]), str(payload["region"]))
    table = str(payload["table"])
    if len(table) < len("a-b"):
        raise ServiceError(f"refusing to delete the table {table!r}")
    with access.translated(_WHAT), contextlib.closing(access.client("dynamodb")) as client:
        _delete(client, table)
