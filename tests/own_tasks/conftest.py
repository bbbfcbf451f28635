"""The fixtures of live runs, for the tests of users' own tasks."""

from tests.runner.conftest import rabbitmq_server, redis_server, site

__all__ = ["rabbitmq_server", "redis_server", "site"]
