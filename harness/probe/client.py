"""The client process: the load generator. `python -m harness.probe.client`

It obeys commands, one JSON object per line on standard input, and answers each with one line
on standard output, `{"done": NAME, ...}` or `{"error": TEXT, ...}`; first of all comes
`{"done": "start", "unknown_settings": [...]}`, once its app is built:

- `probe`: publish `count` tasks that each hold a pool process for `hold_s`, and see them back;
- `warmup`: run the cell's warm-up units, always as closed load, and check them;
- `measure`: run the measured units;
- `check`: fetch and check what nobody saw yet, within `limit_s`;
- `stop`: start no further unit (honoured while `measure` runs);
- `exit`, or the end of the input: leave.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from typing import Any

from harness.probe import afterwards, loads, sqs_requests
from harness.probe.app import app, load_spec
from harness.probe.events import NO_ID, Kind, Outcome, UnitFlag
from harness.probe.ids import new_tag
from harness.probe.recorder import Recorder
from harness.probe.software import unknown_settings, versions
from harness.probe.units import Published, UnitRunner
from harness.probe.workloads import WORKLOADS, Probe


class Client:
    """State of one client process between commands."""

    def __init__(self, spec: dict[str, Any], stop: threading.Event) -> None:
        self._spec = spec
        self._recorder = Recorder(spec["events"], "client", versions=versions())
        self._recorder.open()
        sqs_requests.count(self._recorder, spec["settings"].get("broker_url", ""))
        self._tag = new_tag()
        self._units = UnitRunner(self._recorder, spec["timeout_s"], self._tag)
        self._workload = WORKLOADS[spec["workload"]["workload"]](spec["workload"])
        self._callers = loads.Closed(self._units, stop, spec["load"].get("in_flight", 8))
        self._load = loads.make(spec["load"], self._units, stop, self._callers)
        self._next_unit = 0
        self._unresolved: list[Published] = []

    def probe(self, count: int, hold_s: float, timeout_s: float) -> dict[str, Any]:
        """Publish `count` probe tasks at once and wait for them; how many came back."""
        workload = Probe(hold_s)
        units = UnitRunner(self._recorder, timeout_s, self._tag)
        sent = [units.publish(self._number(), workload, UnitFlag.PROBE) for _ in range(count)]
        outcomes = [units.wait(published) for published in sent if published is not None]
        return {"back": outcomes.count(Outcome.OK), "errors": units.publish_errors}

    def warmup(self) -> dict[str, Any]:
        """Run the warm-up units and check them."""
        count = self._spec["warmup"]
        if count:
            extent = loads.Extent(count, None)
            first = self._next_unit
            self._unresolved += self._callers.run(self._workload, first, extent, UnitFlag.WARMUP)
            self._next_unit += count
        return {"gave_up": self._callers.gave_up}

    def measure(self) -> dict[str, Any]:
        """Run the measured units."""
        extent = loads.Extent(self._spec["units"], self._spec["duration_s"])
        record = self._recorder.record
        cpu_ns = time.process_time_ns()
        record(Kind.MEASURE_BEGIN, NO_ID, time.monotonic_ns())
        left = self._load.run(self._workload, self._next_unit, extent, UnitFlag.MEASURED)
        record(Kind.MEASURE_END, NO_ID, time.monotonic_ns())
        self._unresolved += left
        return {
            "client_cpu_ns": time.process_time_ns() - cpu_ns,
            "unresolved": len(left),
            "unresolved_tasks": len(left) * self._workload.tasks_per_unit,
            "gave_up": self._load.gave_up,
            "publish_errors": self._units.publish_errors,
        }

    def check(self, limit_s: float) -> dict[str, Any]:
        """Give every unit without a result its outcome."""
        afterwards.check_all(app, self._units, self._unresolved, limit_s)
        self._unresolved = []
        return {}

    def close(self) -> None:
        """Give the event log's unused space back."""
        self._recorder.close()

    def _number(self) -> int:
        self._next_unit += 1
        return self._next_unit - 1


def main() -> None:
    """Obey until told to exit."""
    stop = threading.Event()
    commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(commands, stop), daemon=True).start()
    spec = load_spec()
    client = Client(spec, stop)
    _answer({"done": "start", "unknown_settings": unknown_settings(spec["settings"])})
    while (command := commands.get())["do"] != "exit":
        name = command.pop("do")
        try:
            _answer({"done": name, **getattr(client, name)(**command)})
        except Exception as error:  # reported to the harness, which words it  # noqa: BLE001
            _answer({"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()})
    client.close()
    sys.stdout.flush()
    # Results' finalisers may still talk to a server that is being taken away.
    os._exit(0)


def _listen(commands: queue.SimpleQueue[dict[str, Any]], stop: threading.Event) -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "stop":
            stop.set()
        else:
            commands.put(command)
    stop.set()
    commands.put({"do": "exit"})


def _answer(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
