"""The fixtures of the runner's tests: a project for each test, a server of its own."""

from __future__ import annotations

from tests.runner.conftest import rabbitmq_server, site

__all__ = ["rabbitmq_server", "site"]
