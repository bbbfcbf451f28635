"""The cases of the contract suite, over the session's servers (tests/conftest.py)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.scenario.models.configuration import Configuration
from harness.services.provide import Services, provide
from harness.workspace import Workspace
from tests.services.cases import (
    LOCAL,
    RABBITMQ,
    REDIS,
    SAME_SERVERS,
    SQS,
    Case,
    external,
    target_of,
)

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def outside(
    local: Services,
    workspace: Workspace,
    session_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Case]]:
    """The same servers reached by their URLs, as if they were somebody else's."""
    owned = {c.broker.service: target_of(local, c) for c in (REDIS, RABBITMQ, SQS)}
    rabbitmq = owned["rabbitmq"]
    known = {
        "redis-external": external(REDIS, owned["redis"]),
        "rabbitmq-external": external(RABBITMQ, rabbitmq, management_url=rabbitmq.management_url),
        "rabbitmq-external-names": external(RABBITMQ, rabbitmq),
        "sqs-external": external(SQS, owned["sqs"]),
    }
    with provide(
        tuple(known.values()),
        provider=None,
        workspace=workspace,
        log_dir=tmp_path_factory.mktemp("logs"),
        environ=session_environ,
        project_dir=ROOT,
    ) as services:
        yield {
            name: Case(name, services, configuration, owned[configuration.broker.service])
            for name, configuration in known.items()
        }


@pytest.fixture(
    params=[
        "redis-embedded",
        "redis-server",
        "rabbitmq",
        "sqs",
        "redis-external",
        "rabbitmq-external",
        "rabbitmq-external-names",
        "sqs-external",
        "redis-prefix",
        "sqs-fifo",
    ]
)
def case(request: pytest.FixtureRequest, local: Services, outside: dict[str, Case]) -> Case:
    name = str(request.param)
    own = {configuration.name: configuration for configuration in (*LOCAL, *SAME_SERVERS)}
    if name in own:
        return Case(name, local, own[name], target_of(local, own[name]))
    return outside[name]


@pytest.fixture
def label() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def reach(
    workspace: Workspace, session_environ: dict[str, str], tmp_path: Path
) -> Callable[[Configuration], None]:
    """Provide one configuration and stop it again, for the errors on the way."""

    def run(configuration: Configuration) -> None:
        with provide(
            [configuration],
            provider=None,
            workspace=workspace,
            log_dir=tmp_path,
            environ=session_environ,
            project_dir=tmp_path,
        ):
            pass

    return run
