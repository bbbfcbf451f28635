"""Which process runs which test, and when: the longest first, the others mixed, and a module's
fixtures set up once.

pytest-xdist's own groups (`--dist loadgroup`) do nothing under pytest 9.2, which derives a test's
id anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zlib import crc32

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # it has no stubs

ROOT = Path(__file__).parent.parent
_LONG = (
    "tests/compare/test_live.py",
    "tests/selftest/test_live.py",
    "tests/runner/test_schedule.py::test_a_crontab",
    "tests/ab/test_live.py",
    "tests/environments/test_live.py",
    "tests/runner/test_faults.py",
    "tests/runner/test_diagnoses.py::test_more_results",
    "tests/runner/test_tutorial.py",
    "tests/runner/test_quickstart.py",
    "tests/axes/test_runs.py",
)
"""Half a minute each and more: first, so that no process is left alone with one at the end."""


def place_of(nodeid: str) -> tuple[int, int]:
    """In the order of tests. Behind the long ones they are mixed, alike each time: while those that
    run workers wait, others compute."""
    begins = (place for place, words in enumerate(_LONG) if nodeid.startswith(words))
    return next(begins, len(_LONG)), crc32(nodeid.encode())


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # as above
    """Tests go one by one to whoever is free; those of a module with fixtures of its own together,
    for each process would set them up anew."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if _shares_fixtures(module) else nodeid


@cache
def _shares_fixtures(module: str) -> bool:
    return 'scope="module"' in (ROOT / module).read_text(encoding="utf-8")
