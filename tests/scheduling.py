"""Which process runs which test: the longest first, and a module's fixtures set up once.

pytest-xdist's own groups (`--dist loadgroup`) do nothing under pytest 9.2, which derives a test's
id anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # it has no stubs

ROOT = Path(__file__).parent.parent
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
"""What takes longest begins first, so that no process is left alone with it at the end."""


def place_of(nodeid: str) -> int:
    """In the order of tests."""
    begins = (place for place, words in enumerate(_FIRST) if nodeid.startswith(words))
    return next(begins, len(_FIRST))


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # as above
    """Tests go one by one to whoever is free; those of a module with fixtures of its own together,
    for each process would set them up anew."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if _shares_fixtures(module) else nodeid


@cache
def _shares_fixtures(module: str) -> bool:
    return 'scope="module"' in (ROOT / module).read_text(encoding="utf-8")
