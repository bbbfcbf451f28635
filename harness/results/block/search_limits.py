"""Whether a step of a search for saturation kept its limits, and what held it back if not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.results.block.load_phases import BEHIND
from harness.results.record.loads import LoadPhaseRecord
from harness.scenario.models.gates import GatedFigure, parse_gate

GROWTH_SHARE = 0.02
LEAST_GROWTH = 3
"""Units: fewer than that come and go by chance."""
BUSY = 0.85
"""Cores of one process from which it counts as the bottleneck."""
MACHINE_BUSY = 0.8
"""Share of the machine's cores from which it does: processes that wait for each other leave some
idle. Two brokers at saturation on two cores used 0.80 to 0.88 of them."""
SLOTS_BUSY = 0.9


def broken_limits(
    limits: Sequence[str],
    phase: LoadPhaseRecord,
    under_way: tuple[float, float],
    duplicated: int,
) -> tuple[str, ...]:
    """The limits that a step of a search did not keep: as they are written, and `client`, `loss`
    and `growth`.

    The number of units under way grows if it more than doubles from the step's second fifth to its
    last, by more than LEAST_GROWTH units and more than GROWTH_SHARE of all that were due. (A queue
    that is stable varies by about its length; one that is too slow triples in that time.)
    """
    broken = []
    if phase.client_limited or phase.unsent > BEHIND * phase.planned:
        broken.append("client")
    outcomes = phase.outcomes
    if outcomes.ok + outcomes.failed < outcomes.total or duplicated or phase.completed < phase.sent:
        broken.append("loss")
    before, after = under_way
    if after - before > max(before, GROWTH_SHARE * phase.planned, LEAST_GROWTH):
        broken.append("growth")
    for text in limits:
        gate = parse_gate(text)
        value = _value(gate.measure, phase)
        if value is None or not gate.holds(value, gate.limit_at(None)):
            broken.append(text)
    return tuple(broken)


def _value(measure: GatedFigure, phase: LoadPhaseRecord) -> float | None:
    if measure.metric == "throughput":
        return phase.completed_per_s
    group, _, name = measure.metric.partition(".")
    found = phase.latency_s if group == "latency" else phase.phases_s.get(name)
    value: float | None = None
    if found is not None and measure.function is not None:
        value = getattr(found, measure.function)
    return value


def stopped_by(
    broken: Sequence[str],
    busiest: Mapping[str, float],
    machine_share: float | None,
    slots_busy: float | None,
) -> str:
    """What held back a step that broke a limit.

    In this order: a client that could not send in time; a process of the broker, the backend or the
    workers that used a whole core; all of the workers' slots running task functions; all cores of
    the machine; else only the limit itself is known (or the loss).
    """
    if "client" in broken:
        return "client"
    full = {name: used for name, used in busiest.items() if used >= BUSY and name != "client"}
    if full:
        return max(full, key=lambda name: full[name])
    if slots_busy is not None and slots_busy >= SLOTS_BUSY:
        return "slots"
    if machine_share is not None and machine_share >= MACHINE_BUSY:
        return "machine"
    return "loss" if "loss" in broken else "limit"
