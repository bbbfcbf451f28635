"""A project for each test, and servers that a test may look into, being their owner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from harness.processes import wait_ended
from harness.services.provide import Services
from tests.runner.outside import OwnedRabbitmq, OwnedRedis
from tests.runner.running import Site, make_site
from tests.services.cases import RABBITMQ, REDIS, target_of


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A project. Whatever a test does in it, no process of it is left at the end."""
    made = make_site(tmp_path)
    yield made
    alive = wait_ended(made.family(), 10)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    assert not alive


@pytest.fixture
def redis_server(local: Services) -> Iterator[OwnedRedis]:
    """A server of the test's own, with a password; the harness is given its URL only."""
    url = urlsplit(target_of(local, REDIS).url)._replace(path="/400").geturl()
    with contextlib.closing(OwnedRedis(url)) as server:
        yield server


@pytest.fixture
def rabbitmq_server(local: Services) -> OwnedRabbitmq:
    target = target_of(local, RABBITMQ)
    assert target.management_url is not None
    return OwnedRabbitmq(target.url, target.management_url)
