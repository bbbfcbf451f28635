"""What held and what did not: units, limits, promises, rates, schedules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.answer.naming import Names
from harness.report.answer.sentences import LONGEST, Sentence, clauses
from harness.report.tables.verdicts import in_units_of
from harness.report.view.cells import CellView, Counts, RunView
from harness.report.words.faults import promise_words
from harness.report.words.warnings import counted
from harness.report.words.wording import (
    disturbed_sentence,
    overload_sentence,
    state_sentence,
    stopped_words,
)
from harness.results.costs.capacity import (
    SaturationRange,
    ShortGroup,
    overloaded,
    overloaded_group,
    saturation_range,
)
from harness.results.judge.gates import failed_gates
from harness.results.record.comparison import GateResult
from harness.results.record.faults import PromiseRecord
from harness.results.record.loads import LoadPhaseRecord, Saturation
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import listed, printable
from harness.units import format_duration, format_number

_NAMED = 2
"""Cells with their names, where a limit is broken."""
_ORDER = ("broken", "open", "kept", "untested")


def missing_sentences(view: RunView) -> Iterator[Sentence]:
    """What a reader has to know before all else, of a run that is not complete."""
    if state := state_sentence(view):
        yield Sentence("missing", state, flagged=True)
    elif not view.record.blocks:
        yield Sentence("missing", "Nothing was measured.", flagged=True)
    if disturbed := disturbed_sentence(view.record):
        yield Sentence("disturbed", disturbed, flagged=True)
    if overload := overload_sentence(view):
        yield Sentence("overload", overload, flagged=True)


# --- units ----------------------------------------------------------------------------------------


def broken_sentences(view: RunView, names: Names) -> Iterator[Sentence]:
    """Units that did not end as they were meant to, which nothing broke on purpose."""
    troubled = [cell for cell in view.cells if _is_troubled(cell)]
    for cell in troubled[:2]:
        counts = cell.figures.counts
        units = sum(block.units for block in cell.blocks)
        text = f"{names.of(cell.name)}: {_trouble(counts)} of {counted(units, 'unit')}"
        text += f"{_troubled_parts(cell)}."
        yield Sentence("broken", text, (cell.name,), ("lost", "duplicated", "wrong"), flagged=True)
    if rest := troubled[2:]:
        text = f"Units went wrong in {counted(len(rest), 'more cell')}, see the table."
        yield Sentence("broken", text, tuple(cell.name for cell in rest), flagged=True)


def fallen_sentences(view: RunView, names: Names) -> Iterator[Sentence]:
    """Workers and beats that ended by themselves where nothing was broken on purpose; of each cell
    the first one."""
    for cell in view.cells:
        fell = [
            str(one.data.get("text", ""))
            for block in cell.blocks
            if not block.faults
            for one in block.warnings
            if one.code in ("worker_fell", "beat_fell")
        ]
        if fell:
            more = f", and {len(fell) - 1} more" if len(fell) > 1 else ""
            said = printable(fell[0]).rstrip(".")
            room = LONGEST - len(names.of(cell.name)) - len(more)
            said = said if len(said) <= room else f"{said[:room]}.."
            text = f"{names.of(cell.name)}: {said}{more}."
            yield Sentence("broken", text, (cell.name,), flagged=True)


def _trouble(counts: Counts) -> str:
    """The ledger without what ended as it was meant to."""
    troubles = {
        "lost": counts.lost,
        "duplicated": counts.duplicated,
        "wrong": counts.wrong,
        "failed": counts.failed,
        "timed out": counts.timed_out,
    }
    words = [f"{count:,} {word}" for word, count in troubles.items() if count]
    return ", ".join(words) or "none completed"


def _troubled_parts(cell: CellView) -> str:
    """Of a mix the parts that the trouble is of, where others are sound."""
    ones = [one for block in cell.blocks for one in block.by_task]
    parts = list(dict.fromkeys(one.task for one in ones))
    troubled = list(dict.fromkeys(one.task for one in ones if not one.sound))
    if not 0 < len(troubled) < len(parts):
        return ""
    return f", all of {listed(map(printable, troubled))}"


def _is_troubled(cell: CellView) -> bool:
    blamed = any(block.faults for block in cell.blocks)
    units = any(block.units for block in cell.blocks)
    return units and not blamed and not cell.figures.counts.sound


# --- limits ---------------------------------------------------------------------------------------


def limit_sentences(view: RunView, names: Names) -> Iterator[Sentence]:
    """Each gate that does not hold; or that all do, and who holds them."""
    gates = view.record.gates
    by_gate: dict[str, list[GateResult]] = {}
    for one in failed_gates(gates):
        by_gate.setdefault(one.gate, []).append(one)
    for gate, found in by_gate.items():
        known = [one for one in found if one.cell in names.points]
        text = f"Limit {printable(gate)} is broken by {_breakers(known, len(view.cells), names)}."
        yield Sentence("limit", text, tuple(one.cell for one in known), flagged=True)
    judged = {one.gate for one in gates if one.judged and one.passed is not None}
    if judged and not by_gate:
        number = {1: "The limit holds", 2: "Both limits hold"}
        limits = number.get(len(judged), f"All {len(judged)} limits hold")
        every = [one.cell for one in gates if one.judged and one.passed]
        where = " in every cell" if len(every) == len(judged) * len(view.cells) else " where judged"
        where = where if len(view.cells) > 1 else ""
        said = clauses(
            map(printable, sorted(judged, key=lambda one: (len(one), one))), LONGEST // 2
        )
        yield Sentence("held", f"{limits}{where}: {said}.", tuple(dict.fromkeys(every)))


def _breakers(found: Sequence[GateResult], cells: int, names: Names) -> str:
    """Those that break a limit, with their values; of many how many they are, and the first."""
    said = [f"{names.of(one.cell)} ({_value(one)})" for one in found]
    if not said:
        return "the run"
    if len(said) <= _NAMED:
        return " and ".join(said)
    return f"{len(said)} of {cells} cells, {said[0]} among them"


def _value(one: GateResult) -> str:
    return "not evaluated" if one.value is None else in_units_of(one.gate, one.value)


# --- rates ----------------------------------------------------------------------------------------


def rate_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """Of searches what they found, of given rates whether they were kept, and what ended it."""
    for cell in cells:
        load = cell.record.load.get("load")
        if load == "saturate":
            yield from _search_sentence(cell, names)
        elif load == "rate":
            said = _rate_sentence(cell, names)
            # A rate that `harness ab` chose is no question; that it is not held, an answer.
            yield from (one for one in said if one.flagged or not cell.record.at_equal_rate)


def _search_sentence(cell: CellView, names: Names) -> Iterator[Sentence]:
    searches = [block.saturation for block in measured_blocks(cell.record) if block.saturation]
    if not searches:
        return
    first, who = searches[0], names.of(cell.name)
    limits = printable(", ".join(first.limits))
    found = saturation_range(measured_blocks(cell.record))
    if found is None:
        text = f"{who} holds no rate that was tried within {limits}; {stopped_words(first)}."
        yield Sentence("capacity", text, (cell.name,), ("saturation",), flagged=True)
        return
    text = f"{who} holds {_held(found, searches)}{_broke(searches)} within {limits}"
    stopped = stopped_words(first) if len(searches) == 1 else f"the first {stopped_words(first)}"
    yield Sentence("capacity", f"{text}; {stopped}.", (cell.name,), ("saturation",))


def _held(found: SaturationRange, searches: Sequence[Saturation]) -> str:
    """`911/s`, `911/s (860 to 940/s in 3 searches, none in 1 more)`: rates that were kept."""
    rates = [one.rate_per_s for one in searches if one.rate_per_s]
    low, high = format_number(min(rates)), format_number(max(rates))
    said = f"{format_number(found.median_per_s)}/s"
    if len(searches) == 1:
        return said
    span = f"{high}/s" if low == high else f"{low} to {high}/s"
    span += f" in {found.searches} search{'' if found.searches == 1 else 'es'}"
    without = len(searches) - len(rates)
    return f"{said} ({span}, none in {without} more)" if without else f"{said} ({span})"


def _broke(searches: Sequence[Saturation]) -> str:
    """`, not 20.0/s,`: of one search the lowest rate that did not keep the limits."""
    first, *others = searches
    if others or not first.broken_at_per_s or not first.rate_per_s:
        return ""
    broken = f"{format_number(first.broken_at_per_s)}/s"
    if first.broken_at_per_s > first.rate_per_s:
        return f", not {broken},"
    return f", though {broken} broke it in one try,"


def _rate_sentence(cell: CellView, names: Names) -> Iterator[Sentence]:
    """Of blocks that were measured to their end, and without a fault, which is told elsewhere."""
    blocks = [one for one in cell.blocks if one.status == "complete" and not one.faults]
    if not blocks:
        return
    who, figures = names.of(cell.name), ("throughput.planned", "latency.total")
    if short := [one for block in blocks if (one := _short_group(block)) is not None]:
        text = f"{who}: {_short_group_words(short[0])}."
        yield Sentence("capacity", text, (cell.name,), (*figures, "busy_share"), flagged=True)
        return
    behind = [(one, phase) for one in blocks if (phase := overloaded(one.load_phases)) is not None]
    if behind:
        text, lacking = _behind_words(*behind[0])
        yield Sentence("capacity", f"{who} {text}.", (cell.name,), figures, flagged=lacking)
        return
    mean_s = cell.figures.mean_s.get("latency.total")
    mean = "" if mean_s is None else f", mean latency {format_duration(mean_s)}"
    rates = [phase.planned / phase.duration_s for phase in blocks[0].load_phases if phase.counted]
    if rates:
        every = "" if len(rates) == 1 else "every phase, up to "
        text = f"{who} keeps up with {every}{format_number(max(rates))}/s{mean}."
        yield Sentence("capacity", text, (cell.name,), figures)


def _short_group(block: BlockRecord) -> ShortGroup | None:
    """The group that a block's warning is about; the whole phase may have been kept up with."""
    found = overloaded_group(block.load_phases, block.tasks // block.units if block.units else 1)
    told = (one.data.get("group") for one in block.warnings if one.code == "over_capacity")
    return found if found is not None and found.load.group in told else None


def _short_group_words(found: ShortGroup) -> str:
    """`group reports does not keep up with its 12.0/s (steady): 9.80/s done`."""
    asked = format_number(found.load.planned / found.phase.duration_s)
    done, phase = format_number(found.load.completed_per_s), printable(found.phase.phase)
    group = f"group {printable(found.load.group)}"
    return f"{group} does not keep up with its {asked}/s ({phase}): {done}/s done"


def _behind_words(block: BlockRecord, phase: LoadPhaseRecord) -> tuple[str, bool]:
    """What came of a phase that was not kept up with, and whether something was lacking: a burst
    may as well end with units under way that are done a moment later."""
    asked, done = format_number(phase.planned / phase.duration_s), phase.completed_per_s
    rates = f"{asked}/s ({printable(phase.phase)}): {format_number(done)}/s done"
    for warning in block.warnings:
        if warning.code == "over_capacity":
            return f"does not keep up with {rates}", True
    if phase.client_limited or block.client_limited:
        return f"does not keep up with {rates}; the client was late", True
    return (
        f"is behind at {rates}, {counted(phase.in_flight_at_end, 'unit')} under way at its end",
        False,
    )


# --- promises -------------------------------------------------------------------------------------


def promise_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """Each broken promise; or that those which were put to the test were kept."""
    broken, kept = False, list[PromiseRecord]()
    promising = [cell for cell in cells if any(block.promises for block in cell.blocks)]
    for cell in promising:
        for one in worst_promises(cell):
            if one.kept == "broken":
                broken = True
                counts = ", ".join(f"{n:,} {printable(what)}" for what, n in one.broken_by.items())
                words = promise_words(one.about, one.promise)
                who = f"{names.of(cell.name)}, " if len(promising) > 1 else ""
                text = f"BROKEN PROMISE: {who}{words}: {counts}."
                yield Sentence("promise", text, (cell.name,), flagged=True)
            elif one.kept == "kept":
                kept.append(one)
    if kept and not broken:
        said = clauses(
            dict.fromkeys(promise_words(one.about, one.promise) for one in kept), LONGEST - 40, "; "
        )
        every = tuple(cell.name for cell in promising)
        yield Sentence("held", f"All promises put to the test were kept: {said}.", every)


def worst_promises(cell: CellView) -> tuple[PromiseRecord, ...]:
    """One record for each promise of a cell: the worst of its blocks."""
    found: dict[tuple[str, str], PromiseRecord] = {}
    for block in cell.blocks:
        for one in block.promises:
            key = (one.about, one.promise)
            before = found.get(key)
            if before is None or _ORDER.index(one.kept) < _ORDER.index(before.kept):
                found[key] = one
    return tuple(found.values())


# --- schedules ------------------------------------------------------------------------------------


def schedule_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """How beat kept to a schedule: fires, and how late tasks started."""
    for cell in cells:
        known = [block.periodic for block in cell.blocks if block.periodic is not None]
        if not known:
            continue
        missed, doubled = sum(one.missed for one in known), sum(one.doubled for one in known)
        fires, expected = sum(one.fires for one in known), sum(one.expected for one in known)
        lateness_s = cell.figures.mean_s.get("periodic.due_to_started")
        late = "" if lateness_s is None else f"; started {format_duration(lateness_s)} late (mean)"
        slipped = sum(one.slipped for one in known)
        counts = f"{missed:,} missed, {doubled:,} doubled" + (
            f", {slipped:,} slipped" if slipped else ""
        )
        text = f"{names.of(cell.name)}: {fires:,} of {expected:,} fires, {counts}{late}."
        figures = ("periodic.fires", "missed", "doubled", "periodic.due_to_started")
        yield Sentence("schedule", text, (cell.name,), figures, flagged=missed + doubled > 0)
