"""The load `saturate`: one rate after the other, each drained before the next."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil

from harness.affinity import usable_cores
from harness.clock import monotonic_ns
from harness.results.block.by_group import group_of_executions
from harness.results.block.ledger import BlockEnd
from harness.results.block.load_phases import PlannedPhase, phase_of_unit, under_way
from harness.results.block.search_limits import broken_limits, stopped_by
from harness.results.block.summary import Digest, digest, duplicates
from harness.results.costs.capacity import Need, mean_run_s, overloaded_group
from harness.results.events.merged import MISSING, Merged
from harness.results.events.routes import PlannedGroup
from harness.results.record.loads import LoadPhaseRecord, Saturation, SaturationStep
from harness.runner.sessions.loaded import Loaded, out_of_numbers, since
from harness.runner.sessions.open_loop import LEAD_S, OpenSession, planned_phase
from harness.runner.sessions.search import Search, Tried, confirmed, highest_kept, lowest_broken
from harness.scenario.loads.saturate import SaturateLoad
from harness.usage import cpu_ns_by_process

_SEARCH, _SUSTAINED = "search", "sustained"
_PARTS = ("workers", "client", "broker", "backend")


class SaturateSession(OpenSession):
    """One rate after the other."""

    def load(self) -> Loaded:
        """Until the search ends, or its time is up."""
        load = self.room.cell.load
        assert isinstance(load, SaturateLoad)  # noqa: S101 - chosen by the load's kind
        search = Search(load.start, load.most, load.precision)
        ends_ns = monotonic_ns() + round(load.time * 1e9)
        before = self.workers.usage()
        steps: list[SaturationStep] = []
        rate = search.next(())
        out_of_time = False
        while rate is not None and self.going_on():
            step = self._try(rate, load, len(steps))
            if not self.going_on():
                break  # broken off in it, so it says nothing
            if out_of_numbers(self._sent):
                break  # nor does one that was not sent in full
            steps.append(step)
            if _too_fast_to_send(steps):
                break
            rate = search.next(_tried(steps))
            out_of_time = monotonic_ns() + round(load.step * 1e9) > ends_ns
            if out_of_time:
                break
        found = _found(steps, load, out_of_time=out_of_time and rate is not None)
        needed = self._capacity(steps, found)
        found = found.model_copy(update={"capacity": needed})
        if out_of_numbers(self._sent):
            found = found.model_copy(update={"stopped_by": "numbers"})
        if not self.going_on():
            reason = "gave_up" if self.hopeless else "interrupt"
            found = found.model_copy(update={"stopped_by": reason})
        self._name_steps(steps, found.rate_per_s)
        return self.loaded(since(before, self.workers.usage()), found)

    def _try(self, rate: float, load: SaturateLoad, number: int) -> SaturationStep:
        meter = _Meter(
            {
                "workers": self.workers.pids,
                "client": self.clients.pids,
                **self.room.server_pids,
            }
        )
        self.send([planned_phase(_SEARCH, rate, load.step)], self.room.seed + number)
        # Where nobody watches, results are checked in the end; until then it counts what ran.
        shape = self.room.shape
        shape = replace(shape, stores_results=shape.stores_results and shape.watched)
        result = digest(self.merged(), shape, BlockEnd(), self._plan)
        used = meter.read(self._plan[-1])
        return _judged(result, self._plan, load, used, shape.routes.groups)

    def _capacity(
        self, steps: Sequence[SaturationStep], found: Saturation
    ) -> dict[str, float | str]:
        """What the lowest rate that broke a limit would have taken, where cores or slots are the
        reason."""
        broken = [one for one in steps if one.rate_per_s == found.broken_at_per_s and not one.kept]
        if not broken or found.stopped_by not in ("machine", "slots", "client"):
            return {}
        if found.stopped_by == "slots" and broken[-1].short_group:
            return broken[-1].short_group
        rate = broken[-1].rate_per_s * self.room.shape.tasks_per_unit
        cores, slots = usable_cores(), self.workers.slots
        return Need(rate, broken[-1].cpu_s, cores, broken[-1].run_s, slots).data

    def _name_steps(self, steps: Sequence[SaturationStep], rate: float | None) -> None:
        """The steps at the rate that was found are the block's figures. One that was broken off has
        a phase, and is no step."""
        named = [
            replace(phase, name=_SUSTAINED) if step.rate_per_s == rate else phase
            for phase, step in zip(self._plan, steps, strict=False)
        ]
        self._keep((*named, *self._plan[len(steps) :]))


def _too_fast_to_send(steps: Sequence[SaturationStep]) -> bool:
    """A faster rate than the client can send cannot be tried, once it was too fast twice."""
    rate = steps[-1].rate_per_s
    return sum("client" in one.broken for one in steps if one.rate_per_s == rate) > 1


def _tried(steps: Sequence[SaturationStep]) -> list[Tried]:
    return [Tried(step.rate_per_s, step.kept) for step in steps]


def _found(steps: Sequence[SaturationStep], load: SaturateLoad, *, out_of_time: bool) -> Saturation:
    tried = _tried(steps)
    highest, lowest = highest_kept(tried), lowest_broken(tried)
    last = [step for step in steps if step.rate_per_s == lowest and not step.kept]
    reason = "time" if out_of_time else "most"
    return Saturation(
        rate_per_s=highest,
        broken_at_per_s=lowest,
        limits=load.limits,
        stopped_by=_reason(last[-1]) if last else reason,
        confirmed=confirmed(tried) if highest is not None else False,
        out_of_time=out_of_time,
        steps=tuple(steps),
    )


def _reason(step: SaturationStep) -> str:
    cores = psutil.cpu_count() or 1
    share = step.cores.get("machine")
    return stopped_by(
        step.broken, step.busiest, None if share is None else share / cores, step.slots_busy
    )


def _judged(
    result: Digest,
    plan: Sequence[PlannedPhase],
    load: SaturateLoad,
    used: _Used,
    groups: Sequence[PlannedGroup],
) -> SaturationStep:
    merged, phase = result.merged, plan[-1]
    record = result.fields["load_phases"][-1]
    mine = phase_of_unit(merged, plan) == len(plan) - 1
    published = mine & ~merged.units.publish_failed
    timing = result.phases
    ended_ns = np.where(timing.known, merged.units.due_ns + timing.total_ns, MISSING)[published]
    before, after = under_way(merged.units.publish_ns[published], ended_ns, phase)
    own_tasks = mine[merged.tasks.row]
    executions = int(merged.tasks.executions[own_tasks].sum())
    busy_s = used.elapsed_s * sum(used.cores.get(name, 0.0) for name in _PARTS)
    duplicated = int(duplicates(merged)[own_tasks].sum())
    broken = broken_limits(load.limits, record, (before, after), duplicated)
    return SaturationStep(
        rate_per_s=phase.rate_per_s,
        kept=not broken,
        broken=broken,
        growth=after - before,
        cores=used.cores,
        busiest=used.busiest,
        cpu_s=busy_s / executions if executions else None,
        run_s=mean_run_s(merged.tasks, own_tasks),
        slots_busy=_slots_busy(merged, phase, groups),
        short_group=_short_group(record, merged.tasks.per_unit),
    )


def _short_group(record: LoadPhaseRecord, tasks_per_unit: int) -> dict[str, float | str]:
    tried = record.model_copy(update={"counted": True})
    short = overloaded_group([tried], tasks_per_unit)
    return {} if short is None else short.sum.data


def _slots_busy(merged: Merged, phase: PlannedPhase, groups: Sequence[PlannedGroup]) -> float:
    """Share of the slots' time, within the phase, in which task functions ran; of several groups
    that of the busiest one."""
    ran = merged.executions()  # each by itself: between its tries a task has no slot
    ran = ran.chosen(ran.ended_ns != MISSING)
    begin = np.maximum(ran.started_ns, phase.begin_ns)
    ran_ns = np.maximum(np.minimum(ran.ended_ns, phase.end_ns) - begin, 0)
    by_group = {groups[0].name: ran_ns}
    if merged.groups:
        of = group_of_executions(ran, merged)
        by_group = {name: ran_ns[of == place] for place, name in enumerate(merged.groups, start=1)}
    slots = {group.name: group.slots for group in groups}
    shares = [times.sum() / (slots.get(name, 0) or 1) for name, times in by_group.items()]
    return float(max(shares) / (phase.duration_s * 1e9))


@dataclass(frozen=True)
class _Used:
    cores: dict[str, float]
    busiest: dict[str, float]
    elapsed_s: float


class _Meter:
    """CPU in use while a step is sent: read at its begin and, at the latest, when it has drained.

    The drain of a step that did not keep up goes on at the same pace, so the time until it is over
    is counted: it is the servers and workers that are asked what they can do.
    """

    def __init__(self, roots: Mapping[str, Sequence[int]]) -> None:
        self._roots = {name: list(pids) for name, pids in roots.items() if pids}
        self._before = self._look()
        self._began_s, self._machine_before = time.monotonic(), psutil.cpu_times()

    def _look(self) -> dict[str, dict[int, int]]:
        return {name: cpu_ns_by_process(pids) for name, pids in self._roots.items()}

    def read(self, phase: PlannedPhase) -> _Used:
        """Cores in use, by name: of all its processes together, and of the busiest of them."""
        elapsed_s = max(time.monotonic() - self._began_s - LEAD_S, phase.duration_s)
        cores, busiest = {}, {}
        for name, after in self._look().items():
            before = self._before[name]
            used = [(ns - before.get(pid, 0)) / 1e9 / elapsed_s for pid, ns in after.items()]
            cores[name] = sum(used)
            busiest[name] = max(used, default=0.0)
        after_machine = psutil.cpu_times()
        idle_s = _idle(after_machine) - _idle(self._machine_before)
        total_s = time.monotonic() - self._began_s
        cores["machine"] = max(0.0, ((psutil.cpu_count() or 1) * total_s - idle_s) / elapsed_s)
        return _Used(cores, busiest, elapsed_s)


def _idle(times: Any) -> float:
    return float(times.idle + getattr(times, "iowait", 0.0))
