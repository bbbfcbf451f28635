"""One row per block. The columns are documented in results/README.md and only ever added to."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping

from harness.report.view.cells import RunView
from harness.report.words.escaping import spreadsheet_text
from harness.report.words.look import Look
from harness.report.words.wording import server_words
from harness.results.record.distributions import PHASES, Distribution, Outcomes
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.scenario.files.wording import printable

Value = str | float | None
_LATENCY = ("mean", "min", "p50", "p90", "p95", "p99", "p999", "max")
_CALLS = ("publish_call", "store_call")
_CANVAS = ("hop", "member_spread", "join")
_STEPS = ("fan_out", "join_delay")
_TRACKING = ("learned_late", "started_late")


def as_csv(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """Header and rows, in the order in which the blocks ran. Nothing is an empty field."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for block in view.record.blocks:
        cell = view.record.cells[block.cell]
        writer.writerow({name: _field(value) for name, value in _row(view.record, cell, block)})
    return file.getvalue()


def _row(record: RunRecord, cell: CellRecord, block: BlockRecord) -> list[tuple[str, Value]]:
    return list(
        {
            **_names(record, cell, block),
            **_figures(block),
            **_ledger(block),
            **_costs(block),
            **_open_loop(block),
            **_canvas(block),
            **_schedule(block),
        }.items()
    )


def _names(record: RunRecord, cell: CellRecord, block: BlockRecord) -> Mapping[str, Value]:
    servers = {role: server_words(server) for role, server in cell.servers.items()}
    return {
        "run": record.run_id,
        "run_status": record.status,
        "block": block.number,
        "status": block.status,
        "cell": cell.name,
        "repetition": block.repetition,
        "configuration": str(cell.config.get("name", "")),
        "workload": str(cell.workload.get("workload", "")),
        "load": str(cell.load.get("load", "")),
        "broker": servers.get("broker"),
        "backend": servers.get("backend"),
        "emulator": "yes" if cell.emulated else "no",
        "started_at": block.started_at,
    }


def _figures(block: BlockRecord) -> Mapping[str, Value]:
    latency = {f"latency_{name}_s": getattr(block.latency_s, name) for name in _LATENCY}
    return {
        "units": block.units,
        "tasks": block.tasks,
        "window_s": block.window_s,
        "throughput_per_s": block.throughput_per_s,
        "tasks_per_s": block.tasks_per_s,
        "publish_rate_per_s": block.publish_rate_per_s,
        "latency_basis": block.latency_basis,
        "latency_count": block.latency_s.count,
        **latency,
        **_means(PHASES, block.phases_s),
        **_means(_CALLS, block.calls_s),
        **_means(_CANVAS, block.canvas_s),
        "worker_cpu_ms_per_task": block.worker_cpu_ms_per_task,
        "client_cpu_ms_per_task": block.client_cpu_ms_per_task,
        "worker_peak_rss_bytes": block.worker_peak_rss_bytes,
        "client_peak_rss_bytes": block.client_peak_rss_bytes,
    }


def _ledger(block: BlockRecord) -> Mapping[str, Value]:
    return {
        **{name: getattr(block.outcomes, name) for name in Outcomes.model_fields},
        "failed_as_meant": block.failed_as_meant,
        "duplicated": block.duplicated,
        "warnings": " ".join(warning.code for warning in block.warnings),
        "error": block.error,
    }


def _costs(block: BlockRecord) -> Mapping[str, Value]:
    return {
        "broker_cpu_ms_per_task": block.broker_cpu_ms_per_task,
        "backend_cpu_ms_per_task": block.backend_cpu_ms_per_task,
        "broker_peak_rss_bytes": block.broker_peak_rss_bytes,
        "backend_peak_rss_bytes": block.backend_peak_rss_bytes,
        "dollars_per_million_tasks": block.dollars_per_million_tasks,
    }


def _open_loop(block: BlockRecord) -> Mapping[str, Value]:
    found = block.saturation
    return {
        "planned_per_s": block.planned_per_s,
        "sent_per_s": block.sent_per_s,
        "unsent": block.unsent,
        "client_limited": "yes" if block.client_limited else "no",
        "saturation_per_s": None if found is None else found.rate_per_s,
        "stopped_by": None if found is None else found.stopped_by,
    }


def _canvas(block: BlockRecord) -> Mapping[str, Value]:
    return {
        **_means(_STEPS, block.canvas_s),
        "calls_per_task": block.calls_per_task,
        **_means(_TRACKING, block.tracking_s),
        "looks_per_unit": block.looks_per_unit,
        "started_seen": block.started_seen,
        "unlock_looks_per_unit": block.unlock_looks_per_unit,
    }


_PLAN = ("expected", "fires", "missed", "doubled", "slipped", "drift_per_hour_s", "behind_max_s")


def _schedule(block: BlockRecord) -> Mapping[str, Value]:
    one, none = block.periodic, Distribution(count=0)
    kept = {f"schedule_{name}": None if one is None else getattr(one, name) for name in _PLAN}
    late = {
        "due_to_sent": none if one is None else one.due_to_sent_s,
        "sent_to_started": none if one is None else one.sent_to_started_s,
    }
    quantiles = {
        f"{name}_{quantile}_s": getattr(found, quantile)
        for name, found in late.items()
        for quantile in ("p50", "p99", "max")
    }
    return kept | quantiles


def _means(names: tuple[str, ...], found: Mapping[str, Distribution]) -> Mapping[str, Value]:
    none = Distribution(count=0)
    return {f"{name}_mean_s": found.get(name, none).mean for name in names}


def _field(value: Value) -> str | float:
    if value is None:
        return ""
    return spreadsheet_text(printable(value)) if isinstance(value, str) else value


def _columns() -> tuple[str, ...]:
    block = BlockRecord(number=0, cell=0, repetition=0, status="complete", started_at="")
    parts: tuple[Callable[[BlockRecord], Mapping[str, Value]], ...] = (
        _figures,
        _ledger,
        _costs,
        _open_loop,
        _canvas,
        _schedule,
    )
    names = (
        *("run", "run_status", "block", "status", "cell", "repetition", "configuration"),
        *("workload", "load", "broker", "backend", "emulator", "started_at"),
    )
    return (*names, *(name for part in parts for name in part(block)))


COLUMNS = _columns()
