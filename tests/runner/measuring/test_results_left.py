"""What blocks leave in their backends: counted, expired, cleaned up, by real runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode, ServiceError
from harness.results.record.run import BlockRecord
from harness.runner.measuring import results_left
from harness.scenario.plan.loader import load_plan
from harness.services.base import StoredResults
from harness.working_place import WorkingPlace
from harness.workspace import Workspace
from tests.runner.running import ROOT, Ended, make_site

SCENARIO = ROOT / "scenarios" / "choose-backend.yaml"

UNITS = 12
WARMUP = 3
THREADS = {"pool": "threads", "concurrency": 1}
"""One probe task, and a quick end."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A backend that needs Celery's cleaning up, and one that does it by itself."""
    site = make_site(tmp_path_factory.mktemp("left"))
    for backend in ("sqlite", "memcached", "rpc"):
        site.configuration(
            backend,
            backend={"service": backend},
            worker=THREADS,
            settings={"result_expires": 2},
        )
    site.scenario(
        configurations=["sqlite", "memcached", "rpc"],
        loads=["backlog"],
        measure={"units": UNITS, "warmup": WARMUP, "results_left": "expire"},
    )
    ended = site.run()
    assert list(site.temporary.iterdir()) == []
    return ended


def block_of(ended: Ended, backend: str) -> BlockRecord:
    (block,) = next(
        cell.blocks for cell in ended.record.cells if cell.config["backend"]["service"] == backend
    )
    return block


def test_every_unit_was_checked(ended: Ended) -> None:
    assert ended.code == ExitCode.PASS, ended.stderr
    assert {block.outcomes.ok for block in ended.record.blocks} == {UNITS}


def test_celery_cleans_up_what_sqlite_does_not(ended: Ended) -> None:
    block = block_of(ended, "sqlite")
    assert block.results_stored is not None
    # Beside the units' own: warm-up, and the probe tasks, at least one for each pool process.
    assert UNITS + WARMUP < block.results_stored <= UNITS + WARMUP + 4
    assert block.result_bytes is not None
    assert block.result_bytes % 4096 == 0
    assert block.results_after_expiry == block.results_stored
    assert block.results_after_cleanup == 0


def test_memcached_needs_nobody(ended: Ended) -> None:
    block = block_of(ended, "memcached")
    assert (block.results_after_expiry, block.results_after_cleanup) == (0, None)
    assert block.result_bytes is not None


def test_rpc_leaves_nothing_to_count(ended: Ended) -> None:
    assert block_of(ended, "rpc").results_stored is None


def test_the_report_shows_it(ended: Ended) -> None:
    assert "Results left in the backend" in ended.words
    rows = [line.split() for line in ended.stdout.splitlines()]
    sqlite = block_of(ended, "sqlite")
    stored = str(sqlite.results_stored)
    assert any(row[:2] == ["sqlite", stored] and row[-2:] == [stored, "0"] for row in rows)
    servers = {cell.servers["backend"].product for cell in ended.record.cells}
    assert {"SQLite", "memcached"} <= servers


class Gone:
    """A namespace whose server does not answer any more."""

    def stored(self) -> StoredResults:
        raise ServiceError("cannot use mysql at mysql://u:secret@127.0.0.1:1")


def test_a_server_that_is_gone_is_a_warning_without_its_password(
    workspace: Workspace, tmp_path: Path
) -> None:
    """What was measured is not lost for it."""
    cell = load_plan(SCENARIO).cells[0]
    assert cell.measure.results_left == "expire"
    place = WorkingPlace(workspace, tmp_path, {})
    namespace: Any = Gone()
    left = results_left.look(cell, namespace, place, lambda: True)
    assert set(results_left.fields(left).values()) == {None}
    (warning,) = results_left.warnings(left, lambda text: text.replace("secret", "***"))
    assert warning.code == "results_uncounted"
    assert warning.data["text"].endswith("mysql://u:***@127.0.0.1:1")


def test_an_interrupt_ends_the_waiting(workspace: Workspace, tmp_path: Path) -> None:
    """It keeps what was counted before."""

    class There:
        def stored(self) -> StoredResults:
            return StoredResults(7, 700)

    cell = load_plan(SCENARIO).cells[0]
    place = WorkingPlace(workspace, tmp_path, {})
    namespace: Any = There()
    left = results_left.look(cell, namespace, place, lambda: False)
    assert (left.stored, left.after_expiry, left.trouble) == (StoredResults(7, 700), None, "")
