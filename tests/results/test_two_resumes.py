"""Two resumes of one run at the same moment: one writes, the other is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import RecordError
from harness.results.store import run_folders as store
from harness.results.store.run_folders import RunFolder


def test_the_second_of_two_resumes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked and found nobody writing; the lock decides."""
    monkeypatch.setattr(store, "is_being_written", lambda _: False)
    with (
        closing(RunFolder.reopen(tmp_path)),
        pytest.raises(RecordError, match="still going on"),
    ):
        RunFolder.reopen(tmp_path)
    with closing(RunFolder.reopen(tmp_path)):
        pass  # the lock went with the first, and the second has kept none
