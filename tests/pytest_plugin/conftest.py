from __future__ import annotations

from pathlib import Path

import pytest

from tests.pytest_plugin.project import Project, make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of the test's own."""
    return make_project(tmp_path)
