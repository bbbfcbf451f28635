"""The pytest plugin: `pytest --harness SCENARIO`, and the fixture `harness_run`.

Every pytest of an environment that has the harness installed imports this module, so it
imports nothing of the harness itself: who does not ask for it does not pay for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.running import HarnessRun


_SCENARIO = (
    "Measure this scenario: each cell is a benchmark, each block a round of it. "
    "Repeatable. Without other arguments nothing else is collected."
)
_LIKE_HARNESS_RUN: Mapping[str, Mapping[str, Any]] = {
    "--harness-config": {
        "action": "append",
        "default": [],
        "metavar": "NAME",
        "help": "Run these configurations instead of the scenario's. Repeatable.",
    },
    "--harness-set": {
        "action": "append",
        "default": [],
        "metavar": "PATH=VALUE",
        "help": "Change one value, as in harness run --set, e.g. measure.blocks=10. Repeatable.",
    },
    "--harness-provider": {
        "choices": ["local", "compose", "external"],
        "help": "Who runs the servers. Default: as the configuration says, else local.",
    },
    "--harness-out": {
        "type": Path,
        "default": Path("results"),
        "metavar": "DIR",
        "help": "Folder in which the run's own folder is made. Default: results.",
    },
    "--harness-seed": {
        "type": int,
        "metavar": "N",
        "help": "Seed of the blocks' order. Default: random.",
    },
    "--harness-baseline": {
        "metavar": "NAME",
        "help": "The stored run that `baseline` in gates means: see harness baseline list.",
    },
    "--harness-force": {
        "action": "store_true",
        "help": "Use a baseline that was measured in an unlike environment.",
    },
    "--harness-strict": {
        "action": "store_true",
        "help": "Fail a cell whose comparison cannot be told.",
    },
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all of them beginning with --harness."""
    group = parser.getgroup("harness", "Celery benchmark harness")
    group.addoption("--harness", action="append", default=[], metavar="SCENARIO", help=_SCENARIO)
    for name, settings in _LIKE_HARNESS_RUN.items():
        group.addoption(name, **settings)


def pytest_configure(config: pytest.Config) -> None:
    """Collect scenarios only where --harness asks for it."""
    if config.getoption("harness"):
        from harness.pytest_plugin.items import Scenarios  # noqa: PLC0415 - see the module's docstring

        config.pluginmanager.register(Scenarios.of(config), "harness-scenarios")


@pytest.fixture
def harness_run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., HarnessRun]:
    """Run a scenario in a test of one's own: `harness_run("scenarios/smoke.yaml")`.

    Further arguments are those of `harness.pytest_plugin.running.Choices`. Relative paths start at
    pytest's root folder; results are kept in the test's `tmp_path` unless `results` says where.
    It needs no pytest-benchmark.
    """
    from harness.pytest_plugin.running import Choices, measure  # noqa: PLC0415 - see the module's docstring

    root = request.config.rootpath
    if hasattr(request.config, "workerinput"):
        warnings.warn(
            pytest.PytestWarning(
                "harness_run measures while pytest-xdist runs other tests: nothing gets lost by "
                "that, but speeds mean little. Run tests of speed apart, with -n 0"
            ),
            stacklevel=1,
        )

    def run(scenario: str | Path, *, results: Path | None = None, **choices: Any) -> HarnessRun:
        kept = tmp_path / "results" if results is None else root / results
        return measure(root / scenario, results=kept, project=root, choices=Choices(**choices))

    return run
