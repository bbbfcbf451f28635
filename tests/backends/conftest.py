"""One private server for each result backend, shared by the tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.services.provide import Services, provide
from harness.workspace import Workspace
from tests.backends.kinds import CONFIGURATIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def stores(
    workspace: Workspace, session_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    with provide(
        tuple(CONFIGURATIONS.values()),
        provider="local",
        workspace=workspace,
        log_dir=tmp_path_factory.mktemp("logs"),
        environ=session_environ,
        project_dir=ROOT,
    ) as services:
        yield services
