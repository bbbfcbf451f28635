"""Everything that a result backend's server holds, as its owner sees it."""

from __future__ import annotations

import contextlib
import socket
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import psycopg
import pymysql
import redis

from harness.services.base import Target


def inventory(service: str, target: Target) -> set[str]:
    """Names of all schemas, databases, keys, tables or objects, of whomever."""
    looks: dict[str, Any] = {
        "redis": _redis,
        "postgresql": _postgresql,
        "mysql": _mysql,
        "memcached": _memcached,
        "dynamodb": _dynamodb,
        "s3": _s3,
    }
    found: set[str] = looks[service](target)
    return found


def aws(service: str, target: Target) -> Any:
    """A client for everything there is."""
    parts = urlsplit(target.url)
    return boto3.client(
        service,
        endpoint_url=f"http://{parts.hostname}:{parts.port}",
        region_name=target.region,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def _redis(target: Target) -> set[str]:
    found = set()
    with contextlib.closing(redis.Redis.from_url(target.url)) as client:
        databases = [int(name[2:]) for name in client.info("keyspace")]
    for database in databases:
        url = urlsplit(target.url)._replace(path=f"/{database}").geturl()
        with contextlib.closing(redis.Redis.from_url(url)) as client:
            found |= {f"{database}/{key!r}" for key in client.scan_iter()}
    return found


def _postgresql(target: Target) -> set[str]:
    with psycopg.connect(target.url) as connection:
        rows = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_namespace n "
            "LEFT JOIN pg_class c ON c.relnamespace = n.oid WHERE n.nspname !~ '^pg_'"
        )
        return {f"{schema}.{name}" for schema, name in rows}


def _mysql(target: Target) -> set[str]:
    parts = urlsplit(target.url)
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=unquote(parts.password or ""),
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        return {str(name) for (name,) in cursor.fetchall()}


def _memcached(target: Target) -> set[str]:
    parts = urlsplit(target.url)
    with (
        socket.create_connection((parts.hostname, parts.port), timeout=5) as connection,
        connection.makefile("rwb") as stream,
    ):
        stream.write(b"lru_crawler metadump all\r\n")
        stream.flush()
        return {line.split()[0].decode() for line in iter(stream.readline, b"END\r\n")}


def _dynamodb(target: Target) -> set[str]:
    return set(aws("dynamodb", target).list_tables()["TableNames"])


def _s3(target: Target) -> set[str]:
    client, found = aws("s3", target), set()
    for bucket in client.list_buckets()["Buckets"]:
        for item in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            found.add(f"{bucket['Name']}/{item['Key']}")
    return found
