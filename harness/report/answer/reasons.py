"""Why: the phase that makes a difference, the trap that a side walked into, what was all in use.

A cause is told only where the figures bear it: a phase where at least half of the difference of
the totals is its own (means of phases add up to the mean total), slots and cores where they were in
use nearly all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.figures.of_units import PHASES
from harness.report.answer.findings import Finding
from harness.report.answer.naming import Names
from harness.report.answer.sentences import Sentence
from harness.report.view.cells import CellView, RunView
from harness.results.costs.capacity import FULL
from harness.results.diagnoses import DIAGNOSES
from harness.results.events.ran_with import slots_of, stored_groups
from harness.results.record.typed_work import load_kind
from harness.scenario.models.configuration import says_groups
from harness.units import format_duration, format_number

MOST_OF_IT = 0.5
"""Share from which on a phase is what makes a total, or a difference."""
_ADDS_UP = 0.05
"""Share of a difference by which the phases' sum may miss it: units without all stamps."""
_MOST = 2
"""Differences that are explained."""
_TOTAL = "latency.total"
_PHASE_WORDS: Mapping[str, str] = {
    "schedule": "schedule (the client was late)",
    "queue": "queue (waiting for a worker)",
    "dispatch": "dispatch (received, not started)",
    "retry": "retry (earlier tries)",
    "run": "run (the task itself)",
    "result": "result (getting it back)",
}
_CPU = ("worker_cpu", "client_cpu", "broker_cpu", "backend_cpu")
_CODES = frozenset(one.code for one in DIAGNOSES)


# --- phases ---------------------------------------------------------------------------------------


def phase_words(phase: str) -> str:
    """A phase as somebody says it who has not read the documentation."""
    return _PHASE_WORDS.get(phase, phase)


def largest_phase(means: Mapping[str, float]) -> tuple[str, float] | None:
    """The phase that is at least half of a cell's mean total, and its share; None without one."""
    total = means.get(_TOTAL, 0.0)
    if total <= 0:
        return None
    phase, mean_s = max(_phases(means).items(), key=lambda one: one[1], default=("", 0.0))
    share = mean_s / total
    return (phase, share) if share >= MOST_OF_IT else None


def phase_of_difference(
    base: Mapping[str, float], head: Mapping[str, float]
) -> tuple[str, float, float] | None:
    """The phase whose difference is at least half of that of the totals, its difference in seconds
    (head - base) and its share; an empty one where the difference is spread over several. None
    where there is none, or where the phases do not add up to it: then they do not bear a cause."""
    if _TOTAL not in base or _TOTAL not in head:
        return None
    total_s = head[_TOTAL] - base[_TOTAL]
    if total_s == 0:
        return None
    before, after = _phases(base), _phases(head)
    changes = {
        phase: after.get(phase, 0.0) - before.get(phase, 0.0)
        for phase in (*before, *(one for one in after if one not in before))
    }
    if abs(sum(changes.values()) - total_s) > _ADDS_UP * abs(total_s):
        return None
    phase = max(changes, key=lambda one: changes[one] / total_s, default="")
    share = changes.get(phase, 0.0) / total_s
    return (phase, changes[phase], share) if share >= MOST_OF_IT else ("", total_s, 1.0)


def _phases(means: Mapping[str, float]) -> dict[str, float]:
    return {name: means[f"phase.{name}"] for name in PHASES if f"phase.{name}" in means}


def difference_sentences(found: Sequence[Finding]) -> Iterator[Sentence]:
    """Of each finding with a verdict, the largest first: its phase, and what its slower side walked
    into."""
    decided = [one for one in found if one.head_is in ("faster", "slower")]
    for one in sorted(decided, key=lambda finding: -finding.size)[:_MOST]:
        yield from _phase_sentence(one)
        slower, other = (one.head, one.base) if one.head_is == "slower" else (one.base, one.head)
        yield from _trap_sentences(slower, one, besides=other)


def _phase_sentence(one: Finding) -> Iterator[Sentence]:
    if one.head.backlog or one.base.backlog or one.leading.metric == "saturation":
        return  # its total is the time in the queue, or that at all the rates of a search
    base, head = one.base.figures.mean_s, one.head.figures.mean_s
    if _TOTAL not in base or _TOTAL not in head:
        return
    totals = f"{format_duration(base[_TOTAL])} -> {format_duration(head[_TOTAL])}"
    longer = head[_TOTAL] > base[_TOTAL]
    if longer != (one.head_is == "slower"):
        return  # the mean says the contrary of the verdict, so it explains nothing
    cause = phase_of_difference(base, head)
    if cause is None:
        return
    where, (phase, change_s, share) = one.names.where, cause
    if not phase:
        text = f"Why{where}: the difference is spread over several phases (mean {totals})."
        yield Sentence("why", text, one.cells, (_TOTAL,))
        return
    amount = f"{format_duration(abs(change_s))} {'more' if change_s > 0 else 'less'}"
    part = f"{100 * share:.0f} % of the difference"
    if share > 1 - _ADDS_UP:
        part = "all of the difference" if share <= 1 + _ADDS_UP else "more than the difference"
    text = f"Why{where}: {phase_words(phase)} takes {amount}, {part} (mean {totals})."
    yield Sentence("why", text, one.cells, (f"phase.{phase}", _TOTAL))


# --- diagnoses ------------------------------------------------------------------------------------


def _codes(cell: CellView) -> list[str]:
    """Of the traps that a cell walked into, in the order of their table."""
    found = {warning.code for block in cell.blocks for warning in block.warnings}
    return [one.code for one in DIAGNOSES if one.code in found & _CODES]


def _short(code: str) -> str:
    """The first sentence of a diagnosis: what is so, without the advice."""
    known = next(one for one in DIAGNOSES if one.code == code)
    return known.sentence


def _trap_sentences(cell: CellView, one: Finding, besides: CellView) -> Iterator[Sentence]:
    name = one.names.head if cell is one.head else one.names.base
    others = _codes(besides)
    for code in _codes(cell):
        if code not in others:
            yield Sentence("why", f"{name}{one.names.where}: {_short(code)}", (cell.name,))


def trap_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """What cells walked into that are not compared; one sentence per trap, first those of which
    some cells know nothing: they are what makes a difference."""
    by_code: dict[str, list[CellView]] = {}
    for cell in cells:
        for code in _codes(cell):
            by_code.setdefault(code, []).append(cell)
    for code, walked in sorted(by_code.items(), key=lambda one: len(one[1]) == len(cells)):
        more = f" and {len(walked) - 1} more" if len(walked) > 1 else ""
        text = f"{names.of(walked[0].name)}{more}: {_short(code)}"
        yield Sentence("why", text, tuple(cell.name for cell in walked))


# --- capacity -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InUse:
    """What a cell's load used nearly all of."""

    what: str
    """`slots` or `cores`."""
    used: float
    there: int


def in_use(cell: CellView, cores: int) -> InUse | None:
    """Slots that ran tasks, or cores that were busy, for at least FULL of the time; None where
    neither was, or that is not known. Cores first: tasks that wait for one hold their slots.

    Little's law: tasks per second times seconds of each is how many were under way at a time.
    """
    figures = cell.figures
    rate, run_s = figures.spreads.get("throughput.tasks"), figures.mean_s.get("phase.run")
    if rate is None or not cell.blocks:
        return None
    cpu_ms = [figures.spreads[name].median for name in _CPU if name in figures.spreads]
    used = rate.median * sum(cpu_ms) / 1e3
    if "worker_cpu" in figures.spreads and used >= FULL * cores:
        return InUse("cores", used, cores)
    units = figures.spreads.get("throughput")
    single = units is not None and abs(rate.median - units.median) < 0.01 * rate.median
    slots = _slots(cell)
    if single and run_s is not None and slots and rate.median * run_s >= FULL * slots:
        return InUse("slots", rate.median * run_s, slots)
    return None


def _slots(cell: CellView) -> int:
    reports = tuple(report for block in cell.blocks for report in block.ran_with)
    if not reports and not says_groups(cell.record.config):
        return 0
    return slots_of(stored_groups(reports, cell.record.config))


def bound_sentences(view: RunView, names: Names) -> Iterator[Sentence]:
    """What was all in use: it bounds the figures, whatever the broker is. One sentence for cores,
    one for slots. Not of searches and given rates, which say by themselves what ended them."""
    cores = view.record.environment.cores
    asked = [cell for cell in view.cells if not load_kind(cell.record.load).gives_the_rate]
    found = [(cell, used) for cell in asked if (used := in_use(cell, cores)) is not None]
    for what in ("cores", "slots"):
        ones = [(cell, used) for cell, used in found if used.what == what]
        if ones:
            yield _used_sentence(what, ones, len(view.cells), names)


def _used_sentence(
    what: str, ones: Sequence[tuple[CellView, InUse]], of: int, names: Names
) -> Sentence:
    """Where alternatives had no cores to spare, their order is that of this machine."""
    first, used = max(ones, key=lambda one: one[1].used)
    # CPU time beside the measured window is in a task's, too: no more are busy than there are.
    amount = f"{format_number(min(used.used, used.there))} of {used.there}"
    if len(ones) == 1:
        who = names.of(first.name)
    else:
        every = "both cells" if of == 2 else f"all {of} cells"
        who = every if len(ones) == of else f"{len(ones)} of {of} cells"
        amount = f"up to {amount}"
    figures: tuple[str, ...] = ("throughput.tasks", *_CPU)
    several = len({names.alternative(cell.name) for cell, _ in ones}) > 1
    more = "; with more cores their order may be another" if several else ""
    text = f"This machine's cores bound {who}: {amount} were busy{more}."
    if what == "slots":
        text = f"The workers' slots bound {who}: {amount} were running tasks."
        figures = ("throughput.tasks", "phase.run")
    return Sentence("bound", text, tuple(cell.name for cell, _ in ones), figures)
