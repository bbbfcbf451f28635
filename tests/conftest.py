"""Servers shared by the tests of one session: they are read-only for anybody but their blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.services.provide import Services, provide
from harness.workspace import Workspace, open_workspace
from tests.services.cases import LOCAL

ROOT = Path(__file__).parent.parent
# The files of a report take a second of processor time a run; few tests look at them, and say so.
os.environ.setdefault("HARNESS_FILES", "0")


_FIRST = (
    "tests/compare/test_live.py",
    "tests/selftest/test_live.py",
    "tests/runner/test_schedule.py",
    "tests/ab/",
    "tests/runner/",
    "tests/environments/",
    "tests/axes/",
    "tests/own_tasks/",
    "tests/backends/",
    "tests/pytest_plugin/",
    "tests/docs/",
    "tests/watching/",
)
"""What takes longest comes first, so that no worker is left alone with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first; and what shares a fixture of a module runs in one process, or each process
    would set it up anew (`--dist loadgroup`)."""
    for item in items:
        if "module" in _scopes_of(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: _place_of(item.nodeid))


def _scopes_of(item: pytest.Item) -> set[str]:
    """Of the fixtures that a test uses."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = {} if info is None else info.name2fixturedefs
    return {one.scope for several in definitions.values() for one in several}


def _place_of(nodeid: str) -> int:
    begins = (place for place, words in enumerate(_FIRST) if nodeid.startswith(words))
    return next(begins, len(_FIRST))


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
