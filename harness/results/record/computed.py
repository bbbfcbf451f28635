"""Figures that no field of a record has: each is computed from several, by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.results.record.faults import FaultRecord
from harness.results.record.run import BlockRecord

Compute = Callable[[BlockRecord], float | None]
"""One figure of a block; None where it has none."""


RECOVERIES: Mapping[str, str] = {"recovery.first": "first_back_s", "recovery.p99": "p99_back_s"}
"""Figure -> field of a fault's record."""


def recovered_faults(block: BlockRecord, name: str) -> list[FaultRecord]:
    """Faults of a block that were done and of which it is known whether the figure `name` of
    RECOVERIES holds; its field is None for one that nothing recovered from while it was watched."""
    return [
        fault
        for fault in block.faults
        if fault.begin_at_s is not None and (name != "recovery.p99" or fault.disturbed is not None)
    ]


def _recovery(name: str) -> Compute:
    """The longest. None, too, where one never ended: that was longer than anything known."""

    def figure(block: BlockRecord) -> float | None:
        faults = recovered_faults(block, name)
        times = [getattr(fault, RECOVERIES[name]) for fault in faults]
        known = [time_s for time_s in times if time_s is not None]
        return max(known) if known and len(known) == len(times) else None

    return figure


def _traffic(*endings: str, billed: bool = False) -> Compute:
    """Per task, of all the servers that have a figure with one of these endings; None for none.
    Without what went by while nothing happened to any task, unless that is billed, too."""

    def figure(block: BlockRecord) -> float | None:
        idle = {} if billed else block.idle_traffic
        found = [
            value - idle.get(name, 0.0)
            for name, value in block.traffic.items()
            if name.endswith(endings)
        ]
        return sum(found) if found else None

    return figure


def _idle(block: BlockRecord) -> float | None:
    """The commands, messages and requests that are taken out."""
    found = [n for name, n in block.idle_traffic.items() if name.endswith(_PIECES)]
    return sum(found) if found else None


_PIECES = (
    *("redis.commands", "rabbitmq.publishes", "rabbitmq.deliveries", "rabbitmq.acks"),
    "sqs.requests",
)


def _per_call(per_task: Compute) -> Compute:
    """The same for each call of a function, of which a message may carry several."""

    def figure(block: BlockRecord) -> float | None:
        value = per_task(block)
        return None if value is None else value / block.calls_per_task

    return figure


def _calls_per_s(block: BlockRecord) -> float | None:
    return None if block.tasks_per_s is None else block.tasks_per_s * block.calls_per_task


def _started_share(block: BlockRecord) -> float | None:
    if block.started_seen is None or not block.completed:
        return None
    return block.started_seen / block.completed


def _bytes_each(block: BlockRecord) -> float | None:
    if block.result_bytes is None or not block.results_stored:
        return None
    return block.result_bytes / block.results_stored


_COMMANDS = _traffic("redis.commands")
_BYTES = _traffic(".bytes_in", ".bytes_out")
COMPUTED: Mapping[str, Compute] = {
    **{name: _recovery(name) for name in RECOVERIES},
    "tracking.started_share": _started_share,
    "traffic.commands": _COMMANDS,
    "traffic.publishes": _traffic("rabbitmq.publishes"),
    "traffic.deliveries": _traffic("rabbitmq.deliveries"),
    "traffic.acks": _traffic("rabbitmq.acks"),
    "traffic.requests": _traffic("sqs.requests"),
    "traffic.billed_requests": _traffic("sqs.billed_requests", billed=True),
    "traffic.idle": _idle,
    "traffic.bytes": _BYTES,
    "throughput.calls": _calls_per_s,
    "per_call.worker_cpu": _per_call(lambda block: block.worker_cpu_ms_per_task),
    "per_call.client_cpu": _per_call(lambda block: block.client_cpu_ms_per_task),
    "per_call.broker_cpu": _per_call(lambda block: block.broker_cpu_ms_per_task),
    "per_call.commands": _per_call(_COMMANDS),
    "per_call.bytes": _per_call(_BYTES),
    "results.bytes_each": _bytes_each,
}
"""Figures of the table without a field."""
