"""Hand-made run records: every figure in a golden file can be checked against these lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from harness.figures.of_units import PHASES
from harness.results.record.distributions import Distribution, LossReasons, Outcomes
from harness.results.record.environment import Environment, Server
from harness.results.record.loads import LoadPhaseRecord, Saturation, SaturationStep
from harness.results.record.run import (
    BlockRecord,
    CellRecord,
    RecordedWarning,
    RunRecord,
    RunStatus,
)

VALKEY = Server(
    service="redis",
    product="Valkey",
    version="9.1.2",
    provider="local",
    emulator=False,
    same_host=True,
    address="127.0.0.1:40001",
    detail="embedded, no persistence",
)
RABBITMQ = Server(
    service="rabbitmq",
    product="RabbitMQ",
    version="3.10.8",
    provider="external",
    emulator=False,
    same_host=False,
    address="10.0.0.7:5672",
)
MINISTACK = Server(
    service="sqs",
    product="ministack (SQS emulator)",
    version="1.5.33",
    provider="local",
    emulator=True,
    same_host=True,
    address="127.0.0.1:40002",
    detail="an emulator's figures are not SQS figures",
)
ENVIRONMENT = Environment(
    hostname="bench-1",
    cpu="Some CPU 3000",
    cores=2,
    memory_bytes=8 * 1024**3,
    kernel="Linux 6.1.0",
    python="CPython 3.11.7",
    packages={"celery": "5.7.0", "kombu": "5.7.0", "redis": "8.1.0"},
    harness="0.1.0",
    git_commit="0123456789abcdef0123456789abcdef01234567",
    git_dirty=False,
)


def spread_around(mean: float, count: int) -> Distribution:
    """A distribution with round figures; min and max at a half and the double of the mean."""
    return Distribution(
        count=count,
        mean=mean,
        min=mean / 2,
        p50=mean,
        p90=mean * 1.2,
        p95=mean * 1.4,
        p99=mean * 1.6,
        p999=mean * 1.8,
        max=mean * 2,
    )


def block(number: int, cell: int, *, units: int = 1000, **changes: Any) -> BlockRecord:
    """A complete block of a closed load: 500 units/s, phases 0 + 4 + 8 + 1 + 3 = 16 ms."""
    phases = dict(zip(PHASES, (0.0, 0.004, 0.008, 0.0, 0.001, 0.003), strict=True))
    whole: dict[str, Any] = {
        "repetition": 0,
        "status": "complete",
        "started_at": "2026-11-23T22:54:01.000+00:00",
        "isolation": {"broker": "database", "backend": "database"},
        "window_s": units / 500,
        "units": units,
        "tasks": units,
        "throughput_per_s": 500.0,
        "tasks_per_s": 500.0,
        "latency_s": spread_around(0.016, units),
        "phases_s": {name: spread_around(mean, units) for name, mean in phases.items()},
        "calls_s": {
            "publish_call": spread_around(0.0021, units),
            "store_call": spread_around(0.0015, units),
        },
        "outcomes": Outcomes(ok=units),
        "worker_cpu_ms_per_task": 1.5,
        "client_cpu_ms_per_task": 1.25,
        "worker_peak_rss_bytes": 150_000_000,
        "client_peak_rss_bytes": 45_000_000,
        "files": {"units": f"blocks/{number:03d}/units.parquet"},
    }
    return BlockRecord(number=number, cell=cell, **(whole | changes))


def backlog_block(number: int, cell: int, **changes: Any) -> BlockRecord:
    """A backlog of 1,000 units, published at 1,200/s and consumed at 800/s."""
    phases = {"schedule": 0.0, "queue": 0.599, "dispatch": 0.001, "run": 0.0}
    backlog: dict[str, Any] = {
        "throughput_per_s": 800.0,
        "tasks_per_s": 800.0,
        "publish_rate_per_s": 1200.0,
        "latency_basis": "finished",
        "latency_s": spread_around(0.6, 1000),
        "phases_s": {name: spread_around(mean, 1000) for name, mean in phases.items()},
    }
    return block(number, cell, **(backlog | changes))


def cell(name: str, *blocks: BlockRecord, **changes: Any) -> CellRecord:
    """A cell whose configuration, workload and load follow from its name."""
    variant, workload, load = name.rsplit("/", 2)
    whole: dict[str, Any] = {
        "config": {
            "name": variant.partition("[")[0],
            "worker": {"pool": "prefork", "concurrency": 2, "count": 1},
        },
        "axes": {},
        "workload": {"workload": workload.partition("-")[0]},
        "load": {"load": load.partition("-")[0]},
        "measure": {"blocks": 1},
        "servers": {"broker": VALKEY, "backend": VALKEY},
    }
    return CellRecord(name=name, blocks=blocks, **(whole | changes))


def run(
    *cells: CellRecord, planned: int = 1, status: RunStatus = "complete", **changes: Any
) -> RunRecord:
    """A run that planned `planned` blocks for each cell."""
    whole: dict[str, Any] = {
        "run_id": "20261123T225401Z-example-4f1a9c",
        "started_at": "2026-11-23T22:54:01.000+00:00",
        "ended_at": "2026-11-23T22:55:01.000+00:00",
        "seed": 1,
        "source": "scenarios/example.yaml",
        "scenario": {"name": "example", "question": "What does it cost?"},
        "environment": ENVIRONMENT,
        "order": tuple(range(len(cells))) * planned,
        "cells": cells,
    }
    return RunRecord(status=status, **(whole | changes))


def warning(code: str, **data: Any) -> RecordedWarning:
    """A warning as a record stores it."""
    return RecordedWarning(code=code, data=data)


def write_units(
    folder: Path,
    number: int,
    totals_ns: list[int],
    outcome: str = "ok",
    tasks: Sequence[str] = ("",),
) -> None:
    """A units.parquet with the columns that pooling reads, after one lost unit without a total. Its
    function ran for half of a unit's total, which was in the queue for a quarter; `tasks`: those of
    a mix, in turn, each with a queue of the same name."""
    target = folder / "blocks" / f"{number:03d}"
    target.mkdir(parents=True, exist_ok=True)
    query = """
        SELECT 'lost' AS outcome, false AS as_meant, NULL::BIGINT AS total_ns,
          NULL::BIGINT AS queue_ns, NULL::BIGINT AS dispatch_ns, NULL::BIGINT AS run_ns,
          $tasks[1] AS task, $tasks[1] AS queue
        UNION ALL SELECT $outcome, false, total_ns, total_ns // 4, 0, total_ns // 2, task, task
        FROM (
          SELECT unnest($totals_ns::BIGINT[]) AS total_ns, unnest($of::VARCHAR[]) AS task)
    """
    of = [tasks[n % len(tasks)] for n in range(len(totals_ns))]
    parameters = {"outcome": outcome, "totals_ns": totals_ns, "tasks": list(tasks), "of": of}
    with duckdb.connect() as database:
        relation = database.sql(query, params=parameters)
        assert relation is not None
        relation.write_parquet(str(target / "units.parquet"))


# --- the runs of the golden files -----------------------------------------------------------------


def load_phase(phase: str, rate: float, seconds: float, **changes: Any) -> LoadPhaseRecord:
    """All units sent in time and completed, p50 16 ms."""
    planned = round(rate * seconds)
    whole: dict[str, Any] = {
        "phase": phase,
        "counted": phase not in ("warmup", "drain", "search"),
        "begin_s": 0.0,
        "duration_s": seconds,
        "rate_per_s": rate,
        "to_per_s": rate,
        "planned": planned,
        "sent": planned,
        "sent_in_time": planned,
        "completed": planned,
        "completed_per_s": rate,
        "latency_s": spread_around(0.016, planned) if planned else Distribution(count=0),
        "outcomes": Outcomes(ok=planned),
    }
    return LoadPhaseRecord(**(whole | changes))


def phased_block(number: int, cell: int) -> BlockRecord:
    """A burst that the client could not send in time, and a ramp that lost a unit."""
    return block(
        number,
        cell,
        units=1850,
        planned_per_s=194.0,
        sent_per_s=180.0,
        unsent=100,
        client_limited=True,
        load_phases=(
            load_phase("warmup", 50, 2),
            load_phase("steady", 100, 5),
            load_phase(
                "burst",
                400,
                2,
                sent=700,
                sent_in_time=600,
                unsent=100,
                completed=700,
                client_limited=True,
                in_flight_at_end=23,
                outcomes=Outcomes(ok=700),
            ),
            load_phase(
                "ramp", 100, 3, to_per_s=300.0, planned=600, sent=600, sent_in_time=600,
                completed=599, outcomes=Outcomes(ok=599, lost=1),
            ),
            load_phase("drain", 0, 1, completed_per_s=23.0),
        ),
        outcomes=Outcomes(ok=1849, lost=1),
        loss=LossReasons(never_received=1),
        warnings=(
            RecordedWarning(
                code="client_limited", data={"planned_per_s": 400.0, "sent_per_s": 300.0}
            ),
        ),
    )  # fmt: skip


def searched_block(number: int, cell: int, rates: dict[float, tuple[str, ...]]) -> BlockRecord:
    """Rate -> limits that it broke; the highest one that broke none was found and confirmed."""
    kept = [rate for rate, broken in rates.items() if not broken]
    steps = [*rates.items(), *([(max(kept), ())] if kept else [])]
    found = max(kept, default=None)
    return block(
        number,
        cell,
        planned_per_s=found,
        sent_per_s=found,
        throughput_per_s=found,
        load_phases=tuple(
            load_phase("sustained" if rate == found else "search", rate, 5) for rate, _ in steps
        ),
        saturation=Saturation(
            rate_per_s=found,
            broken_at_per_s=min((rate for rate, broken in rates.items() if broken), default=None),
            limits=("p99(latency.total) < 250ms",),
            stopped_by="workers" if kept else "limit",
            confirmed=bool(kept),
            steps=tuple(
                SaturationStep(
                    rate_per_s=rate,
                    kept=not broken,
                    broken=broken,
                    cores={"workers": rate / 500, "client": rate / 1000, "machine": rate / 300},
                )
                for rate, broken in steps
            ),
        ),
    )


def open_loop_run() -> RunRecord:
    """Phases, and two searches: one that found a rate, one that found none."""
    late = ("growth", "p99(latency.total) < 250ms")
    found = searched_block(1, 1, {50: (), 100: (), 200: (), 400: late, 283: late, 238: ()})
    cells = (
        cell("redis/add/rate-warmup-steady-burst-ramp-drain", phased_block(0, 0)),
        cell("redis/add/saturate", found),
        cell("redis/heavy_task-50/saturate", searched_block(2, 2, {50: late, 25: late})),
    )
    return run(*cells)


def tutorial_run() -> RunRecord:
    """One configuration, one block each: every workload, closed and backlog."""
    group = block(
        1,
        1,
        units=40,
        tasks=80,
        throughput_per_s=16.0,
        tasks_per_s=32.0,
        latency_s=spread_around(0.5, 40),
        phases_s={
            name: spread_around(mean, 40)
            for name, mean in zip(PHASES, (0.0, 0.03, 0.006, 0.0, 0.004, 0.46), strict=True)
        },
        canvas_s={"member_spread": spread_around(0.015, 40), "join": spread_around(0.46, 40)},
        warnings=(warning("few_samples", units=40), warning("group_get_floor", join_p50_s=0.49)),
    )
    chain = block(
        2,
        2,
        tasks=2000,
        throughput_per_s=120.0,
        tasks_per_s=240.0,
        canvas_s={"hop": spread_around(0.028, 1000)},
    )
    failing = block(
        3, 3, units=5, outcomes=Outcomes(failed=5), failed_as_meant=5, throughput_per_s=2.0
    )
    return run(
        cell("redis/add/closed-8", block(0, 0)),
        cell("redis/group-2/closed-8", group),
        cell("redis/chain-2/closed-8", chain),
        cell("redis/heavy_task-text/closed-2", failing),
        cell("redis/add/backlog", backlog_block(4, 4)),
    )


def brokers_run() -> RunRecord:
    """Three configurations, two blocks each, one of them on an emulator and another host."""
    sqs = {"broker": MINISTACK, "backend": VALKEY}
    rabbitmq = {"broker": RABBITMQ, "backend": RABBITMQ}
    return run(
        cell("redis/add/closed-8", block(0, 0), block(5, 0, throughput_per_s=560.0)),
        cell(
            "rabbitmq/add/closed-8",
            block(1, 1, throughput_per_s=700.0),
            block(4, 1, throughput_per_s=1234.5),
            servers=rabbitmq,
        ),
        cell(
            "sqs-redis/add/closed-8",
            block(2, 2, throughput_per_s=8.1, warnings=(warning("few_samples", units=41),)),
            block(3, 2, throughput_per_s=8.3, warnings=(warning("few_samples", units=42),)),
            servers=sqs,
        ),
        planned=2,
    )


def costs_run() -> RunRecord:
    """One block on each kind of broker: Redis alone, RabbitMQ alone, SQS with results in Redis."""
    commands = {"redis.commands": 18.0, "redis.bytes_in": 3000.0, "redis.bytes_out": 1096.0}
    messages = {"publishes": 2.0, "deliveries": 2.0, "acks": 1.0, "bytes_in": 1000.0}
    requests = {"requests": 2.25, "requests.SendMessage": 1.0, "bytes_in": 1024.0, "bytes_out": 0.0}
    made = run(
        cell(
            "redis/add/closed-8",
            block(
                0,
                0,
                broker_cpu_ms_per_task=0.4,
                broker_peak_rss_bytes=8_000_000,
                traffic=commands,
            ),
        ),
        cell(
            "rabbitmq/add/closed-8",
            block(
                1,
                1,
                traffic={f"rabbitmq.{name}": n for name, n in messages.items()},
                idle_traffic={"rabbitmq.publishes": 0.5, "rabbitmq.deliveries": 0.5},
            ),
            servers={"broker": RABBITMQ, "backend": RABBITMQ},
        ),
        cell(
            "sqs-redis/add/closed-8",
            block(
                2,
                2,
                broker_cpu_ms_per_task=2.5,
                backend_cpu_ms_per_task=0.25,
                broker_peak_rss_bytes=44_000_000,
                backend_peak_rss_bytes=7_000_000,
                traffic=commands | {f"sqs.{name}": n for name, n in requests.items()},
                idle_traffic={"sqs.requests": 0.25, "sqs.requests.ReceiveMessage": 0.25},
                dollars_per_million_tasks=0.9,
                prices_date="2026-06-13",
                warnings=(warning("shared_counters"), warning("depth_looks_failed", looks=2)),
            ),
            servers={"broker": MINISTACK, "backend": VALKEY},
        ),
    )
    pinned = made.environment.model_copy(update={"affinity": {"client": "0", "workers": "1-3+5"}})
    return made.model_copy(update={"environment": pinned})


def troubled_run() -> RunRecord:
    """Losses, duplicates, wrong results, time-outs and unmeant failures."""
    lossy = block(
        0,
        0,
        outcomes=Outcomes(ok=990, failed=1, wrong=2, lost=4, timed_out=3),
        loss=LossReasons(never_received=3, started_not_finished=1),
        duplicated=5,
        warnings=(
            warning("left_in_queue", messages=3),
            warning("left_unacknowledged", messages=1),
            warning("foreign_tasks", tasks=2),
            warning("untimed_units", units=1),
            warning("negative_phases", dispatch=2),
            warning("publish_errors", **{"OperationalError: gone": 1}),
            warning("of_the_future", shape="round"),
        ),
    )
    nothing = block(
        1,
        1,
        units=16,
        status="partial",
        window_s=None,
        throughput_per_s=None,
        tasks_per_s=None,
        latency_s=Distribution(count=0),
        phases_s={},
        calls_s={},
        outcomes=Outcomes(timed_out=16),
        worker_cpu_ms_per_task=None,
        warnings=(warning("gave_up"),),
    )
    return run(cell("redis/add/closed-8", lossy), cell("redis/chain-2/closed-8", nothing))


def failed_run() -> RunRecord:
    """The second of two blocks of one cell failed; the other cell never had a block."""
    error = "worker1 ended with exit code 1; the end of worker1.log:\nTraceback ...\nValueError: no"
    failed = block(
        1,
        0,
        units=0,
        tasks=0,
        status="failed",
        error=error,
        throughput_per_s=None,
        tasks_per_s=None,
        latency_s=Distribution(count=0),
        phases_s={},
        calls_s={},
        outcomes=Outcomes(),
        worker_cpu_ms_per_task=None,
    )
    return run(
        cell("redis/add/closed-8", block(0, 0), failed),
        cell("redis/add/backlog"),
        planned=2,
        status="failed",
    )


def partial_run() -> RunRecord:
    """Stopped by the user in the middle of the second of three blocks."""
    stopped = block(1, 1, units=300, status="partial", outcomes=Outcomes(ok=292, timed_out=8))
    return run(
        cell("redis/add/closed-8", block(0, 0)),
        cell("redis/chain-2/closed-8", stopped),
        cell("redis/add/backlog"),
        status="partial",
    )


def killed_run() -> RunRecord:
    """Killed with SIGKILL in its second block, whose event logs were salvaged."""
    salvaged = block(
        1,
        0,
        units=300,
        status="partial",
        error="the run was killed in this block",
        started_at="",
        outcomes=Outcomes(ok=292, timed_out=8),
        files={},
    )
    return run(cell("redis/add/closed-8", block(0, 0), salvaged), planned=3, status="running")


def old_run() -> RunRecord:
    """Written by an earlier version: every field that may be absent is."""
    server = {
        "service": "redis",
        "product": "Redis",
        "version": "7.0.15",
        "provider": "local",
        "emulator": False,
        "same_host": None,
        "address": "127.0.0.1:6379",
    }
    bare_block = {
        "number": 0,
        "cell": 0,
        "repetition": 0,
        "status": "complete",
        "started_at": "2026-01-01T00:00:00+00:00",
    }
    return RunRecord.model_validate(
        {
            "run_id": "20260101T000000Z-old-000000",
            "status": "complete",
            "started_at": "2026-01-01T00:00:00+00:00",
            "seed": 1,
            "source": "old.yaml",
            "scenario": {},
            "environment": ENVIRONMENT.model_dump() | {"packages": {}, "git_commit": None},
            "order": [0],
            "cells": [
                {
                    "name": "redis/add/closed-8",
                    "config": {},
                    "axes": {},
                    "workload": {},
                    "load": {},
                    "measure": {},
                    "servers": {"broker": server},
                    "blocks": [bare_block],
                }
            ],
        }
    )


HOSTILE = "\x1b[31m`|<b>*x*</b>\u202e=1+1\r\n[bold]@all"


def hostile_run() -> RunRecord:
    """Every text that a user, a server or a log can put into a record means harm."""
    server = VALKEY.model_copy(
        update={"product": HOSTILE, "version": HOSTILE, "detail": HOSTILE, "emulator": True}
    )
    bad = block(
        0,
        0,
        status="failed",
        error=f"=cmd|' /C calc'!A0\n```\n{HOSTILE}",
        warnings=(
            warning("publish_errors", **{HOSTILE: 1}),
            warning(HOSTILE, **{HOSTILE: HOSTILE}),
            warning("few_samples", units="=many"),
            warning("group_get_floor"),
        ),
    )
    return run(
        cell(
            f"=1+1{HOSTILE}/add/closed-8",
            bad,
            block(1, 0),
            servers={"broker": server, "backend": server},
        ),
        planned=2,
        run_id=f"-{HOSTILE}",
        scenario={"name": HOSTILE, "question": HOSTILE},
        environment=ENVIRONMENT.model_copy(update={"cpu": HOSTILE, "kernel": HOSTILE}),
        warnings=(warning("few_samples", units=1),),
    )
