"""Publishes the same units by each path named, in one process.

`python -m tests.probe.publishing.program FIRST_DUE_NS PATH...`: unit n is due n ns after the first.

Prints one line of JSON: `{path: {"tag": ..., "refused": [...], "errors": {...}}}`. In one process,
because a message also says which process and thread sent it.
"""

from __future__ import annotations

import sys
from typing import Any

from harness.probe import publishing
from harness.probe.answers import answer
from harness.probe.app import app
from harness.probe.app_variables import load_spec
from harness.probe.recording.events import UnitFlag
from harness.probe.recording.ids import new_tag
from harness.probe.recording.recorder import Recorder
from harness.probe.workloads.registry import units_of
from harness.probe.workloads.units import UnitRunner


def main(first_due_ns: int, paths: list[str]) -> None:
    spec = load_spec()
    workload, units_asked = units_of(spec["workload"]), spec["units"] or 0
    recorder = Recorder(spec["events"], "client")
    said: dict[str, Any] = {}
    for path in paths:
        tag = new_tag()
        units = UnitRunner(recorder, 1.0, tag)
        publisher = publishing.make(path, app, units, workload)
        try:
            publisher.prepare()
            refused = []
            for first in range(0, units_asked, publisher.most_at_once):
                some = range(first, min(units_asked, first + publisher.most_at_once))
                dues_ns = [first_due_ns + unit for unit in some]
                refused += publisher.publish(some, dues_ns, UnitFlag.MEASURED)
        except ValueError as error:
            said[path] = {"error": str(error)}
            continue
        finally:
            publisher.close()
        numbers = [published.unit for published in publisher.published()]
        said[path] = {
            "tag": f"{tag:016x}",
            "refused": refused,
            "published": numbers,
            "errors": units.publish_errors,
        }
    recorder.close()
    answer({"done": "publish", "paths": said})


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
