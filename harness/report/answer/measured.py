"""Sentences of a run that compares nothing: what each cell did, and where its time goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.report.answer.naming import Names
from harness.report.answer.reasons import MOST_OF_IT, largest_phase, phase_words
from harness.report.answer.sentences import LONGEST, Sentence, clauses
from harness.report.view.cells import CellView
from harness.report.view.intervals import FEWEST_BLOCKS, block_values, interval_of
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number

_TOTAL = "latency.total"
_MOST = 4
"""Cells, or works of several alternatives, with a sentence; the table has all."""


def measured_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """Of one alternative a sentence per cell; of several, one per work with all alternatives."""
    cells = [cell for cell in cells if "throughput" in cell.figures.spreads]
    if len({names.alternative(cell.name) for cell in cells}) > 1:
        works = list(dict.fromkeys(names.points[cell.name].work for cell in cells))
        for work in works[:_MOST]:
            alike = [cell for cell in cells if names.points[cell.name].work == work]
            yield _side_by_side(work, alike, names)
        return
    # Those that went wrong first: they are not in the table's order of what was asked.
    ordered = sorted(cells, key=lambda cell: not cell.flagged)
    for cell in ordered[:_MOST]:
        yield _alone(cell, names)


def _side_by_side(work: str, cells: Sequence[CellView], names: Names) -> Sentence:
    """Figures beside each other without a verdict; what ran on an emulator stands last."""
    ordered = sorted(cells, key=lambda cell: (cell.record.emulated, -_rate(cell)))
    begin = f"{work}, units/s: "
    said = (f"{names.alternative(cell.name)} {format_number(_rate(cell))}" for cell in ordered)
    text = f"{begin}{clauses(said, LONGEST - len(begin))}."
    return Sentence("measured", text, tuple(cell.name for cell in ordered), ("throughput",))


def _rate(cell: CellView) -> float:
    return cell.figures.spreads["throughput"].median


def _alone(cell: CellView, names: Names) -> Sentence:
    figures, consumed = ["throughput"], " consumed" if cell.backlog else ""
    text = f"{names.of(cell.name)}: {format_number(_rate(cell))} units/s{consumed}{_interval(cell)}"
    mean_s = cell.figures.mean_s.get(_TOTAL)
    if mean_s is not None and not cell.backlog:
        text += f", mean latency {format_duration(mean_s)}"
        figures.append(_TOTAL)
        largest = largest_phase(cell.figures.mean_s)
        if largest is not None:
            phase, share = largest
            text += f"; {100 * share:.0f} % of it is {phase_words(phase)}"
            figures.append(f"phase.{phase}")
        elif mean_s > 0:
            text += ", spread over several phases"
    return Sentence("measured", f"{text}.", (cell.name,), tuple(figures), flagged=cell.flagged)


def running_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """Of the parts of a mix the one whose function takes at least half of the time that
    all of them ran; nothing where none does."""
    for cell in cells:
        ran_s: dict[str, float] = {}
        units: Counter[str] = Counter()
        for block in measured_blocks(cell.record):
            for one in block.by_task:
                spent_s = (one.run_s.mean or 0.0) * one.run_s.count
                ran_s[one.task] = ran_s.get(one.task, 0.0) + spent_s
                units[one.task] += one.run_s.count
        total_s = sum(ran_s.values())
        if len(ran_s) < 2 or not total_s:
            continue
        task, most_s = max(ran_s.items(), key=lambda one: one[1])
        if most_s >= MOST_OF_IT * total_s:
            each = format_duration(most_s / units[task])
            share = f"{100 * most_s / total_s:.0f} % of the time in tasks"
            text = f"{names.of(cell.name)}: {printable(task)} takes {share}, {each} each (mean)."
            yield Sentence("why", text, (cell.name,), ("phase.run",))


def _interval(cell: CellView) -> str:
    values = [value for _, value in block_values(cell, lambda block: block.throughput_per_s)]
    found = interval_of(values) if len(values) >= FEWEST_BLOCKS else None
    if found is None or found.low is None or found.high is None:
        return ""
    return f" ({format_number(found.low)} to {format_number(found.high)})"
