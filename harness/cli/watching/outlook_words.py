"""What a plan will take and can tell, in words: the head of a run, and of `harness check`."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence

from harness.report.words.warnings import capacity_words, counted
from harness.results.judge.phrases import percent_words
from harness.results.outlook.asked import AskedOf
from harness.results.outlook.last_runs import Known
from harness.results.outlook.outlook import CellOutlook, Outlook
from harness.results.outlook.sights import Sight
from harness.scenario.files.wording import printable
from harness.scenario.plan.bounds import AtMost
from harness.stats.paired import FEWEST_PAIRS, visible_effect
from harness.units import format_bytes, format_number, format_roughly

WIDTH = 110
_LABEL = 8
_SAME = " " * _LABEL
"""Label of what goes on with the one above it."""
_NAME = 80
"""The longest name of a cell in the head; what stands behind it has the whole."""
_SUPPOSED = {0.05: "quiet machine", 0.29: "busy one"}
"""Spreads of throughput in docs/verdicts.md."""
_WORTH_SAYING = 0.2
"""Share of the slots from which on a sum of them is in the head."""
_IF_NOTHING = ", if nothing comes back"
_BOUND = "\N{NO-BREAK SPACE}"


def head_lines(found: Outlook) -> list[str]:
    """At most about eight lines of at most 110 columns; a name that is longer is not cut."""
    paragraphs = [
        ("", plan_words(found)),
        ("time", _time_words(found)),
        *_asked_words(found),
        ("memory", _memory_words(found)),
        *(("sees" if n == 0 else _SAME, words) for n, words in enumerate(_sight_words(found))),
    ]
    return [line for label, words in paragraphs for line in _wrapped(label, words)]


def explained(found: Outlook) -> list[str]:
    """What stands behind the head: each cell, each server, each figure, each with its source."""
    lines = [line for cell in found.cells for line in _explained_cell(cell)]
    for service, size in found.server_bytes.items():
        lines += _wrapped("", f"server {service}: {format_bytes(size.value)} ({source(size)})")
    known = [one for one in found.sights if one.spread is not None]
    for work, metric in dict.fromkeys((one.work, one.metric) for one in known):
        some = [one for one in known if (one.work, one.metric) == (work, metric)]
        lines += _wrapped("", f"{printable(work)}: {_explained_sight(some)}")
    return lines


def at_most_words(found: AtMost) -> str:
    """`12 blocks, each at most 3 min 5 s, 37 min in all, if nothing comes back`. Whole seconds,
    upwards."""
    return f"{counted(found.blocks, 'block')}, {_bound_words(found)}"


def source(*numbers: Known) -> str:
    """`run 4f1a9c`, `3 last runs`, `assumed`, `as planned`, `3 last runs, partly assumed`."""
    runs = list(dict.fromkeys(run for one in numbers for run in one.runs))
    assumed = any(not one.runs and not one.planned for one in numbers)
    if not runs:
        return "assumed" if assumed else "as planned"
    words = f"run {_short(runs[0])}" if len(runs) == 1 else f"{len(runs)} last runs"
    return f"{words}, partly assumed" if assumed else words


# --- lines of the head --------------------------------------------------------------------------


def plan_words(found: Outlook) -> str:
    """`4 cells, 12 blocks, about 2 min; each at most 3 min 5 s, 37 min in all, if nothing comes
    back`."""
    cells = counted(len(found.cells), "cell")
    begin = f"{cells}, {counted(found.blocks, 'block')}, about {format_roughly(found.expected_s)}"
    if found.most_blocks == found.blocks:
        return f"{begin}; {_bound_words(found.at_most)}"
    begin += f" (up to {found.most_blocks:,}, {format_roughly(found.most_s)}, until it can be told)"
    return f"{begin}; {_bound_words(found.at_most)}".removesuffix(_IF_NOTHING)


def _bound_words(found: AtMost) -> str:
    block_s = math.ceil(found.block_s)
    minutes = f"{block_s // 60} min {block_s % 60} s" if block_s >= 60 else f"{block_s} s"
    if found.blocks < 2:
        return f"at most {minutes}"
    return f"each at most {minutes}, {format_roughly(found.run_s)} in all{_IF_NOTHING}"


def _time_words(found: Outlook) -> str:
    beside_s = sum(one.blocks * one.overhead_s.value for one in found.cells)
    measured_s = sum(one.blocks * one.measured_s.value for one in found.cells)
    paused_s = sum(one.blocks * one.pause_s for one in found.cells)
    each = _seconds(beside_s / max(found.blocks, 1))
    words = (
        f"{_seconds(measured_s)} measured + {found.blocks:,} x {each} of start, probes, warm-up, "
    )
    words += f"drain, stop + {_seconds(found.servers_s.value)} for servers"
    if paused_s:
        words += f" + {format_roughly(paused_s)} until results expire"
    if found.environments:
        words += f", without building {counted(found.environments, 'environment')} where missing"
    known = [found.servers_s]
    known += [number for one in found.cells for number in (one.overhead_s, one.measured_s)]
    return f"{words} ({source(*known)})"


def _asked_words(found: Outlook) -> Iterator[tuple[str, str]]:
    """The cell that asks for the largest share of the cores, and that of the slots."""
    of_cores = [(cell, one) for cell, one in found.asked if one.sum.what == "cores"]
    of_slots = [(cell, one) for cell, one in found.asked if one.sum.what == "slots"]
    if not of_cores:
        there = counted(found.machine.cores, "core")
        yield "cores", f"no load asks for a rate: each takes what there is, {there}"
    for label, some in (("cores", of_cores), ("slots", of_slots)):
        if not some:
            continue
        cell, one = some[0]
        if label == "slots" and one.sum.needed < _WORTH_SAYING * one.sum.there:
            continue
        short = sum(other.sum.short for _, other in some)
        words = f"{_sum_words(cell, one)}: {_shortened(printable(cell.name))}"
        if short:
            words += " cannot keep up"
        if short > 1:
            words += f", nor can {counted(short - 1, 'other cell')}"
        yield label, words


def _sum_words(cell: CellOutlook, one: AskedOf) -> str:
    """`300/s x 22 ms = 6.6 cores, this machine has 2 (run 4f1a9c)`"""
    where = source(one.cost)
    if one.cost.planned:
        where = "what it sleeps"
    elif cell.own_code and not one.cost.runs:
        where = "assumed: what your tasks cost, a run will tell"
    elif one.cost.at_per_s and one.cost.at_per_s < one.sum.rate_per_s / 4:
        where += f" at {format_number(one.cost.at_per_s)}/s, with what workers spend idling"
    return f"{capacity_words(one.sum.data)} ({where})"


def _memory_words(found: Outlook) -> str:
    free, needed = found.machine.free_bytes, found.memory_bytes
    parts, known = [], []
    if (cell := found.largest) is not None:
        size = format_bytes(cell.processes * cell.worker_bytes.value)
        workers = (
            "1 worker process" if cell.processes == 1 else f"{cell.processes} worker processes"
        )
        parts.append(f"{workers} {size}")
        clients = "client" if cell.clients == 1 else f"{cell.clients} clients"
        parts.append(f"{clients} {format_bytes(cell.client_bytes.value)}")
        known += [cell.worker_bytes, cell.client_bytes]
    for service, size_of in found.server_bytes.items():
        parts.append(f"{service} {format_bytes(size_of.value)}")
        known.append(size_of)
    short = ", WHICH IS NOT ENOUGH" if needed > free else ""
    begin = f"{format_bytes(needed)} of {format_bytes(free)} free{short}"
    return f"{begin}: {', '.join(parts)} ({source(*known)})"


def _sight_words(found: Outlook) -> Iterator[str]:
    if not found.pairs:
        yield "nothing stands beside these cells: figures, no verdicts (two revisions: harness ab)"
        return
    first, last = found.pairs[0], found.pairs[-1]
    if first < FEWEST_PAIRS:
        few = f"{counted(first, 'pair')}: fewer than {FEWEST_PAIRS} carry no verdict"
        yield f"{few}, measure.blocks={FEWEST_PAIRS} makes as many"
        return
    known = [one for one in found.sights if one.spread is not None]
    metrics = list(dict.fromkeys(one.metric for one in known))
    speed = "throughput" if "throughput" in metrics else next(iter(metrics), "")
    who = "by harness ab, " if found.by_ab else ""
    for metric in dict.fromkeys([speed, *metrics[-1:]] if metrics else ()):  # and a cost
        yield who + _seen([one for one in known if one.metric == metric])
    if not metrics:
        shown = [
            f"{percent_words(visible_effect(spread, last, found.confidence))} at a spread of "
            f"{percent_words(spread)} ({words})"
            for spread, words in _SUPPOSED.items()
        ]
        yield f"{who}noise unknown until a run has told it: {last} pairs see {', '.join(shown)}"


def _seen(some: list[Sight]) -> str:
    """`10 pairs at the spread of run 4f1a9c, 6 %: 6 % or more of throughput, 30 pairs 3 %`; from
    the calmest to the noisiest work where there are several."""
    spreads = [one.spread for one in some if one.spread is not None]
    effects: dict[int, list[float]] = {}
    for one in some:
        if one.effect is not None:
            effects.setdefault(one.pairs, []).append(one.effect)
    (first, seen), *later = effects.items()
    spread = _between([one.value for one in spreads])
    other = _of_what(spreads)
    words = f"{first} pairs at the spread of {source(*spreads)}{other}, {spread}: "
    words += f"{_between(seen)} or more of {some[0].metric}"
    return words + "".join(f", {pairs} pairs {_between(each)}" for pairs, each in later)


def _of_what(spreads: Sequence[Known]) -> str:
    """Where it is of something else than what is ahead."""
    work = " of other work" if any(one.of_other_work for one in spreads) else ""
    return work + (" of another design" if any(one.of_other_design for one in spreads) else "")


def _between(shares: Sequence[float]) -> str:
    """`6 %`, `6 % to 30 %`."""
    return " to ".join(dict.fromkeys(percent_words(one) for one in (min(shares), max(shares))))


# --- what stands behind it ----------------------------------------------------------------------


def _explained_cell(cell: CellOutlook) -> Iterator[str]:
    beside, measured = cell.overhead_s, cell.measured_s
    pause = f" + {format_roughly(cell.pause_s)} until results expire" if cell.pause_s else ""
    yield from _wrapped("", f"{printable(cell.name)}:")
    yield from _wrapped(
        "  time",
        f"{counted(cell.blocks, 'block')} of {_seconds(cell.block_s)}: "
        f"{_seconds(measured.value)} measured ({source(measured)}) + "
        f"{_seconds(beside.value)} beside it ({source(beside)}){pause}",
    )
    for one in cell.asked:
        yield from _wrapped(f"  {one.sum.what}", _sum_words(cell, one))
    yield from _wrapped(
        "  memory",
        f"{cell.processes} x {format_bytes(cell.worker_bytes.value)} of workers "
        f"({source(cell.worker_bytes)}), clients {format_bytes(cell.client_bytes.value)} "
        f"({source(cell.client_bytes)})",
    )


def _explained_sight(some: Sequence[Sight]) -> str:
    """`throughput, spread 1.6 % (run 4f1a9c): 10 pairs see 2 %, call 6.9 % a regression; ...`"""
    spread = some[0].spread
    assert spread is not None  # noqa: S101 - asked by the caller
    other = _of_what([spread])
    seen = [
        f"{one.pairs} pairs see {percent_words(one.effect)}, "
        f"call {percent_words(one.regression)} a regression"
        for one in some
        if one.effect is not None and one.regression is not None
    ]
    where = f"spread {percent_words(spread.value)} ({source(spread)}{other})"
    return f"{some[0].metric}, {where}: {'; '.join(seen)}"


def _shortened(name: str) -> str:
    """Both ends of a name that is longer than a line."""
    return name if len(name) <= _NAME else f"{name[: _NAME // 2 - 3]}...{name[-_NAME // 2 :]}"


def _seconds(seconds: float) -> str:
    """`4 s`, `0.25 s`, `2 min`."""
    return f"{seconds:.2g} s" if seconds < 9.95 else format_roughly(seconds)


def _wrapped(label: str, words: str) -> list[str]:
    inset = len(label) - len(label.lstrip()) if label.strip() else 0
    indent = " " * (inset + _LABEL if label else 2)
    lines = textwrap.wrap(
        re.sub(r"(?<=\d) (?=\S)", _BOUND, words),  # a number stays with its unit
        WIDTH,
        initial_indent=label.ljust(len(indent)) if label else "",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_BOUND, " ") for line in lines]


def _short(run: str) -> str:
    return run.rpartition("-")[2]
