"""Servers shared by the tests of one session: they are read-only for anybody but their blocks."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from harness.services.provide import Services, provide
from harness.workspace import Workspace, open_workspace
from tests.scheduling import Scheduling, place_of
from tests.services.cases import LOCAL

ROOT = Path(__file__).parent.parent
# The files of a report take a second of processor time a run; few tests look at them, and say so.
os.environ.setdefault("HARNESS_FILES", "0")
# A machine that stands still for a moment is no fault of the example that ran then.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_collection() -> None:
    """Thousands of tests are made, and none of them is garbage: looking for some takes a fifth of
    the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Nor is it any later."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Alike in every process."""
    items.sort(key=lambda item: place_of(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Whatever `--dist` says."""
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def session_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Temporary files of this session only: another session's sweep must not see them."""
    return {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("session"))}


@pytest.fixture(scope="session")
def workspace(session_environ: dict[str, str]) -> Iterator[Workspace]:
    with open_workspace(session_environ) as opened:
        yield opened


@pytest.fixture(scope="session")
def local(
    workspace: Workspace, session_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """One private server of each kind, started together."""
    with provide(
        LOCAL,
        provider="local",
        workspace=workspace,
        log_dir=tmp_path_factory.mktemp("logs"),
        environ=session_environ,
        project_dir=ROOT,
    ) as services:
        yield services
