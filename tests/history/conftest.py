"""What several files of these tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.history.queries import copied


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A store with one real run."""
    copied(tmp_path / "store", "run", run_id="one")
    return tmp_path / "store"
