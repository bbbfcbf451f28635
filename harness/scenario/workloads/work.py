"""The workload `work`: tasks made of CPU time, sleep, memory and payloads, by their amounts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar, Literal

from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.workloads.amounts import Amount, BytesAmount, DurationAmount
from harness.scenario.workloads.base import MOST_BYTES, OneTask, beyond_timeout
from harness.units import format_bytes


class WorkWorkload(OneTask):
    """`work(unit, ...)`: computes, sleeps, holds memory and gives back a text of the unit's own.
    Each amount is the same for all units, or drawn for each of them."""

    prebuilt: ClassVar[bool] = True
    task: ClassVar[str] = "harness.probe.workloads.work.work"

    workload: Literal["work"]
    cpu: DurationAmount | None = None
    """CPU time of the thread that runs the task: it computes until the thread's own clock has moved
    by so much. Sleep does not count."""
    sleep: DurationAmount | None = None
    """Beside that: the slot is held, and no CPU time is used."""
    payload_bytes: BytesAmount | None = None
    """Of a text that the message carries."""
    result_bytes: BytesAmount | None = None
    """Of the text that it gives back, which is never shorter than the two numbers in it; without
    it, the unit's number."""
    memory: BytesAmount | None = None
    """That the task holds while it runs, each page of it in use."""

    @property
    def cpu_s(self) -> float:
        """In the mean."""
        return 0.0 if self.cpu is None else self.cpu.mean

    @property
    def least_run_s(self) -> float:
        """What it computes and sleeps in the mean."""
        return self.cpu_s + (0.0 if self.sleep is None else self.sleep.mean)

    @property
    def largest_message_bytes(self) -> int:
        """What some units are sure to carry."""
        return _often_bytes(self.payload_bytes)

    def result_payloads(self) -> Iterator[tuple[Location, int]]:
        """The result is made, whatever the message carries."""
        yield ("workload", "result_bytes"), _often_bytes(self.result_bytes)

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """Tasks that take longer than a unit may, or more memory than there is."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        for name in ("cpu", "sleep"):
            yield from as_far_as_known(self._too_long, name, measure)
        yield from as_far_as_known(self._too_much)

    def _too_much(self) -> Iterator[Conflict]:
        """One that is drawn in ten thousand is drawn in most runs, and fells the machine."""
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if self.memory is None or self.memory.rarely < there:
            return
        who = "a task" if self.memory.value is not None else "one task in 10,000"
        message = f"{who} takes {format_bytes(self.memory.rarely)} or more, and this machine has"
        instead = "lower it" if self.memory.value is not None else 'give "max:", or lower it'
        yield ("workload", "memory"), f"{message} {format_bytes(there)}: {instead}"

    def _too_long(self, name: str, measure: Measure) -> Iterator[Conflict]:
        amount: Amount | None = getattr(self, name)
        if amount is None or amount.often < measure.timeout:
            return
        how = "a unit takes" if amount.value is not None else "some units take"
        what = f"{how} {amount.often:.3g} s"
        yield ("workload", name), beyond_timeout(what, measure, f"lower {name}")


def _often_bytes(amount: Amount | None) -> int:
    return 0 if amount is None else min(MOST_BYTES, int(amount.often))
