"""What blocks leave in their backends: counted, expired, cleaned up, by real runs."""

from __future__ import annotations

import pytest

from harness.errors import ExitCode
from harness.results.record import BlockRecord
from tests.runner.running import Ended, Site, make_site

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


def test_nothing_is_counted_unless_asked(site: Site) -> None:
    site.configuration(backend={"service": "sqlite"}, worker=THREADS)
    site.scenario(measure={"units": 4, "warmup": 0}, loads=[{"load": "closed", "in_flight": 1}])
    ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr
    assert ended.block.results_stored is None
    assert "Results left" not in ended.stdout
