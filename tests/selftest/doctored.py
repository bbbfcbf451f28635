"""Blocks made by hand, right in every respect, for tests to spoil one thing of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.figures.of_units import PHASES
from harness.probe.recording.ids import namer, new_tag
from harness.results.record.distributions import Outcomes
from harness.selftest.inside import Stall
from harness.selftest.samples import Taken
from harness.selftest.stall import Stalls
from tests.report.made import records

MS = 1_000_000
S = 1_000_000_000
FIRST_UNIT = 24
NAME = namer(new_tag())


def taken(units: dict[str, Any], tasks: dict[str, Any] | None = None, **more: Any) -> Taken:
    """A block with these columns. Phases that are not given are 0, the rest is queue."""
    whole = {name: np.asarray(values) for name, values in units.items()}
    total_ns = whole["total_ns"]
    given = [name for name in PHASES if f"{name}_ns" in whole]
    rest_ns = total_ns - sum(whole[f"{name}_ns"] for name in given)
    for name in PHASES:
        zero = np.zeros(len(total_ns), dtype=np.int64)
        whole.setdefault(f"{name}_ns", rest_ns if name == "queue" else zero)
    count = len(total_ns)
    whole.setdefault("unit", np.arange(FIRST_UNIT, FIRST_UNIT + count))
    whole.setdefault("outcome", np.array(["ok"] * count, dtype=object))
    whole.setdefault("as_meant", np.zeros(count, dtype=bool))
    whole.setdefault("lost_at", np.array([None] * count, dtype=object))
    block = records.block(0, 0, units=count)
    if outcomes := more.pop("outcomes", None):
        block = block.model_copy(update={"outcomes": Outcomes(**outcomes)})
    if (duplicated := more.pop("duplicated", None)) is not None:
        block = block.model_copy(update={"duplicated": duplicated})
    return Taken(
        broker="redis",
        record=records.run(records.cell("redis/add/rate-100", block)),
        folder=Path("none"),
        block=block,
        units=whole,
        tasks={name: np.asarray(values) for name, values in (tasks or {}).items()},
        **more,
    )


def stalled(**spoiled: Any) -> Taken:
    """100 units per second for 6 s, 3 ms each; from 1 to 2 s workers stood still, from 3 to 4 s the
    client: what was due then ended 3 ms after the stall."""
    due_ns = np.arange(600, dtype=np.int64) * 10 * MS
    total_ns = np.full(600, 3 * MS, dtype=np.int64)
    stalls = Stalls(Stall(1 * S, 2 * S), Stall(3 * S, 4 * S))
    schedule_ns = np.zeros(600, dtype=np.int64)
    for stall in (stalls.workers, stalls.client):
        assert stall is not None
        hit = (due_ns >= stall.begin_ns) & (due_ns < stall.end_ns)
        total_ns[hit] += stall.end_ns - due_ns[hit]
        if stall is stalls.client:
            schedule_ns[hit] = stall.end_ns - due_ns[hit]
    units = {"due_ns": due_ns, "total_ns": total_ns, "schedule_ns": schedule_ns}
    return taken(units | spoiled, planted=stalls)


def looped(slow: int) -> Taken:
    """A closed loop of 500 units, some of which took as long as the stall from 1 to 2 s."""
    due_ns = np.arange(500, dtype=np.int64) * 2 * MS
    total_ns = np.full(500, 3 * MS, dtype=np.int64)
    total_ns[-slow or 500 :] = 1 * S
    units = {"due_ns": due_ns, "total_ns": total_ns}
    return taken(units, planted=Stalls(Stall(round(0.999 * S), 2 * S)))
