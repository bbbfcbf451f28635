"""What was broken on purpose, what that cost, and how long until it was over.

A sentence for each fault of each cell; where that would be more than an answer has, one for each
fault over all cells, with the settings that make the difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from harness.report.answer.naming import Names
from harness.report.answer.sentences import MOST, Sentence
from harness.report.tables.faults import trouble_words
from harness.report.view.cells import CellView
from harness.report.words.faults import fell_words, kind_words
from harness.report.words.warnings import counted
from harness.results.record.faults import FaultRecord, Trouble
from harness.scenario.files.wording import printable
from harness.units import format_duration

_FIGURES = ("recovery.first", "recovery.p99")
_NOTHING = "nothing lost"
Struck = Mapping[str, FaultRecord]
"""Name of a cell -> what one fault did to it."""


def fault_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """Of each cell that has faults what each did in the block in which it did most."""
    struck = [(cell, worst) for cell in cells if (worst := _worst(cell))]
    if len(struck) > 1 and sum(len(worst) for _, worst in struck) > MOST:
        yield from _pooled({cell.name: worst for cell, worst in struck}, names)
        return
    for cell, worst in struck:
        who = f"{names.of(cell.name)}, " if len(struck) > 1 else ""
        blocks = sum(bool(block.faults) for block in cell.blocks)
        of = f" (worst of {blocks} blocks)" if blocks > 1 else ""
        for fault in worst:
            yield _of_a_cell(
                cell, fault, f"{who}{kind_words(fault.fault, fault.parameters.get('how'))}{of}"
            )


def _worst(cell: CellView) -> tuple[FaultRecord, ...]:
    """Of each fault the record of the block in which most went wrong, or took longest."""
    found: dict[int, FaultRecord] = {}
    for block in cell.blocks:
        for fault in block.faults:
            before = found.get(fault.number)
            if before is None or _badness(fault) > _badness(before):
                found[fault.number] = fault
    return tuple(found.values())


def _badness(fault: FaultRecord) -> tuple[bool, int, int, float, float]:
    back_s = math.inf if fault.first_back_s is None else fault.first_back_s
    p99_s = fault.p99_back_s if fault.disturbed else 0.0
    done = fault.begin_at_s is not None
    return (
        done,
        fault.trouble.unsound,
        len(fault.fell),
        back_s,
        math.inf if p99_s is None else p99_s,
    )


def _of_a_cell(cell: CellView, fault: FaultRecord, begin: str) -> Sentence:
    if fault.begin_at_s is None:
        why = printable(fault.not_done) or "the load was over"
        return Sentence("fault", f"{begin}: not done, {why}.", (cell.name,))
    trouble = trouble_words(fault.trouble) or _NOTHING
    if fault.fell:
        trouble += f"; {fell_words(fault.fell)}, and nobody started {_them(len(fault.fell))} again"
    back = f"no later unit was over within {format_duration(fault.watched_s)}"
    if fault.first_back_s is not None:
        back = f"the first unit is back after {format_duration(fault.first_back_s)}"
    if fault.p99_back_s is not None and fault.disturbed:
        back += f", p99 after {format_duration(fault.p99_back_s)}"
    elif fault.disturbed and fault.p99_back_s is None:
        back += f", p99 not within {format_duration(fault.watched_s)}"
    text = f"{begin}: {trouble}; {back}."
    flagged = fault.trouble.unsound > 0 or bool(fault.fell)
    return Sentence("fault", text, (cell.name,), _FIGURES, flagged=flagged)


# --- over all cells -----------------------------------------------------------------------------


def _pooled(faults: Mapping[str, Sequence[FaultRecord]], names: Names) -> Iterator[Sentence]:
    by_fault: dict[tuple[int, str], dict[str, FaultRecord]] = {}
    for cell, of_cell in faults.items():
        for fault in of_cell:
            words = kind_words(fault.fault, fault.parameters.get("how"))
            by_fault.setdefault((fault.number, words), {})[cell] = fault
    kinds = [kind for _, kind in by_fault]
    for (_, kind), struck in by_fault.items():
        words = kind
        if kinds.count(kind) > 1:
            moment_s = next(iter(struck.values())).planned_at_s
            words += f" at {format_duration(moment_s)}"
        done = [one for one in struck.values() if one.begin_at_s is not None]
        ends = filter(None, ["; ".join(_outcomes(struck, names)), _fell(done), _back(done)])
        yield Sentence(
            "fault",
            f"{words}: {'; '.join(ends)}.",
            tuple(struck),
            _FIGURES if done else (),
            flagged=any(one.trouble.unsound or one.fell for one in struck.values()),
        )


def _outcomes(struck: Struck, names: Names) -> Iterator[str]:
    """`1 lost in 4 of 8 cells (task_acks_late=false)`: cells that had the same kinds of trouble
    together, the worst first."""
    groups: dict[tuple[str, ...], dict[str, FaultRecord]] = {}
    for cell, fault in struck.items():
        groups.setdefault(_kinds(fault), {})[cell] = fault
    worst = sorted(
        groups.values(), key=lambda group: -max(one.trouble.unsound for one in group.values())
    )
    for group in worst:
        if len(group) == len(struck):
            yield f"{_trouble(group)} in each of {counted(len(struck), 'cell')}"
            continue
        where = _in_common(group, struck, names)
        said = f" ({where})" if where else ""
        yield f"{_trouble(group)} in {len(group)} of {counted(len(struck), 'cell')}{said}"


def _kinds(fault: FaultRecord) -> tuple[str, ...]:
    if fault.begin_at_s is None:
        return ("not done",)
    counts = fault.trouble.model_dump(exclude={"late"})
    return tuple(name for name, count in counts.items() if count)


def _trouble(group: Struck) -> str:
    """`1 lost`, `1 to 3 lost, 1 dup`, `nothing lost`."""
    faults = list(group.values())
    if faults[0].begin_at_s is None:
        return "not done"
    parts = []
    for name in _kinds(faults[0]):
        counts = [int(getattr(one.trouble, name)) for one in faults]
        words = trouble_words(Trouble(**{name: max(counts)}))
        low = "" if min(counts) == max(counts) else f"{min(counts):,} to "
        parts.append(low + words)
    return ", ".join(parts) or _NOTHING


def _in_common(group: Struck, struck: Struck, names: Names) -> str:
    """The settings that these cells have and no other one; empty where no words say it."""
    said = {cell: _settings(cell, names) for cell in struck}
    members = [said[cell] for cell in group]
    common = {
        key: value
        for key, value in members[0].items()
        if all(one.get(key) == value for one in members)
    }
    telling = {
        key: value for key, value in common.items() if any(o[key] != value for o in said.values())
    }
    fitting = {
        cell
        for cell, one in said.items()
        if all(one.get(key) == value for key, value in telling.items())
    }
    if fitting != set(group):
        return ""
    return ", ".join(
        printable(f"{key}={value}" if key else value) for key, value in telling.items()
    )


def _settings(cell: str, names: Names) -> dict[str, str]:
    point = names.points[cell]
    return {"": point.configuration, **point.axes}


def _fell(done: Sequence[FaultRecord]) -> str:
    """`in 2 cells workers ended by themselves (AttributeError), and nobody started them again`."""
    fell = [one.fell for one in done if one.fell]
    why = dict.fromkeys(printable(reason) for one in fell for reason in one.values())
    workers = sum(map(len, fell))
    if not fell:
        return ""
    who = "a worker ended by itself" if workers == 1 else f"{workers} workers ended by themselves"
    where = f" in {len(fell)} of {counted(len(done), 'cell')}"
    return f"{who}{where} ({', '.join(why)}), and nobody started {_them(workers)} again"


def _them(workers: int) -> str:
    return "it" if workers == 1 else "them"


def _back(done: Sequence[FaultRecord]) -> str:
    """From when to when all was over, in the cells in which the fault was done."""
    if not done:
        return ""
    firsts = [one.first_back_s for one in done if one.first_back_s is not None]
    words = []
    if firsts:
        words.append(f"the first unit is back after {_range(firsts)}")
    if len(firsts) < len(done):
        words.append(f"in {len(done) - len(firsts)} none was over while it was watched")
    disturbed = [one for one in done if one.disturbed]
    p99s = [one.p99_back_s for one in disturbed if one.p99_back_s is not None]
    if p99s:
        words.append(f"p99 after {_range(p99s)}")
    if len(p99s) < len(disturbed):
        words.append(f"in {len(disturbed) - len(p99s)} p99 was not back while it was watched")
    return ", ".join(words)


def _range(seconds: Sequence[float]) -> str:
    ends = (format_duration(min(seconds)), format_duration(max(seconds)))
    return " to ".join(dict.fromkeys(ends))
