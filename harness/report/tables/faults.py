"""Tables of faults: what each did and how long it lasted, and what a configuration promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.tables.main import MISSING, NOT_APPLICABLE, OUTCOME, Row, Section, Table
from harness.report.view.cells import CellView
from harness.report.words.faults import KEPT, because_words, fell_words, kind_words, promise_words
from harness.results.record.faults import FaultLevel, FaultRecord, PromiseRecord, Trouble
from harness.results.record.run import BlockRecord
from harness.scenario.files.wording import printable
from harness.scenario.models.faults import FAULT_KINDS
from harness.units import format_duration

_HEAD = ("at", "broken for", "late", "first back", "p99 back", "workers back", OUTCOME)
_NOTE = (
    "at: after the first unit was due. broken for: until it was undone; a worker that was started "
    "again is not ready by then. late: units that started later than usual. first back: from the "
    "fault to the end of a unit that was due after it. p99 back: until the p99 of one second's "
    "units was as before; > means not while it was watched. workers back: how many of those it "
    "concerned received tasks again by themselves; new: a process that the harness started did; "
    "idle: nothing was sent to the queues of these. "
    "outcome: units that this fault is to blame for. refused: those whose publish call raised, and "
    "what."
)
_STOP_HEAD = ("ended in", "grace", "killed", "back in")
_STOP_NOTE = (
    "ended in: from the signal until the slowest of the workers was gone. killed: how many still "
    "ran when their grace was over. back in: from its start until the slowest one consumed; "
    "of a rolling restart, which waits for it."
)
_PROMISE_HEAD = ("kept", OUTCOME)
_PROMISE_NOTE = (
    "What a setting promises is what the documentation of Celery and of the broker says, see "
    "harness docs faults. open: at the end of the block units wait, for their redelivery or for a "
    "worker that consumes. untested: the fault met no unit that the promise is about."
)
_ORDER = ("broken", "open", "kept", "untested")


def fault_tables(cells: Sequence[CellView]) -> tuple[Table, ...]:
    """Tables of what was broken in cells with faults; empty without any."""
    broken = [cell for cell in cells if any(block.faults for block in cell.blocks)]
    if not broken:
        return ()
    sections = [
        Section(_title(cell, block), tuple(_rows(block)))
        for cell in broken
        for block in cell.blocks
        if block.faults
    ]
    promised = tuple(
        Section(cell.label, tuple(_promise_rows(cell.blocks)))
        for cell in broken
        if any(block.promises for block in cell.blocks)
    )
    found = [Table("Faults", _HEAD, tuple(sections), _NOTE)]
    if stops := _stop_sections(broken):
        found.append(Table("How workers ended", _STOP_HEAD, stops, _STOP_NOTE))
    if promised:
        title = "What this configuration promises and what it kept"
        found.append(Table(title, _PROMISE_HEAD, promised, _PROMISE_NOTE))
    return tuple(found)


def _title(cell: CellView, block: BlockRecord) -> str:
    level = block.fault_level or FaultLevel()
    return f"{_place(cell, block)}, p99 before: {format_duration(level.p99_s)}"


def _place(cell: CellView, block: BlockRecord) -> str:
    return cell.label + (f", block {block.number}" if len(cell.blocks) > 1 else "")


def _rows(block: BlockRecord) -> Iterator[Row]:
    for fault in block.faults:
        yield Row(
            _fault_label(fault),
            (
                format_duration(fault.begin_at_s),
                _broken_for(fault),
                f"{fault.trouble.late:,}" if block.fault_level and fault.begin_at_s else MISSING,
                format_duration(fault.first_back_s),
                _p99_back(fault),
                workers_back(fault),
                _outcome(fault),
            ),
            flagged=fault.trouble.unsound > 0 or bool(fault.fell),
        )
    rest = block.unattributed or Trouble()
    if rest.unsound or rest.late:
        cells = ("", "", f"{rest.late:,}", "", "", "", trouble_words(rest) or "nothing else")
        yield Row("unattributed", cells, flagged=rest.unsound > 0)


def _fault_label(fault: FaultRecord) -> str:
    parameters = fault.parameters
    words = kind_words(fault.fault, parameters.get("how"))
    details = [_target(fault)] if fault.target else []
    details += ["by netem"] if parameters.get("by") == "netem" else []
    details += [
        f"{name} {format_duration(float(parameters[name]))}"
        for name in ("rtt", "jitter")
        if parameters.get(name)
    ]
    if parameters.get("loss"):
        details.append(f"{float(parameters['loss']) * 100:.4g}% lost")
    if "rtt_s" in fault.facts:
        details.append(f"measured {format_duration(fault.facts['rtt_s'])}")
    return f"{words} ({', '.join(details)})" if details else words


def _target(fault: FaultRecord) -> str:
    """Of several workers, how many: their names would leave the figures no room."""
    kind = FAULT_KINDS.get(fault.fault)
    several = kind is not None and kind.place == "worker" and fault.workers > 1
    return f"{fault.workers} workers" if several else printable(fault.target)


def _broken_for(fault: FaultRecord) -> str:
    if fault.begin_at_s is None:
        return MISSING
    if fault.mended_at_s is None:
        return "not undone" if fault.mending_at_s is not None else ""
    return format_duration(fault.mended_at_s - fault.begin_at_s)


def _p99_back(fault: FaultRecord) -> str:
    if fault.p99_back_s is not None:
        return format_duration(fault.p99_back_s) if fault.disturbed else "as usual"
    if fault.disturbed is None:
        return MISSING
    return f"> {format_duration(fault.watched_s)}"


def workers_back(fault: FaultRecord) -> str:
    """`2/3`, `1/1 new`, `1/1, 1 idle`: of those that had something to receive."""
    if not fault.workers:
        return ""
    if not fault.back_known:
        return MISSING
    of = fault.workers - fault.back_idle
    idle = f", {fault.back_idle} idle" if fault.back_idle else ""
    if fault.back_restarted:
        return f"{fault.back_restarted}/{of} new{idle}"
    return f"{fault.back_by_itself}/{of}{idle}"


def _outcome(fault: FaultRecord) -> str:
    if fault.begin_at_s is None:
        return f"not done, {printable(fault.not_done) or 'the load was over'}"
    words = [trouble_words(fault.trouble)]
    words += [f"{printable(name)} x {count:,}" for name, count in fault.errors.items()]
    words.append(fell_words(fault.fell))
    return ", ".join(filter(None, words)) or "nothing lost"


def trouble_words(trouble: Trouble) -> str:
    """`3 lost, 2 dup, 12 failed, 10 refused`; empty if there is none."""
    counts = {
        "lost": trouble.lost,
        "dup": trouble.duplicated,
        "wrong": trouble.wrong,
        "timed out": trouble.timed_out,
        "failed": trouble.failed,
    }
    words = [f"{count:,} {name}" for name, count in counts.items() if count]
    if trouble.refused:
        words.append(f"{trouble.refused:,} refused")
    return ", ".join(words)


# --- workers that were told to end ----------------------------------------------------------------


def _stop_sections(broken: Sequence[CellView]) -> tuple[Section, ...]:
    """Of records that say how workers were told to end: older ones had one way, and keep their
    reports."""
    found = [
        Section(
            _place(cell, block),
            tuple(_stop_row(one) for one in block.faults if _says_how_it_ended(one)),
        )
        for cell in broken
        for block in cell.blocks
    ]
    return tuple(section for section in found if section.rows)


def _says_how_it_ended(fault: FaultRecord) -> bool:
    return "how" in fault.parameters and "shutdown_s" in fault.facts


def _stop_row(fault: FaultRecord) -> Row:
    grace, back_s = fault.parameters.get("grace"), fault.facts.get("ready_s")
    kill = (NOT_APPLICABLE,) * 2
    if grace is not None:
        kill = (format_duration(float(grace)), f"{fault.facts.get('killed', 0):g}")
    back = NOT_APPLICABLE if back_s is None else format_duration(back_s)
    return Row(_fault_label(fault), (format_duration(fault.facts["shutdown_s"]), *kill, back))


# --- promises -----------------------------------------------------------------------------------


def _promise_rows(blocks: Sequence[BlockRecord]) -> Iterator[Row]:
    """One per promise; all blocks of the cell together, the worst verdict of them."""
    found: dict[tuple[str, str], list[PromiseRecord]] = {}
    for block in blocks:
        for promise in block.promises:
            found.setdefault((promise.about, promise.promise), []).append(promise)
    for (about, code), ones in found.items():
        kept = min((one.kept for one in ones), key=_ORDER.index)
        broken, allowed = _added(one.broken_by for one in ones), _added(one.allowed for one in ones)
        touched = sum(one.touched for one in ones)
        words = [*because_words(ones[0].because), f"{touched:,} units touched"]
        words += [f"{count:,} {_name(name)} against it" for name, count in broken.items()]
        words += [f"{count:,} {_name(name)}" for name, count in allowed.items()]
        yield Row(
            promise_words(about, code),
            (KEPT.get(kept, printable(kept)), ", ".join(words)),
            flagged=kept == "broken",
        )


def _added(parts: Iterator[Mapping[str, int]] | Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total


def _name(trouble: str) -> str:
    names = {"duplicated": "dup", "timed_out": "timed out", "held_by_broker": "held by the broker"}
    return names.get(trouble, printable(trouble))
