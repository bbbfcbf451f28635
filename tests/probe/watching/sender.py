"""A client that does not wait: `python -m tests.probe.watching.sender COUNT [REPLY_TO]`

Answers with its tag, waits for a line of input, publishes COUNT units of the cell spec's workload
inside `senders_reply_to`, says so and waits for the end of its input.
"""

from __future__ import annotations

import sys

from harness.probe.answers import answer
from harness.probe.app import app
from harness.probe.app_variables import load_spec
from harness.probe.loads.unwatched import senders_reply_to
from harness.probe.recording.events import UnitFlag
from harness.probe.recording.ids import new_tag
from harness.probe.recording.recorder import Recorder
from harness.probe.workloads.registry import units_of
from harness.probe.workloads.units import UnitRunner


def main() -> None:
    count = int(sys.argv[1])
    reply_to = sys.argv[2] if len(sys.argv) > 2 else None
    spec = load_spec()
    recorder = Recorder(spec["events"], "client")
    recorder.open()
    tag = new_tag()
    units = UnitRunner(recorder, 30.0, tag)
    workload = units_of(spec["workload"])
    answer({"done": "start", "tag": f"{tag:016x}"})
    sys.stdin.readline()
    with senders_reply_to(app, reply_to):
        results = [units.publish(unit, workload, UnitFlag.MEASURED) for unit in range(count)]
        assert None not in results, units.publish_errors
    answer({"done": "publish"})
    sys.stdin.read()
    recorder.close()


if __name__ == "__main__":
    main()
