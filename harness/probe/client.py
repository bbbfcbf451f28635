"""The client process: the load generator. `python -m harness.probe.client`

It obeys commands, one JSON object per line on standard input, and answers each with one line
on standard output, `{"done": NAME, ...}` or `{"error": TEXT, ...}`; first of all comes
`{"done": "start", "unknown_settings": [...], "tag": HEX}`, once its app is built:

- `probe`: publish `count` tasks that each hold a pool process for `hold_s`, and see them back;
- `warmup`: run the cell's warm-up units, always as closed load, and check them; call each part
  of a mix once of which there was none;
- `measure`: run the measured units of a closed load or a backlog, or a slice of them;
- `send`: run the phases of an open loop, from the moment `at_ns` on;
- `schedule`: stand by while beat publishes, until `end_ns`;
- `check`: fetch and check what nobody saw yet, within `limit_s`;
- `stop`: start no further unit (honoured while `measure` and `send` run);
- `exit`, or the end of the input: leave.

Several clients share a load: each runs its part of it, with unit numbers of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Sequence

from harness.probe import publishing
from harness.probe.answers import answer
from harness.probe.app import app, handlers
from harness.probe.app_variables import CLIENT_VARIABLE, load_spec
from harness.probe.loads import pacer
from harness.probe.loads.base import Extent
from harness.probe.loads.base import make as make_load
from harness.probe.loads.closed import Closed
from harness.probe.loads.open_loop import OpenLoop
from harness.probe.loads.unwatched import senders_reply_to
from harness.probe.recording import connections, sqs_requests
from harness.probe.recording.events import NO_ID, Kind, Outcome, UnitFlag
from harness.probe.recording.ids import first_unit, new_tag
from harness.probe.recording.recorder import Recorder
from harness.probe.software import unknown_settings, versions
from harness.probe.spoken import (
    CellSpec,
    Line,
    MeasureAnswer,
    PhaseSpec,
    ProbeAnswer,
    ScheduleAnswer,
    SendAnswer,
    WarmupAnswer,
)
from harness.probe.watching import afterwards
from harness.probe.workloads import periodic
from harness.probe.workloads.base import Probe
from harness.probe.workloads.mix import Mixed
from harness.probe.workloads.registry import units_of
from harness.probe.workloads.units import Published, UnitRunner


class Client:
    """State of one client process between commands."""

    def __init__(self, spec: CellSpec, stop: threading.Event, number: int, of: int) -> None:
        """The `number`-th (from 0) of that many clients."""
        self._spec = spec
        self._stop = stop
        self._number, self._of = number, of
        self.tag = new_tag()
        self._recorder = Recorder(spec["events"], "client", versions=versions(spec["packages"]))
        self._recorder.open()
        sqs_requests.count(self._recorder, spec["settings"].get("broker_url", ""))
        connections.watch(self._recorder)
        if handlers is not None:
            handlers.record_into(self._recorder)
        self._units = UnitRunner(self._recorder, spec["timeout_s"], self.tag)
        self._workload = units_of(spec["workload"])
        self._callers = Closed(self._units, stop, self._part(spec["load"]["callers"]))
        self._load = make_load(spec["load"], self._units, stop, self._callers)
        # Beat has a tag of its own, which the harness drew, so that its fires can be asked for.
        beat = spec.get("schedule")
        self._published_by = self._units
        if beat is not None:
            tag = int(beat["tag"], 16)
            self._published_by = UnitRunner(self._recorder, spec["timeout_s"], tag)
        self._stores_results: bool = spec.get("stores_results", True)
        self._open_loop: OpenLoop | None = None
        self._sent = False
        """Phases of an open loop, or a slice of a load: further ones go on where they ended."""
        self._next_unit = first_unit(number)
        self._unresolved: list[Published] = []

    def probe(
        self, count: int, hold_s: float, timeout_s: float, queue: str | None = None
    ) -> ProbeAnswer:
        """Publish `count` probe tasks at once, to a queue or to the default one, and wait for them;
        how many came back. Where no results are stored, how many were published."""
        workload = Probe(hold_s, queue)
        units = UnitRunner(self._recorder, timeout_s, self.tag)
        sent = [units.publish(self._take(), workload, UnitFlag.PROBE) for _ in range(count)]
        if not self._stores_results:
            back = count - sent.count(None)
            return {"back": back, "errors": units.publish_errors}
        outcomes = [units.wait(published) for published in sent if published is not None]
        return {"back": outcomes.count(Outcome.OK), "errors": units.publish_errors}

    def warmup(self) -> WarmupAnswer:
        """Run the warm-up units and check them; without results, only publish them."""
        count = self._part(self._spec["warmup"])
        self._begin_round()
        self._check_room(count)
        first = self._next_unit
        if "senders" in self._spec["load"]:
            self._senders(self._spec["load"]["senders"]).warm_up(lambda: app.backend)
        if count and not self._stores_results:
            for _ in range(count):
                self._units.publish(self._take(), self._workload, UnitFlag.WARMUP)
        elif count:
            extent = Extent(count, None)
            self._unresolved += self._callers.run(
                self._workload, self._numbers_left, extent, UnitFlag.WARMUP
            )
            self._next_unit += count
        called = 0
        if isinstance(self._workload, Mixed) and self._number == 0:
            called = self._call_the_others(self._workload, range(first, self._next_unit))
        failures = {str(unit): words for unit, words in self._units.failures.items()}
        later_s = sorted(self._callers.took_s[len(self._callers.took_s) // 2 :])
        return {
            "gave_up": self._callers.gave_up,
            "failures": failures,
            "called": called,
            "unit_s": later_s[len(later_s) // 2] if later_s else None,
        }

    def _call_the_others(self, workload: Mixed, called: range) -> int:
        """Call each part of which none of the units `called` is: no first call is a measured one.
        How many were published."""
        if self._callers.gave_up or self._stop.is_set():
            return 0
        sent = []
        for unit in workload.first_units(called):
            sent.append(self._units.publish(unit, self._workload, UnitFlag.WARMUP))
            self._next_unit = unit + 1
        on_their_way = [published for published in sent if published is not None]
        for published in on_their_way if self._stores_results else ():
            if self._units.wait(published) is Outcome.TIMED_OUT:
                self._unresolved.append(published)
        return len(on_their_way)

    def _senders(self, count: int) -> OpenLoop:
        """The threads of an open loop."""
        if self._open_loop is None:
            self._open_loop = OpenLoop(self._stop, count)
        return self._open_loop

    def measure(self, duration_s: float | None = None, units: int | None = None) -> MeasureAnswer:
        """Publish the measured units as the load says; returns when they are over, or nobody goes
        on. `duration_s` or `units` (over all clients): of a slice, after which further ones may
        follow."""
        units = self._spec["units"] if units is None else units
        duration_s = self._spec["duration_s"] if duration_s is None else duration_s
        record = self._recorder.record
        if not self._sent:  # a further slice goes on where the last one ended
            self._begin_round()
            self._sent = True
        cpu_ns = time.process_time_ns()
        begin_ns = time.monotonic_ns()
        record(Kind.MEASURE_BEGIN, NO_ID, begin_ns)
        extent = Extent(
            None if units is None else self._part(units),
            None if duration_s is None else begin_ns / 1e9 + duration_s,
        )
        left = self._load.run(self._workload, self._numbers_left, extent, UnitFlag.MEASURED)
        self._next_unit = self._load.next_unit
        record(Kind.MEASURE_END, NO_ID, time.monotonic_ns())
        self._unresolved += left
        return {
            "client_cpu_ns": time.process_time_ns() - cpu_ns,
            "unresolved": len(left),
            "unresolved_tasks": len(left) * self._workload.tasks_per_unit,
            "gave_up": self._load.gave_up,
            "out_of_numbers": self._load.out_of_numbers,
            "publish_errors": self._units.publish_errors,
        }

    def send(
        self,
        phases: Sequence[PhaseSpec],
        seed: int,
        at_ns: int,
        give_up_ns: int,
        reply_to: str | None = None,
    ) -> SendAnswer:
        """Run phases of an open loop that begins at `at_ns`.

        Results of the rpc backend go to `reply_to`, or all to the queue of this thread, which is
        the one that checks them afterwards; it was declared when this thread sent probe tasks.
        """
        load = self._spec["load"]
        if not self._sent:
            self._begin_round()
            self._sent = True
        replies = reply_to or app.thread_oid
        planned = pacer.arrivals(pacer.phases_of(phases), load["arrivals"], seed)
        first = self._next_unit
        record = self._recorder.record
        cpu_ns = time.process_time_ns()
        record(Kind.MEASURE_BEGIN, NO_ID, at_ns)
        sent = self._senders(load["senders"]).run(
            lambda: publishing.make(load["publish"], app, self._units, self._workload),
            pacer.Pacer(pacer.share(planned, self._number, self._of)),
            self._numbers_left,
            at_ns,
            give_up_ns,
            lambda: senders_reply_to(app, replies),
        )
        record(Kind.MEASURE_END, NO_ID, time.monotonic_ns())
        self._next_unit = sent.last
        return {
            "client_cpu_ns": time.process_time_ns() - cpu_ns,
            "sent": sent.last - first - len(sent.refused),
            "unsent": {str(phase): count for phase, count in sent.unsent.items()},
            "out_of_numbers": sent.out_of_numbers,
            "publish_errors": self._units.publish_errors,
        }

    def schedule(self, begin_ns: int, end_ns: int) -> ScheduleAnswer:
        """Say what is to be measured of beat's schedule, and wait until it is over."""
        record = self._recorder.record
        record(Kind.MEASURE_BEGIN, NO_ID, begin_ns)
        for point_ns in periodic.points(app, self._spec["workload"], begin_ns, end_ns):
            record(Kind.POINT, NO_ID, point_ns)
        self._stop.wait(max(0.0, (end_ns - time.monotonic_ns()) / 1e9))
        end_ns = min(end_ns, time.monotonic_ns())
        record(Kind.MEASURE_END, NO_ID, end_ns)
        return {"end_ns": end_ns}

    def check(self, limit_s: float, units: Iterable[int] = ()) -> Line:
        """Give every unit without a result its outcome: those that a closed load or a backlog
        left, and `units` of an open loop or of beat."""
        waiting = self._unresolved
        waiting += [self._published_by.published(unit, self._workload) for unit in units]
        afterwards.check_all(app, self._units, waiting, limit_s)
        self._unresolved = []
        return {}

    def close(self) -> None:
        """Give the event log's unused space back."""
        self._recorder.close()

    def _part(self, whole: int) -> int:
        """This client's part of a number that all share."""
        return whole // self._of + (self._number < whole % self._of)

    def _begin_round(self) -> None:
        """Go on with a number at which a mix begins anew: however many probe tasks there were, all
        blocks of a run then measure the same units."""
        every = self._workload.round_units
        self._next_unit += -self._next_unit % every

    @property
    def _numbers_left(self) -> range:
        """For units to come: a number beyond a client's own would be the next client's unit."""
        return range(self._next_unit, first_unit(self._number + 1))

    def _check_room(self, count: int) -> None:
        if count > len(self._numbers_left):
            raise RuntimeError(f"no numbers are left for {count:,} more units of this client")

    def _take(self) -> int:
        self._check_room(1)
        self._next_unit += 1
        return self._next_unit - 1


def main() -> None:
    """Obey until told to exit."""
    _open_many_files()
    stop = threading.Event()
    commands: queue.SimpleQueue[Line] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands, stop), daemon=True).start()
    spec = load_spec()
    number, _, of = os.environ.get(CLIENT_VARIABLE, "0/1").partition("/")
    client = Client(spec, stop, int(number), int(of))
    unknown = unknown_settings(spec["settings"])
    answer({"done": "start", "unknown_settings": unknown, "tag": f"{client.tag:016x}"})
    while (command := commands.get())["do"] != "exit":
        name = command.pop("do")
        try:
            answer({"done": name, **getattr(client, name)(**command)})
        except Exception as error:  # reported to the harness, which words it  # noqa: BLE001
            answer({"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()})
    client.close()
    sys.stdout.flush()
    # Results' finalisers may still talk to a server that is being taken away.
    os._exit(0)


def _open_many_files() -> None:
    """A caller keeps two connections open or three, and a load may have thousands of callers."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # not every system lets one have them all
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listen(commands: queue.SimpleQueue[Line], stop: threading.Event) -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "stop":
            stop.set()
        else:
            commands.put(command)
    stop.set()
    commands.put({"do": "exit"})


if __name__ == "__main__":
    main()
