"""The pytest plugin: `pytest --harness SCENARIO`, and the fixture `harness_run`.

Every pytest of an environment that has the harness installed imports this module, so it
imports nothing of the harness itself: who does not ask for it does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.running import HarnessRun


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all of them beginning with --harness."""
    group = parser.getgroup("harness", "Celery benchmark harness")
    group.addoption(
        "--harness",
        action="append",
        default=[],
        metavar="SCENARIO",
        help="Measure this scenario: each cell is a benchmark, each block a round of it. "
        "Repeatable. Without other arguments nothing else is collected.",
    )
    group.addoption(
        "--harness-config",
        action="append",
        default=[],
        metavar="NAME",
        help="Run these configurations instead of the scenario's. Repeatable.",
    )
    group.addoption(
        "--harness-set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="Change one value, as in harness run --set, e.g. measure.blocks=10. Repeatable.",
    )
    group.addoption(
        "--harness-provider",
        choices=["local", "compose", "external"],
        help="Who runs the servers. Default: as the configuration says, else local.",
    )
    group.addoption(
        "--harness-out",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="Folder in which the run's own folder is made. Default: results.",
    )
    group.addoption(
        "--harness-seed", type=int, metavar="N", help="Seed of the blocks' order. Default: random."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect scenarios only where --harness asks for it."""
    if config.getoption("harness"):
        from harness.pytest_plugin.items import Scenarios  # noqa: PLC0415 - see the module's docstring

        config.pluginmanager.register(Scenarios.of(config), "harness-scenarios")


@pytest.fixture
def harness_run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., HarnessRun]:
    """Run a scenario in a test of one's own: `harness_run("scenarios/smoke.yaml")`.

    See `harness.pytest_plugin.running.measure` for the arguments. Relative paths start at
    pytest's root folder; results are kept in the test's `tmp_path` unless `results` says where.
    """
    from harness.pytest_plugin.running import measure  # noqa: PLC0415 - see the module's docstring

    root = request.config.rootpath

    def run(scenario: str | Path, *, results: Path | None = None, **options: object) -> HarnessRun:
        kept = tmp_path / "results" if results is None else root / results
        return measure(root / scenario, results=kept, project=root, **options)  # type: ignore[arg-type] # checked where they are named

    return run
