"""What stands around the tables: heading, what went wrong, warnings. See `tables`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.report.answer.alternatives import answer_table
from harness.report.answer.answer import answer_of
from harness.report.answer.sentences import Sentence
from harness.report.tables.by_queue import queue_tables
from harness.report.tables.by_task import by_task_tables
from harness.report.tables.calls import call_tables
from harness.report.tables.children import children_tables
from harness.report.tables.costs import cost_tables
from harness.report.tables.effects import effect_tables
from harness.report.tables.faults import fault_tables
from harness.report.tables.main import Table, tables
from harness.report.tables.messages import message_option_tables
from harness.report.tables.networks import network_tables
from harness.report.tables.open_loop import open_loop_tables
from harness.report.tables.periodic import periodic_tables
from harness.report.tables.tracking import tracking_tables
from harness.report.tables.verdicts import verdict_cautions, verdict_tables
from harness.report.view.cells import CellView, RunView, counts_of
from harness.report.words.warnings import (
    unfinished_words,
    warning_detail,
    warning_rank,
    warning_sentence,
)
from harness.report.words.wording import server_words, trouble_words
from harness.results.events.ran_with import RanWith, stored_groups
from harness.results.judge.emulators import WORD
from harness.results.record.environment import Environment
from harness.results.record.run import BlockRecord, CellRecord, RecordedWarning, Resumption
from harness.results.store.continuing import split_rounds
from harness.scenario.files.wording import printable
from harness.scenario.models.configuration import says_groups
from harness.units import format_bytes

_ERROR_LINES = 30
_SOFTWARE = ("celery", "kombu", "amqp", "redis")
"""What decides how fast clients and workers are."""
_ENDED = {"killed": "been killed", "interrupted": "been interrupted", "failed": "failed"}
_PLACES = 4
"""Blocks of one cell that a warning names; the record has them all."""
_CELLS = 8
"""Cells that it names."""


@dataclass(frozen=True)
class Trouble:
    """Something that went wrong in one block."""

    where: str
    what: tuple[str, ...]
    """One sentence, and after it what a log said."""


@dataclass(frozen=True)
class Caution:
    """One kind of warning with every place where it was given."""

    sentence: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class Content:
    """A whole report, ready to be drawn. All texts are printable."""

    state: str
    """To be said first; empty for a complete run."""
    title: str
    question: str
    sentences: tuple[Sentence, ...]
    """The answer, without what `state` says."""
    glance: Table | None
    """The alternatives by what decides between them; stands with the answer."""
    facts: tuple[tuple[str, str], ...]
    """Name and value: servers of each configuration, machine, software, plan."""
    tables: tuple[Table, ...]
    remarks: tuple[str, ...]
    """On how the tables came about."""
    troubles: tuple[Trouble, ...]
    cautions: tuple[Caution, ...]
    folder: str


def content_of(view: RunView) -> Content:
    """All texts of a run's report, in the order in which every format shows them."""
    record, answer = view.record, answer_of(view)
    return Content(
        state=answer.banner,
        title=printable(f"{record.scenario.get('name', '-')}: run {record.run_id}"),
        question=printable(str(record.scenario.get("question") or "")),
        sentences=answer.told,
        glance=answer_table(view, answer.rows),
        facts=tuple((printable(name), printable(value)) for name, value in _facts(view)),
        tables=(
            *verdict_tables(view.gates, view.comparison),
            *effect_tables(view.effects),
            *open_loop_tables(view.cells),
            *periodic_tables(view.cells),
            *fault_tables(view.cells),
            *network_tables(view.cells),
            *tables(view),
            *call_tables(view),
            *tracking_tables(view),
            *children_tables(view),
            *by_task_tables(view),
            *queue_tables(view),
            *message_option_tables(view),
            *cost_tables(view),
        ),
        remarks=tuple(_remarks(view)),
        troubles=tuple(_troubles(view)),
        cautions=tuple(_cautions(view)),
        folder=printable(str(view.folder)),
    )


def _facts(view: RunView) -> Iterator[tuple[str, str]]:
    environment = view.record.environment
    several = any(_runs_other_software(cell.record, environment) for cell in view.cells)
    servers: dict[str, dict[str, str]] = {}
    for cell in view.cells:
        software = _software(cell.record) if several else ""
        words = _cell_facts(cell.record) + software + _revision(cell.record)
        servers.setdefault(cell.shown.configuration, {})[cell.shown.variant] = words
    for configuration, variants in servers.items():
        # Said once, unless an axis of the matrix leads into it.
        alike = len({*variants.values()}) == 1
        yield from [(configuration, next(iter(variants.values())))] if alike else variants.items()
    if view.names.everywhere:
        yield "everywhere", "; ".join(view.names.everywhere)
    memory = format_bytes(environment.memory_bytes)
    yield (
        "machine",
        f"{environment.cpu}, {environment.cores} cores, {memory}, {environment.kernel}",
    )
    if environment.affinity:
        pinned = (f"{role} {cores}" for role, cores in environment.affinity.items())
        yield "affinity", f"kept to cores: {', '.join(pinned)}"
    packages = [f"{name} {environment.packages.get(name, '-')}" for name in ("celery", "kombu")]
    yield (
        "software",
        ", ".join([environment.python, *packages, f"harness {environment.harness}{_git(view)}"]),
    )
    if (project := _project(view)) is not None:
        yield "project", project
    yield "started", _moment(view.record.started_at)
    if view.record.resumptions:
        yield "resumed", "; ".join(map(_resumed, view.record.resumptions))


def _resumed(one: Resumption) -> str:
    return f"{_moment(one.at)}, after it had {_ENDED[one.after]}, from block {one.first_block} on"


def _moment(stamp: str) -> str:
    return f"{stamp[:19].replace('T', ' ')} UTC"


def _git(view: RunView) -> str:
    """The harness' own commit, where it ran from a checkout."""
    environment = view.record.environment
    if not (commit := environment.harness_commit):
        return ""
    changed = environment.git_dirty and environment.git_commit == commit
    return f" (git {commit[:9]}{', with uncommitted changes' if changed else ''})"


def _project(view: RunView) -> str | None:
    """The commit of the folder that the run was started in, where that is not the harness'."""
    environment = view.record.environment
    commit = environment.git_commit
    if not commit or commit == environment.harness_commit:
        return None
    changed = ", with uncommitted changes" if environment.git_dirty else ""
    return f"git {commit[:9]}{changed}, of the folder that the run was started in"


def _runs_other_software(cell: CellRecord, environment: Environment) -> bool:
    """Whether its clients and workers ran under other packages than the harness."""
    return any(
        environment.packages.get(name) != cell.packages.get(name)
        for name in _SOFTWARE
        if cell.packages
    )


def _software(cell: CellRecord) -> str:
    named = [f"{name} {cell.packages[name]}" for name in _SOFTWARE if name in cell.packages]
    return "".join(f"; {words}" for words in [", ".join(named)] if words)


def _revision(cell: CellRecord) -> str:
    """What of the project it ran, where that is not the folder that the run was started in."""
    if not cell.project_commit:
        return ""
    changed = " with uncommitted changes" if cell.project_dirty else ""
    return f"; project's git {cell.project_commit[:9]}{changed}"


def _cell_facts(cell: CellRecord) -> str:
    broker, backend = cell.servers.get("broker"), cell.servers.get("backend")
    if broker is None:
        servers = "no server was ready"
    elif backend is None:
        servers = f"{server_words(broker)}; no results"
    elif backend == broker:
        servers = f"{server_words(broker)}; results there too"
    else:
        servers = f"{server_words(broker)}; results in {server_words(backend)}"
    groups = stored_groups(_reports(cell), cell.config)
    known = any(one.reported for one in groups.values()) or says_groups(cell.config)
    words = [
        f"{name}: {_group_words(one)}" if len(groups) > 1 else _group_words(one)
        for name, one in groups.items()
    ]
    return f"{servers}; {'; '.join(words) if known else '1 worker, -, concurrency -'}"


def _group_words(ran: RanWith) -> str:
    """`2 workers, prefork, concurrency 4`."""
    return f"{ran.count} {'worker' if ran.count == 1 else 'workers'}, {_pool_words(ran)}"


def _reports(cell: CellRecord) -> tuple[RanWith, ...]:
    return tuple(report for block in cell.blocks for report in block.ran_with)


def _pool_words(ran: RanWith) -> str:
    """What the workers ran with, not what the configuration says: options may overrule it."""
    size = f"{ran.concurrency}"
    if ran.autoscales:
        size = f"{ran.least_concurrency} to {ran.concurrency} (autoscale)"
    return f"{printable(ran.pool)}, concurrency {size}"


def _remarks(view: RunView) -> Iterator[str]:
    if view.comparison is not None:
        yield from verdict_cautions(view.comparison)
    if again := len(view.record.broken_off):
        blocks = "1 block was" if again == 1 else f"{again} blocks were"
        yield f"{blocks} broken off and measured again; what they had left is in broken-off/."
    if split := split_rounds(view.record):
        rounds = "a repetition" if split == 1 else f"{split} repetitions"
        yield f"The blocks of {rounds} were not measured together: the run was resumed in between."
    most = max((len(cell.blocks) for cell in view.cells), default=0)
    if most > 1:
        yield (
            "Where a cell has several blocks, rates and CPU are their median, percentiles and "
            "means those of all their units together."
        )
    if any(cell.by_block for cell in view.cells):
        yield (
            "Raw samples of some blocks are not in the folder, or not as the record says. A mean "
            "of percentiles is no percentile, so these cells' latencies stand block by block."
        )
    if any(cell.record.emulated for cell in view.cells):
        yield f"{WORD}: not a figure of the real service. Compare settings with it, not brokers."
    for cell in view.cells:
        if len(cell.blocks) < cell.planned:
            done = f"{len(cell.blocks)} of {cell.planned} blocks were run"
            yield f"{printable(cell.shown.name)}: {done}."


def _troubles(view: RunView) -> Iterator[Trouble]:
    for cell in view.cells:
        for block in cell.blocks:
            if block.status == "failed":
                yield Trouble(_where(cell, block), _said("could not be measured", block.error))
            elif block.error:
                yield Trouble(_where(cell, block), _said("cut short", block.error))
            beside = list(beside_units(block))
            for one in beside:
                yield Trouble(_where(cell, block), (beside_words(one),))
            if (block.units or block.status != "failed") and not block_is_sound(block):
                words = trouble_words(counts_of([block]))
                yield Trouble(_where(cell, block), (words, *map(printable, block.mismatches)))
            said = any(one.code in _UNFINISHED for one in beside)
            if block.unfinished and block.unattributed is None and not said:
                left = {name: one.model_dump() for name, one in block.unfinished.items()}
                words = f"still under way in the end: {unfinished_words(left)}"
                yield Trouble(_where(cell, block), (words,))


_BESIDE_UNITS = {
    "worker_fell": "",
    "beat_fell": "",
    "silent_worker": "silent worker, ",
    "never_at_rest": "unfinished: ",
    "out_of_time": "unfinished, ",
}
_UNFINISHED = ("never_at_rest", "out_of_time")


def beside_units(block: BlockRecord) -> Iterator[RecordedWarning]:
    """What makes a block not as expected though the counts of its units do not show it: a worker or
    beat that ended by itself, a silent worker, tasks that were not at rest."""
    if block.as_expected:
        return
    # Where something was broken on purpose, that not all came to rest is no finding.
    unfinished = _UNFINISHED if block.unattributed is not None else ()
    for one in block.warnings:
        if one.code in _BESIDE_UNITS and one.code not in unfinished:
            yield one


def beside_words(one: RecordedWarning) -> str:
    """A warning about what stands beside the units, in words."""
    return _BESIDE_UNITS[one.code] + warning_detail(one.code, one.data)


def _said(what: str, error: str) -> tuple[str, ...]:
    """The error's first line as a sentence, and after it what it quotes of a log."""
    lines = [printable(line) for line in error.strip().splitlines()]
    first, *rest = lines or ["no reason was recorded"]
    shown = rest[:_ERROR_LINES]
    if len(rest) > len(shown):
        shown.append(f"... and {len(rest) - len(shown)} more lines in run.json")
    return (f"{what}: {first}", *shown)


def block_is_sound(block: BlockRecord) -> bool:
    """Whether it has units, and each ended as it was meant to, once."""
    return block.sound and block.completed > 0


def _cautions(view: RunView) -> Iterator[Caution]:
    """One per code, causes first; its first cells, of each the first blocks, and how many more
    there are."""
    given: dict[str, list[str]] = {}
    for warning in view.record.warnings:
        detail = warning_detail(warning.code, warning.data)
        given.setdefault(warning.code, []).append(": ".join(filter(None, ["the run", detail])))
    for cell in view.cells:
        by_code: dict[str, list[tuple[BlockRecord, RecordedWarning]]] = {}
        for block in cell.blocks:
            for warning in block.warnings:
                by_code.setdefault(warning.code, []).append((block, warning))
        for code, found in by_code.items():
            given.setdefault(code, []).append(_place(cell, found))
    for code, places in sorted(given.items(), key=lambda one: warning_rank(one[0])):
        shown = places[:_CELLS]
        if len(places) > len(shown):
            shown.append(f"... and {len(places) - len(shown)} more in run.json")
        yield Caution(warning_sentence(code), tuple(shown))


def _place(cell: CellView, found: Sequence[tuple[BlockRecord, RecordedWarning]]) -> str:
    details = [warning_detail(warning.code, warning.data) for _, warning in found]
    if _is_only_block(cell):
        return ": ".join(filter(None, [_cell_name(cell), details[0]]))
    numbers: dict[str, list[str]] = {}
    for (block, _), detail in zip(found[:_PLACES], details, strict=False):
        numbers.setdefault(detail, []).append(str(block.number))
    words = [_of_blocks(detail, of) for detail, of in numbers.items()]
    if len(found) > _PLACES:
        words.append(f"{len(found) - _PLACES} more blocks")
    return f"{_cell_name(cell)}: {', '.join(words)}"


def _of_blocks(detail: str, numbers: Sequence[str]) -> str:
    blocks = f"block{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
    return f"{detail} ({blocks})" if detail else blocks


def _where(cell: CellView, block: BlockRecord) -> str:
    return _cell_name(cell) + ("" if _is_only_block(cell) else f", block {block.number}")


def _cell_name(cell: CellView) -> str:
    return cell.label


def _is_only_block(cell: CellView) -> bool:
    return cell.planned == 1 and len(cell.blocks) == 1
