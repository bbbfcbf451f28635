"""A scenario measured from within pytest, and what went wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.cli.verdict import baseline_for
from harness.cli.watching.lines import Lines
from harness.errors import UsageError
from harness.report.exports.rounds import exported_name, troubles_of
from harness.report.tables.verdicts import figure_words, gate_failure, gate_words, verdict_words
from harness.report.view.cells import CellView, RunView, view_of
from harness.report.words.wording import state_sentence
from harness.results.judge.emulators import labelled
from harness.results.judge.gates import failed_gates
from harness.results.judge.phrases import size_words
from harness.results.record.comparison import Comparison, GateResult
from harness.results.record.run import RunRecord
from harness.results.samples.pooled import pooled
from harness.runner.run import RunOptions, run
from harness.scenario.files.wording import did_you_mean, printable
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.loader import load_plan
from harness.scenario.vendors.base import Provider


@dataclass(frozen=True)
class Choices:
    """The options of `harness run` by their names."""

    configs: Sequence[str] = ()
    sets: Sequence[str] = ()
    provider: Provider | None = None
    seed: int | None = None
    baseline: str | None = None
    force: bool = False

    def plan(self, scenario: Path, environ: Mapping[str, str]) -> Plan:
        """The checked scenario. Raises HarnessError for one that cannot be run."""
        return load_plan(
            scenario, only=self.configs, sets=self.sets, environ=environ, provider=self.provider
        )


@dataclass(frozen=True)
class HarnessRun:
    """A run that has ended, as tests look at it."""

    record: RunRecord
    folder: Path
    """The run's folder, with `run.json`, samples and logs."""

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

    def comparisons(self, cell: CellView) -> tuple[Comparison, ...]:
        """What the cell was compared with; each metric by itself. Empty for a base."""
        report = self.record.comparison
        return tuple(one for one in (report.comparisons if report else ()) if one.head == cell.name)

    def gates(self, cell: CellView) -> tuple[GateResult, ...]:
        """What became of every gate in the cell."""
        return tuple(gate for gate in self.record.gates if gate.cell == cell.name)

    def troubles(self, cell: CellView, *, strict: bool = False) -> tuple[str, ...]:
        """Why a cell does not pass: losses, blocks that failed, gates, regressions.

        With `strict` also comparisons that are inconclusive.
        """
        return tuple(self._troubles(cell, strict=strict))

    def _troubles(self, cell: CellView, *, strict: bool) -> Iterator[str]:
        yield from troubles_of(cell)
        failed = failed_gates(self.record.gates)
        for gate in self.gates(cell):
            if gate in failed:
                yield f"gate failed: {printable(gate.gate)}: {gate_failure(gate)}"
        for one in self.comparisons(cell):
            undecided = one.judged and one.verdict == "inconclusive"
            if one.is_regression or (strict and undecided):
                yield _verdict(one)

    def undecided(self) -> tuple[str, ...]:
        """Gates and comparisons without a result, which fail nothing: a line for each."""
        failed = failed_gates(self.record.gates)
        gates = (
            f"{labelled(gate.cell, emulated=gate.emulated)}: "
            f"gate {printable(gate.gate)}: {gate_words(gate)}"
            for gate in self.record.gates
            if (gate.passed is None or not gate.judged) and gate not in failed
        )
        report = self.record.comparison
        verdicts = (
            f"{labelled(one.head, emulated=one.head_emulated)}: {_verdict(one)}"
            for one in (report.judged if report else ())
            if one.verdict == "inconclusive"
        )
        return (*gates, *verdicts)

    def check(self, *, strict: bool = False) -> None:
        """AssertionError with everything that went wrong, if anything did.

        With `strict` also for comparisons that are inconclusive.
        """
        found = [
            f"{exported_name(cell)}: {trouble}"
            for cell in self.cells
            for trouble in self.troubles(cell, strict=strict)
        ]
        state = state_sentence(self.view)
        if state or found:
            lines = [*filter(None, [state]), *found, f"see {self.folder}"]
            raise AssertionError("\n".join(lines))


def _verdict(one: Comparison) -> str:
    base = labelled(one.base, emulated=one.base_emulated)
    size = size_words(one.metric, one.ratio, one.low, one.high)
    return f"{figure_words(one)} against {base}: {size}, {verdict_words(one)}"


def measure(
    scenario: Path,
    *,
    results: Path,
    project: Path,
    choices: Choices,
    only: Callable[[Plan], Plan] = lambda plan: plan,
) -> HarnessRun:
    """Run a scenario to its end, as `harness run` does; progress goes to standard error.

    `only` may take cells off the plan. Raises HarnessError where nothing could be measured.
    """
    environ = dict(os.environ)
    plan = choices.plan(scenario, environ)
    compared = baseline_for(plan.scenario, choices.baseline, results)
    options = RunOptions(
        choices.provider, results, choices.seed, project, environ, compared, choices.force
    )
    record, folder = run(only(plan), options, Lines())
    return HarnessRun(record, folder.path)
