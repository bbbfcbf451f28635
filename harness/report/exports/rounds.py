"""What every export takes from a cell: a data point per block, and what has to be known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from harness.errors import RecordError
from harness.figures.table import FIGURES
from harness.report.formats.content import beside_units, beside_words
from harness.report.view.cells import CellView, Figures, RunView
from harness.report.words.warnings import warning_sentence
from harness.report.words.wording import server_words, trouble_words
from harness.results.judge.emulators import cell_label
from harness.results.record.stored import Plain
from harness.results.samples.pooled import measured_blocks
from harness.scenario.files.wording import printable

_ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class Round:
    """One measured block as a benchmark tool sees it."""

    block: int
    """Number of the block in the run."""
    status: str
    seconds_per_unit: float
    """Wall-clock seconds per completed unit: the inverse of the block's throughput."""


def rounds_of(cell: CellView) -> tuple[Round, ...]:
    """The blocks in which at least one unit was completed, in their order."""
    return tuple(
        Round(block.number, block.status, 1 / block.throughput_per_s)
        for block in measured_blocks(cell.record)
        if block.throughput_per_s
    )


def exported_name(cell: CellView) -> str:
    """The cell's name, fit for one line. An emulator is called one, also in a tool's history."""
    return cell_label(cell.record)


def remarks_of(cell: CellView) -> tuple[str, ...]:
    """What a reader of the cell's figures has to know, each on one line; empty if all is well."""
    emulator = ("emulator: not a figure of the real service",) if cell.record.emulated else ()
    return (*emulator, *troubles_of(cell))


def troubles_of(cell: CellView) -> tuple[str, ...]:
    """What went wrong in the cell; empty exactly if it is `healthy`."""
    return tuple(printable(trouble) for trouble in _troubles(cell))


def _troubles(cell: CellView) -> Iterator[str]:
    if not cell.blocks:
        yield f"not run: none of {cell.planned} blocks"
        return
    if not cell.figures.counts.sound:
        yield trouble_words(cell.figures.counts)
    for block in cell.blocks:
        if block.status == "failed":
            first = next(iter(block.error.strip().splitlines()), "no reason was recorded")
            yield f"block {block.number} could not be measured: {first[:_ERROR_CHARACTERS]}"
        elif block.status == "partial":
            yield f"block {block.number} was stopped early"
        for one in beside_units(block):
            yield f"block {block.number}: {beside_words(one)}"
    if len(cell.blocks) < cell.planned:
        yield f"{len(cell.blocks)} of {cell.planned} blocks were run"


def warning_codes_of(cell: CellView) -> tuple[str, ...]:
    """Which kinds of warnings its blocks were given, each once, see `report.words.warnings`."""
    codes = (warning.code for block in cell.blocks for warning in block.warnings)
    return tuple(dict.fromkeys(map(printable, codes)))


def healthy(cell: CellView) -> bool:
    """All planned blocks were measured to their end, and each unit ended as meant, once."""
    complete = sum(block.status == "complete" for block in cell.blocks)
    beside = any(any(beside_units(block)) for block in cell.blocks)
    return complete == cell.planned and cell.figures.counts.sound and not beside


def ledger_of(cell: CellView) -> dict[str, int]:
    """Every outcome with its count over all blocks; zeros included."""
    counts = cell.figures.counts
    return {
        "ok": counts.completed - counts.failed_as_meant,
        "failed_as_meant": counts.failed_as_meant,
        "failed": counts.failed,
        "wrong": counts.wrong,
        "lost": counts.lost,
        "timed_out": counts.timed_out,
        "duplicated": counts.duplicated,
    }


def details_of(cell: CellView) -> Plain:
    """Percentiles, phases, outcomes and servers, for tools that carry further data along."""
    figures = cell.figures
    latency = figures.latency_s
    return {
        "healthy": healthy(cell),
        "remarks": list(remarks_of(cell)),
        "warnings": [warning_sentence(code) for code in warning_codes_of(cell)],
        "emulator": cell.record.emulated,
        "project_commit": cell.record.project_commit,
        "outcomes": ledger_of(cell),
        "lost_stages": dict(figures.counts.loss),
        "blocks_planned": cell.planned,
        "blocks": [_block_details(cell, index) for index in range(len(cell.blocks))],
        "throughput_per_s": figures.throughput_per_s and asdict(figures.throughput_per_s),
        "latency_basis": "finished" if cell.unwatched else "seen",
        "latency_s": None if latency is None else latency.model_dump(mode="json"),
        "mean_s": _means(figures),
        "worker_cpu_ms_per_task": figures.worker_cpu_ms_per_task
        and asdict(figures.worker_cpu_ms_per_task),
        "figures": {name: asdict(spread) for name, spread in figures.spreads.items()},
        "servers": {
            role: server_words(server) for role, server in sorted(cell.record.servers.items())
        },
    }


def _means(figures: Figures) -> dict[str, float]:
    """By the columns of CSV and SQL, the phases and their `total` first. Of a cell's times."""
    return {
        "total" if row.name == "latency.total" else row.column: figures.mean_s[row.name]
        for row in sorted(FIGURES, key=lambda row: not row.name.startswith("phase."))
        if row.name in figures.mean_s
    }


def _block_details(cell: CellView, index: int) -> Plain:
    block = cell.blocks[index]
    figures: Plain = {}
    if block.status != "failed":  # a failed block's figures are in no report either
        figures = {
            "throughput_per_s": block.throughput_per_s,
            "latency_s": block.latency_s.model_dump(mode="json"),
        }
    return {
        "block": block.number,
        "status": block.status,
        "units": block.units,
        **figures,
        "outcomes": block.outcomes.model_dump(mode="json"),
        "duplicated": block.duplicated,
        "warnings": [warning.code for warning in block.warnings],
    }


def parameters_of(view: RunView, cell: CellView) -> dict[str, str]:
    """What sets the cell apart, with the same keys for every cell of the run."""
    axes = dict.fromkeys(path for other in view.cells for path in other.record.axes)
    return {
        "configuration": printable(str(cell.record.config.get("name", cell.variant))),
        "workload": printable(cell.work.partition("/")[0]),
        "load": printable(cell.work.partition("/")[2]),
    } | {printable(path): printable(str(cell.record.axes.get(path, ""))) for path in axes}


def with_rounds(view: RunView, form: str) -> tuple[list[CellView], list[CellView]]:
    """The cells that have a data point, and those that have none.

    RecordError if no cell has one: such a file would say nothing, or not be read at all.
    """
    found = [cell for cell in view.cells if rounds_of(cell)]
    if not found:
        raise RecordError(
            f"{view.folder}: no cell of this run has a completed unit, so there is nothing that "
            f"{form} could hold; harness report shows what went wrong"
        )
    return found, [cell for cell in view.cells if not rounds_of(cell)]
