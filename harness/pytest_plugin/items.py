"""Scenarios as files, cells as benchmark items.

All selected cells of a scenario are measured together when the first of them is run, because
the blocks of a run are interleaved; each item then shows its own cell. Its rounds are handed to
pytest-benchmark through a clock that replays them, which needs nothing but its public fixture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import INTERRUPTED
from harness.cli.verdict import exit_code
from harness.errors import HarnessError
from harness.pytest_plugin.running import Choices, HarnessRun, measure
from harness.pytest_plugin.selecting import with_bases
from harness.report.exports.pytest_benchmark import group_of
from harness.report.exports.rounds import details_of, exported_name, parameters_of, rounds_of
from harness.report.view.cells import CellView
from harness.report.words.wording import state_sentence
from harness.results.record.stored import Plain
from harness.scenario.files.wording import printable
from harness.scenario.models.scenario import Cell


def _choices(config: pytest.Config) -> Choices:
    return Choices(
        configs=tuple(config.getoption("harness_config")),
        sets=tuple(config.getoption("harness_set")),
        provider=config.getoption("harness_provider"),
        seed=config.getoption("harness_seed"),
        baseline=config.getoption("harness_baseline"),
        force=config.getoption("harness_force"),
    )


class Scenarios:
    """The part of the plugin that is there only with `--harness`."""

    def __init__(self, paths: frozenset[Path]) -> None:
        self._paths = paths
        self.runs: list[HarnessRun] = []
        """Those that were measured, in their order."""

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
        collector: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
        collector.runs = self.runs
        return collector

    @pytest.hookimpl(tryfirst=True)  # --benchmark-compare-fail ends it with an exception
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Where the runs are, and what no item fails for."""
        if self.runs:
            terminalreporter.section("harness")
        for run in self.runs:
            terminalreporter.write_line(printable(str(run.folder)))
            for line in filter(None, [state_sentence(run.view), *run.undecided()]):
                terminalreporter.write_line(f"  {line}")


class ScenarioFile(pytest.File):
    """A scenario; its cells are measured in one run."""

    runs: list[HarnessRun]
    """Where its run is noted for the end of the session."""
    _outcome: HarnessRun | HarnessError | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """One item per cell. What is wrong with the YAML is a collection error."""
        try:
            plan = _choices(self.config).plan(self.path, dict(os.environ))
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
        folder = self.config.invocation_params.dir
        selected = {item.name for item in self.session.items if item.parent is self}
        run = measure(
            Path(os.path.relpath(self.path)),
            results=folder / self.config.getoption("harness_out"),
            project=folder,
            choices=_choices(self.config),
            only=lambda plan: with_bases(plan, selected),
        )
        self.runs.append(run)
        if exit_code(run.record) == INTERRUPTED:
            self.session.shouldstop = f"the measurement was interrupted; see {run.folder}"
        return run


class CellItem(pytest.Function):
    """The test item of one cell of a scenario."""

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
            # As the export has them: the same --benchmark-group-by=param:NAME works for both.
            benchmark.params = parameters_of(run.view, measured)
            benchmark.param = printable(measured.variant)
            benchmark.extra_info.update(_extra_info(run, measured))
            clock.replay(benchmark, rounds_s)
        strict = scenario.config.getoption("harness_strict")
        troubles = run.troubles(measured, strict=strict)
        if troubles:
            pytest.fail("\n".join([*troubles, f"see {run.folder}"]), pytrace=False)

    return cell


def _extra_info(run: HarnessRun, cell: CellView) -> Plain:
    return details_of(cell) | {
        "run_id": run.record.run_id,
        "verdicts": [one.model_dump(mode="json") for one in run.comparisons(cell)],
        "gates": [one.model_dump(mode="json") for one in run.gates(cell)],
    }
