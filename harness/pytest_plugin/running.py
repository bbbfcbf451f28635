"""A scenario measured from within pytest, and what went wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.cli.progress import Progress
from harness.errors import UsageError
from harness.report.cells import CellView, RunView, view_of
from harness.report.exports.rounds import exported_name, troubles_of
from harness.report.wording import state_sentence
from harness.results.gates import failed_gates
from harness.results.pooled import pooled
from harness.results.record import RunRecord
from harness.runner.run import RunOptions, run
from harness.scenario.loader import load_plan
from harness.scenario.models import Plan, Provider
from harness.scenario.wording import did_you_mean


@dataclass(frozen=True)
class HarnessRun:
    """A run that has ended, as tests look at it."""

    record: RunRecord
    folder: Path
    """Where `run.json`, samples and logs are."""

    @cached_property
    def view(self) -> RunView:
        """The record with each cell's blocks brought together."""
        return view_of(self.record, self.folder, pooled(self.folder, self.record))

    @property
    def cells(self) -> tuple[CellView, ...]:
        """All cells, in the order of the scenario."""
        return self.view.cells

    def cell(self, name: str) -> CellView:
        """The cell of that name, e.g. `redis/add/closed-8`. UsageError says which there are."""
        named = {cell.name: cell for cell in self.cells}
        if name not in named:
            known = ", ".join(named)
            raise UsageError(f'no cell "{name}"{did_you_mean(name, named)}; cells: {known}')
        return named[name]

    def troubles(self, cell: CellView) -> tuple[str, ...]:
        """Why a cell does not pass: losses, blocks that failed, gates, regressions."""
        return tuple(self._troubles(cell))

    def _troubles(self, cell: CellView) -> Iterator[str]:
        yield from troubles_of(cell)
        for gate in failed_gates(self.record.gates):
            if gate.cell == cell.name:
                value = "not measured" if gate.value is None else f"measured {gate.value:.6g}"
                yield f"gate failed: {gate.gate} ({gate.reason or value})"
        report = self.record.comparison
        for one in () if report is None else report.judged:
            if one.head == cell.name and one.verdict == "regression":
                ratio = "" if one.ratio is None else f" {one.ratio:.3g}"
                yield f"regression against {one.base}: {one.metric}{ratio}, {one.pairs} pairs"

    def check(self) -> None:
        """AssertionError with everything that went wrong, if anything did."""
        found = [
            f"{exported_name(cell)}: {trouble}"
            for cell in self.cells
            for trouble in self.troubles(cell)
        ]
        state = state_sentence(self.view)
        if state or found:
            lines = [*filter(None, [state]), *found, f"see {self.folder}"]
            raise AssertionError("\n".join(lines))


def measure(
    scenario: Path,
    *,
    results: Path,
    project: Path,
    configs: Sequence[str] = (),
    sets: Sequence[str] = (),
    provider: Provider | None = None,
    seed: int | None = None,
    only: Callable[[Plan], Plan] = lambda plan: plan,
) -> HarnessRun:
    """Run a scenario to its end, as `harness run` does; progress goes to standard error.

    `configs`, `sets`, `provider` and `seed` are `--config`, `--set`, `--provider` and `--seed`.
    `only` may take cells off the plan. Raises HarnessError where nothing could be measured.
    """
    environ = dict(os.environ)
    plan = load_plan(scenario, only=configs, sets=sets, environ=environ, provider=provider)
    options = RunOptions(provider, results, seed, project, environ)
    record, folder = run(only(plan), options, Progress())
    return HarnessRun(record, folder.path)
