"""The answer of a run: the first thing that every report says.

Rules make it of the figures of a stored run, so it stands the same in each format. Each kind of
sentence has a module: what held (`held`), verdicts, their reasons, money, what more it would take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.report.answer.after_faults import fault_sentences
from harness.report.answer.alternatives import Alternative, alternatives
from harness.report.answer.axes import effect_sentences
from harness.report.answer.divided import dividing_sentences, part_sentences, queue_sentences
from harness.report.answer.findings import compared, findings
from harness.report.answer.held import (
    broken_sentences,
    fallen_sentences,
    limit_sentences,
    missing_sentences,
    promise_sentences,
    rate_sentences,
    schedule_sentences,
)
from harness.report.answer.measured import measured_sentences, running_sentences
from harness.report.answer.money import money_sentences
from harness.report.answer.naming import Names, names_of
from harness.report.answer.reasons import bound_sentences, difference_sentences, trap_sentences
from harness.report.answer.sentences import BANNERS, Sentence, chosen
from harness.report.answer.takes import takes_sentences, without_pairs
from harness.report.answer.verdicts import cost_sentences, task_sentences, verdict_sentences
from harness.report.view.cells import RunView
from harness.report.words.warnings import counted
from harness.report.words.wording import outcome_words
from harness.results.record.typed_work import load_kind


@dataclass(frozen=True)
class Answer:
    """What a run answers to its question."""

    sentences: tuple[Sentence, ...]
    """The most important first; from one to `sentences.MOST`."""
    rows: tuple[Alternative, ...]
    """A row per cell."""

    @property
    def banner(self) -> str:
        """What has to be read before the question; empty for a complete run of a load that there
        was enough for."""
        return " ".join(one.text for one in self.sentences if one.kind in BANNERS)

    @property
    def told(self) -> tuple[Sentence, ...]:
        """The sentences below the question."""
        return tuple(one for one in self.sentences if one.kind not in BANNERS)

    @property
    def in_one_line(self) -> str:
        """The first sentence that is about what was measured; for lists of runs."""
        return (*self.told, *self.sentences)[0].text


def answer_of(view: RunView) -> Answer:
    """The answer, by what the run holds alone."""
    names = names_of(view)
    found = list(_sentences(view, names)) or [_without_a_word(view, names)]
    return Answer(chosen(found), alternatives(view, names))


def _sentences(view: RunView, names: Names) -> Iterator[Sentence]:
    """All that can be said, of each subject what is most important first."""
    cells = view.cells
    yield from missing_sentences(view)
    yield from fallen_sentences(view, names)
    yield from broken_sentences(view, names)
    yield from limit_sentences(view, names)
    yield from promise_sentences(cells, names)
    divided = list(dividing_sentences(cells, names))
    yield from divided
    report = compared(view)
    if report is None or report.kind != "change":  # that tells what became of each part
        told = {name for one in divided for name in one.cells}
        yield from part_sentences(cells, names, told)
    yield from queue_sentences(cells, names)
    yield from fault_sentences(cells, names)
    yield from rate_sentences(cells, names)
    yield from schedule_sentences(cells, names)
    yield from _differences(view, names)
    yield from bound_sentences(view, names)
    yield from money_sentences(cells, names)


def _differences(view: RunView, names: Names) -> Iterator[Sentence]:
    """What makes one alternative another than the next; without alternatives, what there is."""
    report = compared(view)
    change = report is not None and report.kind == "change"
    # A change is judged cell by cell; of a matrix it is asked what each axis does.
    pooled = () if change else view.effects
    yield from effect_sentences(view, pooled)
    if report is None:
        if all(one.reason for one in pooled):
            yield from _uncompared(view, names)
        return
    found = list(findings(view, report, names))
    # At the rate that `harness ab` gives to both sides only what a task costs is asked.
    speeds = [one for one in found if not one.base.record.at_equal_rate]
    if not pooled:
        yield from task_sentences(found) if change else ()
        yield from verdict_sentences(speeds, change=change)
        yield from cost_sentences(found, change=change)
    yield from difference_sentences(speeds)
    yield from takes_sentences(view, speeds)


def _uncompared(view: RunView, names: Names) -> Iterator[Sentence]:
    cells = [cell for cell in view.cells if not load_kind(cell.record.load).gives_the_rate]
    yield from measured_sentences(cells, names)
    yield from running_sentences(cells, names)
    yield from trap_sentences(view.cells, names)
    products = [cell for cell in view.cells if cell.blocks and not cell.record.emulated]
    broken = any(block.faults for block in view.record.blocks)  # it asks what is lost
    if len({names.alternative(cell.name) for cell in products}) > 1 and not broken:
        yield without_pairs(view)


def _without_a_word(view: RunView, names: Names) -> Sentence:
    """Of a run of which nothing else can be said: how its units ended."""
    cell = view.cells[0] if view.cells else None
    said = outcome_words(cell.figures.counts) if cell else "not one cell"
    more = f", and {counted(len(view.cells) - 1, 'more cell')}" if len(view.cells) > 1 else ""
    who = f"{names.of(cell.name)}: " if cell else ""
    return Sentence("measured", f"{who}{said}{more}.", (cell.name,) if cell else ())
