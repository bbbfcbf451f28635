"""What a task costs: CPU, memory, traffic, and money where requests are sold."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.tables.main import Column, Table, figure_column, table_of
from harness.report.view.cells import RunView
from harness.results.record.run import BlockRecord
from harness.scenario.files.wording import listed, printable


def cost_tables(view: RunView) -> tuple[Table, ...]:
    """The tables of costs that have a figure."""
    found = (
        table_of("What a task costs: CPU time", view.cells, _CPU, _CPU_NOTE),
        table_of("Peak memory", view.cells, _MEMORY, _MEMORY_NOTE),
        table_of("What a task costs: traffic", view.cells, _TRAFFIC, _TRAFFIC_NOTE + _prices(view)),
        table_of("Results left in the backend", view.cells, _LEFT, _LEFT_NOTE),
    )
    return tuple(table for table in found if table is not None)


def _prices(view: RunView) -> str:
    """Of which day the dollars are. An emulator asks nothing for a request: AWS would."""
    priced = [
        block
        for cell in view.cells
        for block in cell.blocks
        if block.dollars_per_million_tasks is not None
    ]
    if not priced:
        return ""
    return f" $/million: what a million tasks' billed requests cost, at {price_words(priced)}."


def price_words(blocks: Sequence[BlockRecord]) -> str:
    """Whose prices dollars rest on, and of which day: `prices of 2026-06-13 (my contract)`."""
    priced = [block for block in blocks if block.dollars_per_million_tasks is not None]
    words = [
        f"prices of {block.prices_date}"
        + (f" ({block.prices_source})" if block.prices_source else "")
        for block in priced
    ]
    return printable(listed(dict.fromkeys(words)))


def _columns(*names: str) -> tuple[Column, ...]:
    return tuple(map(figure_column, names))


_CPU = _columns("worker_cpu", "client_cpu", "broker_cpu", "backend_cpu")
_MEMORY = _columns("worker_memory", "client_memory", "broker_memory", "backend_memory")
_TRAFFIC = _columns(
    *("traffic.commands", "traffic.publishes", "traffic.deliveries", "traffic.acks"),
    *("traffic.requests", "traffic.idle", "traffic.billed_requests", "traffic.bytes"),
    "dollars_per_million",
)
_LEFT = _columns(
    *("results.stored", "results.bytes_each", "results.after_expiry", "results.after_cleanup"),
)
_CPU_NOTE = (
    "Per executed task. broker, backend: the servers' own processes, where the harness started "
    "them; backend: where results are kept on another server."
)
_MEMORY_NOTE = "Sum of each process' peak; pages that processes share count in each."
_LEFT_NOTE = (
    "Counted when a block was over, those of warm-up and probe tasks too. bytes each: all that the "
    "store keeps for them, with keys, indexes and whole pages. expired, still there: after "
    "result_expires. after cleanup: after Celery's backend_cleanup, which only celery beat sends."
)
_TRAFFIC_NOTE = (
    "Per executed task. commands: of Redis. publishes, deliveries, acks: messages of RabbitMQ. "
    "requests: to SQS, repeated attempts too. idle: polls, heartbeats and the like, counted while "
    "nothing happened to any task, shared out among the tasks; in no other column but billed. "
    "billed: as SQS would count requests, each further 64 KiB of a payload (or what the prices "
    "say) as one more. bytes: to and from broker and backend."
)
