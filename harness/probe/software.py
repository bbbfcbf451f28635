"""What this process runs under, as it says itself."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from celery.app.defaults import NAMESPACES, flatten

PACKAGES = (
    *("celery", "kombu", "billiard", "vine", "amqp", "redis", "boto3", "botocore", "pycurl"),
    *("gevent", "sqlalchemy", "psycopg", "pymysql", "pymemcache"),
)
"""Whatever of these is installed decides how fast a client or worker is."""
_UNLISTED = ("dynamodb_endpoint_url",)
"""Read by Celery's backends, and missing in its own table of settings."""


def versions() -> dict[str, str]:
    """Version by name, Python's own among them; of packages that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def unknown_settings(names: Iterable[str]) -> list[str]:
    """Settings that this Celery does not have: it would ignore them without a word."""
    known = {*dict(flatten(NAMESPACES)), *_UNLISTED}
    return sorted(name for name in names if name not in known)
