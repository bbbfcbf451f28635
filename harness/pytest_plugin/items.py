"""Scenarios as files, cells as benchmark items.

All selected cells of a scenario are measured together when the first of them is run, because
the blocks of a run are interleaved; each item then shows its own cell. Its rounds are handed to
pytest-benchmark through a clock that replays them, which needs nothing but its public fixture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.pytest_plugin.running import HarnessRun, measure
from harness.report.cells import CellView
from harness.report.exports.pytest_benchmark import group_of
from harness.report.exports.rounds import (
    details_of,
    exported_name,
    parameters_of,
    rounds_of,
)
from harness.scenario.loader import load_plan
from harness.scenario.models import Cell, Plan, Provider


@dataclass(frozen=True)
class Choices:
    """What the command line decides for every scenario."""

    configs: tuple[str, ...]
    sets: tuple[str, ...]
    provider: Provider | None
    results: Path
    seed: int | None
    project: Path

    @classmethod
    def of(cls, config: pytest.Config) -> Choices:
        """From pytest's options."""
        return cls(
            tuple(config.getoption("harness_config")),
            tuple(config.getoption("harness_set")),
            config.getoption("harness_provider"),
            config.invocation_params.dir / config.getoption("harness_out"),
            config.getoption("harness_seed"),
            config.invocation_params.dir,
        )


class Scenarios:
    """The part of the plugin that is there only with `--harness`."""

    def __init__(self, paths: frozenset[Path]) -> None:
        self._paths = paths

    @classmethod
    def of(cls, config: pytest.Config) -> Scenarios:
        """Check that measuring is possible, and have pytest collect the scenarios.

        Raises pytest.UsageError.
        """
        if not config.pluginmanager.hasplugin("benchmark"):
            raise pytest.UsageError(
                "--harness needs pytest-benchmark: pip install pytest-benchmark, "
                "and no -p no:benchmark"
            )
        parallel = hasattr(config, "workerinput") or config.getoption("dist", "no") != "no"
        if parallel:
            raise pytest.UsageError(
                "--harness measures, and pytest-xdist would measure it beside other tests: "
                "leave out -n, or say -n 0"
            )
        paths = [
            Path(os.path.abspath(config.invocation_params.dir / name))  # noqa: PTH100 - `resolve` would follow links, and pytest does not
            for name in config.getoption("harness")
        ]
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args.clear()
        config.args += [str(path) for path in paths]
        return cls(frozenset(paths))

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Only the files that were asked for: another YAML file is none of ours."""
        if file_path not in self._paths:
            return None
        collector: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
        return collector


class ScenarioFile(pytest.File):
    """A scenario; its cells are measured in one run."""

    _outcome: HarnessRun | HarnessError | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """One item per cell. What is wrong with the YAML is a collection error."""
        choices = Choices.of(self.config)
        try:
            plan = load_plan(
                self.path,
                only=choices.configs,
                sets=choices.sets,
                environ=dict(os.environ),
                provider=choices.provider,
            )
        except HarnessError as error:
            raise self.CollectError(str(error)) from error
        for cell in plan.cells:
            yield self._item(cell)

    def _item(self, cell: Cell) -> pytest.Item:
        clock = ReplayedClock()
        item: CellItem = CellItem.from_parent(
            self, name=cell.name, callobj=_shown(self, cell.name, clock)
        )
        item.add_marker(pytest.mark.benchmark(timer=clock))
        if self.config.pluginmanager.hasplugin("timeout"):
            # A long measurement is no hang: the harness has limits of its own for that.
            item.add_marker(pytest.mark.timeout(0))
        return item

    def measured(self) -> HarnessRun | HarnessError:
        """The run of the selected cells, made at the first call, or why there is none."""
        if self._outcome is None:
            try:
                self._outcome = self._measure()
            except HarnessError as error:
                self._outcome = error
        return self._outcome

    def _measure(self) -> HarnessRun:
        choices = Choices.of(self.config)
        selected = {item.name for item in self.session.items if item.parent is self}

        def only(plan: Plan) -> Plan:
            cells = tuple(cell for cell in plan.cells if cell.name in selected)
            return plan.model_copy(update={"cells": cells})

        run = measure(
            Path(os.path.relpath(self.path)),
            results=choices.results,
            project=choices.project,
            configs=choices.configs,
            sets=choices.sets,
            provider=choices.provider,
            seed=choices.seed,
            only=only,
        )
        if run.record.status == "partial":
            self.session.shouldstop = f"the measurement was interrupted; see {run.folder}"
        return run


class CellItem(pytest.Function):
    """One cell."""

    def reportinfo(self) -> tuple[Path, int, str]:
        """The scenario, not the function that all cells share."""
        return self.path, 0, self.name


class ReplayedClock:
    """A timer for pytest-benchmark that shows durations measured elsewhere."""

    __name__ = "harness.replayed_blocks"

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        """Seconds since the round began."""
        return self._now_s

    def replay(self, benchmark: Any, rounds_s: list[float]) -> None:
        """Give `benchmark` exactly these rounds."""
        left = iter(rounds_s)

        def begin() -> None:
            self._now_s = 0.0

        def pass_time() -> None:
            self._now_s += next(left)

        benchmark.pedantic(pass_time, setup=begin, rounds=len(rounds_s), iterations=1)


def _shown(scenario: ScenarioFile, name: str, clock: ReplayedClock) -> Callable[[Any], None]:
    """The test function of one cell."""

    def cell(benchmark: Any) -> None:
        run = scenario.measured()
        if isinstance(run, HarnessError):
            pytest.fail(str(run), pytrace=False)
        measured = run.cell(name)
        rounds_s = [one.seconds_per_unit for one in rounds_of(measured)]
        if rounds_s:
            benchmark.name, benchmark.group = exported_name(measured), group_of(measured)
            benchmark.extra_info.update(_extra_info(run, measured))
            clock.replay(benchmark, rounds_s)
        troubles = run.troubles(measured)
        if troubles:
            pytest.fail("\n".join([*troubles, f"see {run.folder}"]), pytrace=False)

    return cell


def _extra_info(run: HarnessRun, cell: CellView) -> dict[str, Any]:
    return details_of(cell) | {
        "run_id": run.record.run_id,
        "parameters": parameters_of(run.view, cell),
    }
