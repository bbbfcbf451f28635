"""Sentences of work that is divided: parts of a mix, queues, worker groups.

What dividing the workers did is told part by part, between two cells that differ in their groups;
what went wrong in one cell is told of a queue: nobody consumed it, it grew, or its tasks waited
while another group stood idle. Percentiles of a part are those of the table *By task*, of all
samples together; those of a queue the median of the blocks' own.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.report.answer.naming import Names
from harness.report.answer.sentences import LONGEST, Sentence, clauses
from harness.report.view.cells import CellView
from harness.results.block.summary import FEW_SAMPLES
from harness.results.record.by_task import PartRecord
from harness.results.record.distributions import Distribution
from harness.results.record.queues_and_groups import GroupRecord, QueueRecord
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import TimesOfQueue, measured_blocks
from harness.scenario.files.wording import listed, printable
from harness.scenario.models.configuration import groups_of
from harness.units import format_duration, format_number

_GAIN = 2.0
"""By how many times the p99 of a part has to be lower in every block to be told."""
_UNLIKE = 5.0
"""By how many times the p99 of one part has to be that of another for both to be told."""
_PAID = 1.2
"""From how many times on a part's p99 being higher is a price."""
_SLOWER = 5.0
"""By how many times a task has to run longer than another to be what that one waited for."""
_OF_THE_ORDER = 0.4
"""Of a slow task's run: a wait of this much is of its order."""
_LONG_WAIT_S = 0.2
_IDLE = 0.4
"""Share of a group's slots that is worth to be told as idle."""
_MOST = 2


def dividing_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """Of every two cells that differ in their groups of workers and do the same work, the part that
    gains most, and who pays for it."""
    for base, head in list(_divided_pairs(cells, names))[:_MOST]:
        sentence = _gain(base, head, names)
        if sentence is not None:
            yield sentence


def part_sentences(
    cells: Sequence[CellView], names: Names, told: Collection[str]
) -> Iterator[Sentence]:
    """How long the parts of each mix take, of cells of which nothing is `told` yet; where in any of
    them one part takes much longer than another, or where there is one cell, which has nothing else
    to be compared by."""
    known = {cell.name: _timed_parts(cell) for cell in cells}
    alone = len(cells) == 1 and any(len(parts) > 1 for parts in known.values())
    if not alone and not any(_unlike(parts) for parts in known.values()):
        return
    for cell in cells:
        if known[cell.name] and cell.name not in told:
            text = _parts_in_words(known[cell.name], backlog=cell.backlog, halves=alone)
            text = f"{names.of(cell.name)}: {text}."
            yield Sentence("parts", text, (cell.name,), ("latency.total",))


def _timed_parts(cell: CellView) -> Mapping[str, _Part]:
    return {name: part for name, part in _parts(cell).items() if part.typical_s}


def _unlike(parts: Mapping[str, _Part]) -> bool:
    times_s = [part.typical_s for part in parts.values()]
    return bool(times_s) and max(times_s) >= _UNLIKE * min(times_s)


def _parts_in_words(parts: Mapping[str, _Part], *, backlog: bool, halves: bool) -> str:
    """`99 % of fast take up to 45.0 ms, of slow 5.20 s`; with `halves` what half of each take."""
    does = "are done within" if backlog else "take up to"
    words, before = list[str](), None
    for name, part in parts.items():
        same = before is not None and before.few is part.few is False
        time = format_duration(part.typical_s)
        said = f"of {printable(name)} {time}" if same else part.takes(name, does)
        words.append(f"{said} (half up to {format_duration(part.half_s)})" if halves else said)
        before = part
    return clauses(words, LONGEST)


def _divided_pairs(cells: Sequence[CellView], names: Names) -> Iterator[tuple[CellView, CellView]]:
    """One with fewer groups, and one with more: neighbours in the order of the run."""
    by_work: dict[str, list[CellView]] = {}
    for cell in cells:
        if len(_parts(cell)) > 1 and not cell.backlog:
            by_work.setdefault(names.points[cell.name].work, []).append(cell)
    for alike in by_work.values():
        one_pool = [cell for cell in alike if _group_count(cell) == 1]
        several = [cell for cell in alike if _group_count(cell) > 1]
        for base in one_pool:
            for head in several:
                same_broker = base.record.servers.get("broker") == head.record.servers.get("broker")
                if same_broker and base.record.emulated == head.record.emulated:
                    yield base, head


def _group_count(cell: CellView) -> int:
    return len(groups_of(cell.record.config))


@dataclass(frozen=True)
class _Part:
    """One part of a mix in one cell, over its blocks."""

    p99_s: tuple[float, ...]
    """Of each block."""
    run_s: float
    typical_s: float
    """The p99 of its latency, of all blocks together; where samples are missing the median of the
    blocks' own."""
    half_s: float
    """The p50, likewise."""
    few: bool
    """Whether that is of so few units that it is the slowest one's."""

    def takes(self, name: str, does: str = "take up to") -> str:
        """`99 % of fast take up to 45.0 ms`, `the slowest of slow takes 5.20 s`."""
        time = format_duration(self.typical_s)
        if self.few:
            return f"the slowest of {printable(name)} takes {time}"
        return f"99 % of {printable(name)} {does} {time}"


def _parts(cell: CellView) -> Mapping[str, _Part]:
    """Parts of which every measured block has a p99."""
    blocks = measured_blocks(cell.record)
    found: dict[str, list[PartRecord]] = {}
    for block in blocks:
        for one in block.by_task:
            found.setdefault(one.task, []).append(one)
    return {
        name: _part(ones, cell.parts_s.get(name, Distribution(count=0)))
        for name, ones in found.items()
        if len(ones) == len(blocks) and all(one.latency_s.count for one in ones)
    }


def _part(ones: Sequence[PartRecord], together: Distribution) -> _Part:
    p99_s = tuple(_p99(one.latency_s) for one in ones)
    count = together.count or min(one.latency_s.count for one in ones)
    return _Part(
        p99_s,
        statistics.median(one.run_s.mean or 0.0 for one in ones),
        _p99(together) or statistics.median(p99_s),
        together.p50 or statistics.median(one.latency_s.p50 or 0.0 for one in ones),
        few=count < FEW_SAMPLES,
    )


def _gain(base: CellView, head: CellView, names: Names) -> Sentence | None:
    before, after = _parts(base), _parts(head)
    gains = _longer(before, after)
    best = max(gains, key=lambda name: gains[name], default=None)
    if best is None or gains[best] < _GAIN:
        return None
    pair = names.pair(base.name, head.name)
    slow = _slow_neighbour(best, before)
    because = ""
    if slow is not None:
        long = format_duration(before[slow].run_s)
        because = f", behind tasks of {printable(slow)} that run for {long}"
    same = before[best].few is after[best].few
    now = format_duration(after[best].typical_s) if same else after[best].takes(best)
    text = (
        f"With {pair.base}{pair.where}, {before[best].takes(best)}{because}; with {pair.head} "
        f"{now}{_price(before, after)}."
    )
    return Sentence("parts", text, (base.name, head.name), ("latency.total", "phase.run"))


def _slow_neighbour(part: str, parts: Mapping[str, _Part]) -> str | None:
    """The part whose tasks run as long as this one's wait: much longer than its own run."""
    own = parts[part]
    slow = [
        name
        for name, other in parts.items()
        if other.run_s >= _SLOWER * own.run_s and own.typical_s >= _OF_THE_ORDER * other.run_s
    ]
    return max(slow, key=lambda name: parts[name].run_s, default=None)


def _longer(one: Mapping[str, _Part], other: Mapping[str, _Part]) -> Mapping[str, float]:
    """How many times as long as in the other cell each part takes that takes longer in every
    block."""
    return {
        name: part.typical_s / other[name].typical_s
        for name, part in one.items()
        if name in other and min(part.p99_s) > max(other[name].p99_s) > 0
    }


def _price(before: Mapping[str, _Part], after: Mapping[str, _Part]) -> str:
    """The part that takes longer than it did, in every block; empty where none does."""
    paid = _longer(after, before)
    worst = max(paid, key=lambda name: paid[name], default=None)
    if worst is None or paid[worst] < _PAID:
        return ""
    times = (format_duration(part[worst].typical_s) for part in (before, after))
    return f", and {printable(worst)} pays: {' -> '.join(times)}"


# --- queues of one cell ---------------------------------------------------------------------------


def queue_sentences(cells: Sequence[CellView], names: Names) -> Iterator[Sentence]:
    """What went wrong with single queues."""
    yield from (one for cell in cells for one in _unconsumed(cell, names))
    yield from (one for cell in cells for one in _strayed(cell, names))
    yield from (one for cell in cells for one in _grown(cell, names))
    yield from (one for cell in cells for one in _starved(cell, names))


def _queues(cell: CellView) -> Mapping[str, list[QueueRecord]]:
    found: dict[str, list[QueueRecord]] = {}
    for block in measured_blocks(cell.record):
        for one in block.by_queue:
            found.setdefault(one.name, []).append(one)
    return found


def _unconsumed(cell: CellView, names: Names) -> Iterator[Sentence]:
    for name, ones in _queues(cell).items():
        waited = max(one.left or 0 for one in ones)
        if any(one.groups for one in ones) or not (waited or any(one.published for one in ones)):
            continue
        count = waited or max(one.published - one.received for one in ones)
        text = f"{names.of(cell.name)}: nobody consumed queue {printable(name)}"
        text += f": {count:,} messages waited there in the end." if count else "."
        yield Sentence("why", text, (cell.name,), ("depth.left",), flagged=True)


def _strayed(cell: CellView, names: Names) -> Iterator[Sentence]:
    """Queues that nobody had named, with what waited there in the block with most of it."""
    waited: dict[str, int] = {}
    for block in cell.blocks:
        for warning in block.warnings:
            if warning.code == "stray_queues":
                for name, count in warning.data["queues"].items():
                    waited[name] = max(int(count), waited.get(name, 0))
    for name, count in waited.items():
        text = (
            f"{names.of(cell.name)}: nobody consumed queue {printable(name)}, which appeared while "
            f"it ran: {count:,} messages waited there in the end."
        )
        yield Sentence("why", text, (cell.name,), flagged=True)


def _grown(cell: CellView, names: Names) -> Iterator[Sentence]:
    for name, ones in _queues(cell).items():
        rates = [one.grew_per_s for one in ones]
        growing = [rate for rate in rates if rate is not None]
        if len(growing) < len(rates) or not growing or not all(one.groups for one in ones):
            continue
        who = listed(dict.fromkeys(group for one in ones for group in one.groups))
        # Nobody keeps up whom a fault has ended: what it did is told by itself.
        faulty = any(block.faults for block in measured_blocks(cell.record))
        why = "in blocks with faults" if faulty else f"{printable(who)} does not keep up"
        text = (
            f"{names.of(cell.name)}: queue {printable(name)} grew by "
            f"{format_number(statistics.median(growing))} messages/s as long as units were sent, "
            f"to {max(one.most_depth or 0 for one in ones):,}: "
            f"{why}."
        )
        yield Sentence("why", text, (cell.name,), ("depth.max",), flagged=True)


def _starved(cell: CellView, names: Names) -> Iterator[Sentence]:
    """The queue whose tasks waited longest, beside the group that had most to spare and does not
    consume it; of blocks that all show it."""
    blocks = [block for block in measured_blocks(cell.record) if block.by_queue and block.by_group]
    found = [_starving(block) for block in blocks]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found) or len({(q, g) for q, g, _, _ in known}) > 1:
        return
    queue, group, _, _ = known[0]
    idle = statistics.median(one[3] for one in known)
    units = min(
        one.queue_s.count for block in blocks for one in block.by_queue if one.name == queue
    )
    wait_s = statistics.median(one[2] for one in known)
    if (together := cell.queues_s.get(queue)) is not None:
        units, wait_s = together.queue_s.count, _wait_s(together)
    wait = format_duration(wait_s)
    said = f"1 % of the tasks of queue {printable(queue)} waited for {wait} and more"
    if units < FEW_SAMPLES:
        said = f"a task of queue {printable(queue)} waited for {wait}"
    text = (
        f"{names.of(cell.name)}: {said}, while group {printable(group)} had "
        f"{100 * idle:.0f} % of its slots idle."
    )
    yield Sentence("why", text, (cell.name,), ("phase.queue", "busy_share"))


def _starving(block: BlockRecord) -> tuple[str, str, float, float] | None:
    """Queue, group beside it, what 1 % of the queue's units waited at least, idle share. Nothing
    where tasks were asked to wait: queue and dispatch hold their countdown, which no slot ends."""
    if block.lateness_s.count:
        return None
    waited = {one.name: wait for one in block.by_queue if (wait := _long_wait(one)) is not None}
    queue = max(waited, key=lambda name: waited[name], default=None)
    if queue is None:
        return None
    spare = [(_idle(one), one.name) for one in block.by_group if queue not in one.queues]
    if not spare or max(spare)[0] < _IDLE:
        return None
    idle, group = max(spare)
    return queue, group, waited[queue], idle


def _long_wait(queue: QueueRecord) -> float | None:
    """The p99 of its queue phase and that of dispatch, where it is long beside the run: a worker
    may have taken the messages and let them wait itself."""
    if not queue.groups or not queue.queue_s.count:
        return None
    wait_s = _wait_s(queue)
    long = wait_s >= max(_LONG_WAIT_S, _SLOWER * (queue.run_s.p50 or 0.0))
    return wait_s if long else None


def _wait_s(queue: QueueRecord | TimesOfQueue) -> float:
    return max(_p99(queue.queue_s), _p99(queue.dispatch_s))


def _p99(spread: Distribution) -> float:
    return spread.p99 or 0.0


def _idle(group: GroupRecord) -> float:
    return 0.0 if group.busy_share is None else 1 - min(1.0, group.busy_share)
