"""Which process runs which test, and when: the longest first, the others mixed, and a module's
fixtures set up once.

pytest-xdist's own groups (`--dist loadgroup`) do nothing under pytest 9.2, which derives a test's
id anew.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from zlib import crc32

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # it has no stubs
from xdist.workermanage import WorkerController  # type: ignore[import-untyped] # as above

ROOT = Path(__file__).parent.parent
_LONG = (
    "tests/compare/test_live.py",
    "tests/selftest/test_live.py",
    "tests/runner/test_what_tasks_do.py",
    "tests/runner/sessions/test_schedule.py::test_a_crontab",
    "tests/ab/test_live.py",
    "tests/environments/test_live.py",
    "tests/runner/faults/test_faults.py",
    "tests/runner/traps/test_traps.py",
    "tests/runner/sessions/test_open_loop.py::test_saturation_of_slots",
    "tests/runner/traps/test_diagnoses.py::test_more_results",
    "tests/runner/traps/test_diagnoses.py::test_the_polling_of_sqs",
    "tests/runner/sessions/test_queues.py",
    "tests/runner/measuring/test_costs.py",
    "tests/runner/faults/test_stops.py",
    "tests/runner/test_tutorial.py",
    "tests/runner/test_quickstart.py",
    "tests/report/html/test_page_in_browser.py",
    "tests/report/html/test_page_layout.py",
    "tests/probe/watching/test_observer_trouble.py",
    "tests/probe/workloads/test_canvas_live.py",
    "tests/probe/test_live.py",
    "tests/probe/publishing/test_publishing.py",
)
"""Half a minute each and more: first, so that no process is left alone with one at the end."""


HOSTS = 3
"""So many processes hold the session's servers, of which a RabbitMQ node boots for seven seconds of
processor time and keeps whoever waits for it for half a minute; tests that need them go there, and
nowhere else."""
_NEEDS_SERVERS = re.compile(r"\b(Services|Owned\w*|Case)\b")
_SIGNATURE = re.compile(r"^def (\w+)\((.*?)\) ->", re.MULTILINE | re.DOTALL)


def place_of(nodeid: str) -> tuple[int, int]:
    """In the order of tests. Behind the long ones they are mixed, alike each time: while those that
    run workers wait, others compute. A module with fixtures of its own stays together and as pytest
    has put it, or a fixture with parameters would be set up at each change between them."""
    begins = (place for place, words in enumerate(_LONG) if nodeid.startswith(words))
    return next(begins, len(_LONG)), crc32(_unit_of(nodeid).encode())


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # as above
    """Tests go one by one to whoever is free; those of a module with fixtures of its own together,
    for each process would set them up anew."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        """The next unit in turn that suits a process goes to it."""
        if (unit := self._next_for(node)) is not None:
            self.workqueue.move_to_end(unit, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Nothing is left but what needs servers: who has none is not needed any more."""
        if self.workqueue and not node.shutting_down and self._next_for(node) is None:
            node.shutdown()
        else:
            super()._reschedule(node)

    def _next_for(self, node: WorkerController) -> str | None:
        """Those that hold servers take what needs them first, and then what is left."""
        working = [one for one in self.nodes if not one.shutting_down]
        is_host = node in working[:HOSTS]
        suits = (unit for unit in self.workqueue if needs_servers(unit) == is_host)
        return next(suits, next(iter(self.workqueue), None) if is_host else None)

    def _split_scope(self, nodeid: str) -> str:
        return _unit_of(nodeid)


def _unit_of(nodeid: str) -> str:
    """What goes to one process as a whole: a test, or a module with fixtures of its own."""
    module = nodeid.partition("::")[0]
    return module if _shares_fixtures(module) else nodeid


@cache  # asked of each unit that waits, each time a process is free
def needs_servers(unit: str) -> bool:
    """Whether a test, or one of a module's, or a fixture of its module, takes the session's
    servers."""
    module, _, test = unit.partition("::")
    taking = _that_take_servers(module)
    fixtures = any(not name.startswith("test_") for name in taking)
    return fixtures or (test.partition("[")[0] in taking if test else bool(taking))


@cache
def _that_take_servers(module: str) -> frozenset[str]:
    """Functions of a module."""
    signatures = _SIGNATURE.finditer(_text_of(module))
    return frozenset(found[1] for found in signatures if _NEEDS_SERVERS.search(found[2]))


def _shares_fixtures(module: str) -> bool:
    return 'scope="module"' in _text_of(module)


@cache
def _text_of(module: str) -> str:
    return (ROOT / module).read_text(encoding="utf-8")
