"""Figures of what a task costs: CPU, memory, traffic, dollars, and the results it leaves."""

from __future__ import annotations

from harness.figures.figure import Figure, Unit

OF_PROCESSES = (
    Figure(
        "worker_cpu", "CPU time of all workers per task", "ms/task", "less",
        "worker_cpu_ms_per_task", "worker_cpu_ms_per_task", "workers", "worker CPU per task",
        per_task=True, of_group="cpu_ms_per_task",
    ),
    Figure(
        "client_cpu", "CPU time of the client per task", "ms/task", "less",
        "client_cpu_ms_per_task", "client_cpu_ms_per_task", "client", "client CPU per task",
        per_task=True,
    ),
    Figure(
        "worker_memory", "sum of the worker processes' peak resident memory", "bytes", "less",
        "worker_peak_rss_bytes", "worker_peak_rss_bytes", "workers", was=("worker_rss",),
        of_group="peak_rss_bytes",
    ),
    Figure(
        "client_memory", "peak resident memory of the client", "bytes", "less",
        "client_peak_rss_bytes", "client_peak_rss_bytes", "client", was=("client_rss",),
    ),
)  # fmt: skip
OF_SERVERS = (
    Figure(
        "broker_cpu", "CPU time of the broker per task, where the harness started it", "ms/task",
        "less", "broker_cpu_ms_per_task", "broker_cpu_ms_per_task", "broker",
        "broker CPU per task", per_task=True,
    ),
    Figure(
        "backend_cpu", "CPU time of the result backend per task, where it is another server",
        "ms/task", "less", "backend_cpu_ms_per_task", "backend_cpu_ms_per_task", "backend",
        "backend CPU per task", per_task=True,
    ),
    Figure(
        "broker_memory", "peak resident memory of the broker", "bytes", "less",
        "broker_peak_rss_bytes", "broker_peak_rss_bytes", "broker", was=("broker_rss",),
    ),
    Figure(
        "backend_memory", "peak resident memory of the result backend", "bytes", "less",
        "backend_peak_rss_bytes", "backend_peak_rss_bytes", "backend", was=("backend_rss",),
    ),
    Figure(
        "dollars_per_million", "what SQS would cost for a million tasks", "$/million tasks",
        "less", "dollars_per_million_tasks", "dollars_per_million_tasks", "$/million",
        per_task=True,
    ),
)  # fmt: skip


def _traffic(
    name: str, what: str, *, heading: str = "", unit: Unit = "per task", column: str = ""
) -> Figure:
    """Computed from what the servers counted, of the broker and the result backend together."""
    return Figure(
        f"traffic.{name}", what, unit, "less", column=f"{column or name}_per_task",
        heading=heading or name, per_task=True,
    )  # fmt: skip


TRAFFIC = (
    Figure(
        "traffic.NAME", "what servers counted per task, by name, idle polls included", "per task",
        "less", "traffic", "traffic", per_task=True,
    ),
    Figure(
        "idle_traffic.NAME", "of these, what went by while nothing happened to any task",
        "per task", "less", "idle_traffic", "idle_traffic", per_task=True,
    ),
    _traffic("commands", "commands of Redis, without idle ones"),
    _traffic("publishes", "messages that RabbitMQ took, without idle ones"),
    _traffic("deliveries", "messages that RabbitMQ gave, without idle ones"),
    _traffic("acks", "messages acknowledged to RabbitMQ, without idle ones"),
    _traffic("requests", "requests to SQS, without idle ones"),
    _traffic("billed_requests", "requests as SQS would bill them", heading="billed"),
    _traffic(
        "idle", "commands, messages and requests while nothing happened to any task",
        column="idle_traffic",
    ),
    _traffic(
        "bytes", "bytes to and from broker and backend, without idle ones", unit="bytes/task",
        column="traffic_bytes",
    ),
)  # fmt: skip


def _per_call(name: str, what: str, heading: str, unit: Unit = "ms/call") -> Figure:
    """What a task costs, shared by the calls that it carries."""
    column = f"{name}_ms_per_call" if unit == "ms/call" else f"{name}_per_call"
    return Figure(
        f"per_call.{name}", f"{what} per call", unit, "less", column=column, heading=heading,
        per_task=True,
    )  # fmt: skip


CALLS = (
    Figure(
        "throughput.calls", "function calls per second", "calls/s", "more", column="calls_per_s",
        heading="calls/s",
    ),
    _per_call("worker_cpu", "CPU time of all workers", "worker CPU"),
    _per_call("client_cpu", "CPU time of the client", "client CPU"),
    _per_call("broker_cpu", "CPU time of the broker", "broker CPU"),
    _per_call("commands", "commands of Redis", "commands", "per call"),
    _per_call("bytes", "bytes to and from broker and backend", "bytes", "bytes/call"),
)  # fmt: skip
OF_FUNCTIONS = (
    Figure(
        "task_cpu", "CPU time of a task's function; not of the pools gevent and eventlet", "s",
        "less", "task_cpu_s", "task_cpu", "CPU", "CPU of the function", distribution=True,
        of_task="cpu_s",
    ),
)  # fmt: skip
RESULTS_LEFT = (
    Figure(
        "results.stored", "results that the backend held in the end", "results", "less",
        "results_stored", "results_stored", "results",
    ),
    Figure(
        "results.bytes", "what they took there", "bytes", "less", "result_bytes", "result_bytes"
    ),
    Figure(
        "results.bytes_each", "the same for each", "bytes/result", "less",
        column="bytes_per_result", heading="bytes each",
    ),
    Figure(
        "results.after_expiry", "results that were there when all had expired", "results", "less",
        "results_after_expiry", "results_after_expiry", "expired, still there",
    ),
    Figure(
        "results.after_cleanup", "results that Celery's backend_cleanup then left", "results",
        "less", "results_after_cleanup", "results_after_cleanup", "after cleanup",
    ),
)  # fmt: skip
CONNECTIONS = (
    Figure(
        "connections", "TCP connections that clients and workers held open at once, at most",
        "connections", "less", "connections", "connections", "connections",
    ),
)  # fmt: skip
