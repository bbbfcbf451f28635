"""Which packages make up a version of Celery: the sets that are known to run, and what they need.

A version alone is no environment: today's pip gives Celery 5.3.1 the newest kombu and redis-py,
and the worker ends on `import packaging`. So a version stands for the libraries of its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.scenario.configuration import CelerySet, Configuration
from harness.scenario.content import libraries_of
from harness.scenario.service_tables import BACKENDS


@dataclass(frozen=True)
class KnownSet:
    """One version of Celery with its companions."""

    pins: tuple[str, ...]
    why: str


KNOWN: Mapping[str, KnownSet] = {
    "5.3.1": KnownSet(
        ("kombu==5.3.1", "amqp==5.1.1", "vine==5.0.0", "billiard==4.1.0", "redis==4.6.0"),
        "the tutorial's version, with what was current when it came out (June 2023)",
    ),
    "5.4.0": KnownSet(
        ("kombu==5.3.7", "amqp==5.2.0", "vine==5.1.0", "billiard==4.2.0", "redis==5.0.4"),
        "the only 5.4; there was no kombu 5.4 yet (April 2024)",
    ),
    "5.5.3": KnownSet(
        ("kombu==5.5.4", "amqp==5.3.1", "vine==5.1.0", "billiard==4.2.1", "redis==5.2.1"),
        "the last 5.5; its kombu takes redis-py up to 5.2.1",
    ),
    "5.6.3": KnownSet(
        ("kombu==5.6.2", "amqp==5.3.1", "vine==5.1.0", "billiard==4.2.4", "redis==6.4.0"),
        "the last 5.6; its kombu takes redis-py up to 6.4",
    ),
    "5.7.0": KnownSet(
        ("kombu==5.7.0", "amqp==5.4.2", "vine==5.1.0", "billiard==4.3.2", "redis==8.1.0"),
        "the newest when this table was written",
    ),
}
"""Version -> all that decides how fast it is, pinned: two machines build the same."""

_KOMBU_OF: Mapping[str, str] = {
    "5.3": "kombu~=5.3.0",
    "5.4": "kombu~=5.3.0",
    "5.5": "kombu~=5.5.0",
    "5.6": "kombu~=5.6.0",
    "5.7": "kombu~=5.7.0",
}
_REDIS_OF: Mapping[str, str] = {
    "5.3": "redis<5",
    "5.4": "redis<5.1",
    "5.5": "redis<=5.2.1",
    "5.6": "redis<6.5",
}
"""For the other versions of a minor series: bounds, within which pip takes the newest."""


def requirements(celery: CelerySet, configuration: Configuration) -> tuple[str, ...]:
    """What pip is to install for a configuration, beside what a git revision brings."""
    named = _by_name(celery.pins)
    if celery.version is not None:
        named = _by_name([f"celery=={celery.version}", *_companions(celery.version)]) | named
    return tuple((_by_name(_clients(configuration)) | named).values())


def _companions(version: str) -> tuple[str, ...]:
    if version in KNOWN:
        return KNOWN[version].pins
    minor = ".".join(version.split(".")[:2])
    return tuple(table[minor] for table in (_KOMBU_OF, _REDIS_OF) if minor in table)


def _clients(configuration: Configuration) -> tuple[str, ...]:
    """What the configuration needs beside Celery, of whatever version pip finds to fit."""
    needed = ["packaging", "redis"]  # kombu 5.7 imports packaging for Redis without asking for it
    if configuration.broker.service == "sqs":
        needed += ["boto3", "pycurl", "urllib3"]
    needed += BACKENDS[configuration.backend.service].requirements
    if configuration.worker.pool == "gevent":
        needed.append("gevent")
    needed += libraries_of(configuration.settings)
    return tuple(needed)


def _by_name(pins: Iterable[str]) -> dict[str, str]:
    return {canonicalize_name(Requirement(pin).name): pin for pin in pins}


def title(celery: CelerySet) -> str:
    """For a line of progress or a table."""
    if celery.revision is not None:
        return f"revision {celery.name or celery.revision}"
    if celery.name is not None:
        return celery.name
    words = [] if celery.version is None else [f"celery {celery.version}"]
    return ", ".join([*words, *celery.pins])
