"""Pickle's messages are programs: they are not run unless the configuration asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from harness.probe import tasks
from harness.probe.recording.events import Outcome
from tests.probe.live import Site, client, valkey, worker
from tests.probe.test_live import count_stored, new_site, settle_down

ASKED = {"accept_content": ["json", "pickle"]}


class Trap:
    """Whoever unpickles it creates a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


def send_trap(site: Site, sprung: Path) -> None:
    """As a stranger would who can reach the broker."""
    app = Celery("stranger", set_as_current=False)
    app.conf.update(site.settings)
    with app:
        app.send_task(
            tasks.add.name, args=(Trap(sprung), 1), serializer="pickle", ignore_result=True
        )


@pytest.mark.parametrize("settings", [{}, ASKED], ids=["refused", "asked for"])
def test_a_pickled_message(tmp_path: Path, server: str, settings: dict[str, Any]) -> None:
    """Refused, and the worker goes on. Where it is asked for it runs: the trap is a real one."""
    site, sprung = new_site(tmp_path, server, **settings), tmp_path / "sprung"
    # Celery's own condition for pickle in a worker of root.
    with worker(site, "solo", 1, C_FORCE_ROOT="1"):
        send_trap(site, sprung)
        before = count_stored(site)
        with client(site, "after", units=1) as talk:
            assert talk.ask("measure")["unresolved"] == 0
            settle_down(site, 1, before)
            merged = talk.merged(tmp_path / "merged")
    assert merged.units.seen.tolist() == [Outcome.OK]
    assert sprung.exists() == bool(settings)
    log = (site.folder / "worker.log").read_text(encoding="utf-8")
    assert ("untrusted content of type pickle" in log) == (not settings)
