"""Plans and stored runs of one machine, whose figures are round."""

from __future__ import annotations

from typing import Any

from harness.results.judge.compare import compare_run
from harness.results.outlook.asked import Machine
from harness.results.outlook.last_runs import LastRuns
from harness.results.outlook.outlook import Outlook, outlook
from harness.results.outlook.sights import PlannedCell
from harness.results.record.run import BlockRecord, CellRecord, RunRecord
from harness.runner.prepare.stored_plan import stored_cell
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.loads.rate import RateLoad
from harness.scenario.models.compare import Compare, PairBudget
from harness.scenario.models.configuration import Configuration, Worker
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.bounds import at_most
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.heavy_task import HeavyTaskWorkload
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from harness.scenario.workloads.registry import WORKLOADS
from tests.report.made.records import block, run

MACHINE = Machine(cores=2, free_bytes=8 * 1024**3)
NO_RUNS = LastRuns([])
MIB = 1024**2
SECONDS = Measure(duration=2, warmup=5)
PAIRS = Compare(pairs=PairBudget(min=10, max=30))


def configuration(**worker: Any) -> Configuration:
    return Configuration(
        name="redis",
        broker=RedisBroker(service="redis"),
        backend=RedisBackend(service="redis"),
        worker=Worker(**worker),
    )


def heavy(n: int, per_s: float, *, name: str = "", measure: Measure = SECONDS) -> Cell:
    """`heavy_task(n)` at a rate."""
    return Cell(
        name=name or f"redis/heavy_task-{n}/rate-{per_s:g}",
        configuration=configuration(),
        workload=HeavyTaskWorkload(workload="heavy_task", n=n),
        load=RateLoad(load="rate", rate=per_s),
        measure=measure,
    )


def worked(per_s: float, **amounts: Any) -> Cell:
    """`work` at a rate."""
    cell = heavy(2, per_s)
    work = WORKLOADS["work"].model_validate({"workload": "work", **amounts})
    return cell.model_copy(update={"workload": work})


def own(per_s: float) -> Cell:
    """A task of the user's own at a rate."""
    return Cell(
        name=f"redis/checkout/rate-{per_s:g}",
        configuration=configuration(),
        workload=OwnTaskWorkload(workload="task", app="shop.celery:app", task="shop.checkout"),
        load=RateLoad(load="rate", rate=per_s),
        measure=SECONDS,
    )


def closed(
    in_flight: int = 8, *, name: str = "", measure: Measure = SECONDS, **worker: Any
) -> Cell:
    """`add` by callers that wait."""
    return Cell(
        name=name or f"redis/add/closed-{in_flight}",
        configuration=configuration(**worker),
        workload=AddWorkload(workload="add"),
        load=ClosedLoad(load="closed", in_flight=in_flight),
        measure=measure,
    )


def ahead(
    *cells: Cell,
    blocks: int = 1,
    most_blocks: int = 0,
    compare: Compare | None = None,
    runs: LastRuns = NO_RUNS,
    machine: Machine = MACHINE,
    by_ab: bool = False,
    twins: bool = False,
) -> Outlook:
    """The outlook of a plan that measures so many blocks of each cell."""
    each = [
        PlannedCell(
            one, stored_cell(one), blocks, most_blocks or blocks, blocks if compare else 0, twins
        )
        for one in cells
    ]
    bounds = at_most(cells, [blocks] * len(cells))
    return outlook(each, bounds, compare, runs, machine, by_ab=by_ab)


def stored(cell: Cell, *blocks: Any) -> CellRecord:
    """The cell as a run has it that measured these blocks."""
    return stored_cell(cell).model_copy(update={"blocks": blocks})


def one_run(cell: Cell, short_id: str = "4f1a9c", **changes: Any) -> RunRecord:
    """A run of three blocks, 5 s from one to the next and 2 s of them measured, the servers up
    after 1 s. 4 ms of CPU a task, each worker process 50 MiB."""
    whole: dict[str, Any] = {
        "window_s": 2.0,
        "worker_cpu_ms_per_task": 2.0,
        "client_cpu_ms_per_task": 1.5,
        "broker_cpu_ms_per_task": 0.5,
        "worker_peak_rss_bytes": 150 * MIB,
        "client_peak_rss_bytes": 40 * MIB,
        "broker_peak_rss_bytes": 10 * MIB,
    }
    blocks = (
        block(
            number,
            0,
            repetition=number,
            started_at=f"2026-11-23T22:54:{1 + 5 * number:02d}.000+00:00",
            **(whole | changes),
        )
        for number in range(3)
    )
    return run(
        stored(cell, *blocks),
        planned=3,
        run_id=f"20261123T225400Z-example-{short_id}",
        started_at="2026-11-23T22:54:00.000+00:00",
        ended_at="2026-11-23T22:54:16.000+00:00",
    )


def judged(record: RunRecord) -> RunRecord:
    """With the comparison that its scenario asks for."""
    return record.model_copy(update={"comparison": compare_run(record)})


def noisier(record: RunRecord, times: float, run_id: str, **load: Any) -> RunRecord:
    """The same run under another load, its throughputs so many times as far from 500/s."""

    def rate(block: BlockRecord) -> float:
        return float(500 * ((block.throughput_per_s or 0) / 500) ** times)

    cells = tuple(
        cell.model_copy(
            update={
                "load": {**cell.load, **load},
                "blocks": tuple(
                    one.model_copy(update={"throughput_per_s": rate(one)}) for one in cell.blocks
                ),
            }
        )
        for cell in record.cells
    )
    return record.model_copy(update={"cells": cells, "run_id": run_id})
