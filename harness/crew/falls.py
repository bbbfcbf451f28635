"""Workers and beats that ended by themselves: how, and why as far as their logs say."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.processes import Process

_TOLD_LENGTH = 300
_RAISED = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception))\b(?!\.)")
"""How the last line of a traceback begins, where the traceback is not seen."""
_TRACEBACK = "Traceback (most recent call last):"
_RAISED_HERE = re.compile(r"^(?:\w+\.)*(\w+)(?:: .*)?$")
"""The line behind a traceback's: not all types of exceptions are called an error."""
_UNRECOVERABLE = re.compile(r"CRITICAL/MainProcess\] Unrecoverable error: (\w+)\((.*)\)$")
"""What Celery logs when a worker's main process ends by an exception, with its `repr`. What the
pool's end logs comes after that, and may be the last."""
_LOOKED_THROUGH = 1000
"""Lines of a log, from its end, as far as that is read."""
_BANNER = (".>", "[queues]", ". ", "--", "- *")
"""What lines begin with that every worker writes when it starts."""


@dataclass(frozen=True)
class Fall:
    """A worker or beat that ended by itself. What it said last may hold a URL, of which half could
    not be redacted: it is cut when it is told."""

    pid: int
    """Id of the main process."""
    name: str
    said: str
    """How the process ended, with the last words of its log."""
    why: str
    """The type of what it raised, where its last words say so; else how the process ended."""
    at_ns: int
    """When that was noticed (CLOCK_MONOTONIC)."""

    def told(self, redact: Callable[[str], str]) -> str:
        """What it said, fit to be printed: without what `redact` takes out, a few lines at most."""
        return redact(self.said)[:_TOLD_LENGTH]

    @classmethod
    def of(cls, process: Process, group: str = "") -> Fall:
        """The fall of a process that has ended; of a worker's `group` where there are several."""
        tail = process.log_tail(_LOOKED_THROUGH).splitlines()
        lines = [line.strip() for line in tail if line.strip()]
        last = "" if not lines or lines[-1].startswith(_BANNER) else lines[-1]
        told = [found for line in lines if (found := _UNRECOVERABLE.search(line))]
        raised = _raised(tail)
        if told and raised != told[-1][1]:
            raised, last = told[-1][1], f"{told[-1][1]}: {told[-1][2]}"
        elif process.killed:  # what it had raised before, or its tasks, did not end it
            raised = None
        who = f"{process.name} of group {group}" if group else process.name
        how = f"{who} ended with {process.ending}"
        return cls(
            pid=process.pid,
            name=who,
            said=f"{how}: {last}" if last else how,
            why=raised or process.ending,
            at_ns=time.monotonic_ns(),
        )


def _raised(log: Sequence[str]) -> str | None:
    """The type of an exception of which a log's end tells: what comes behind the indented lines of
    the last traceback, or the last line if it looks like one."""
    lines = [line.rstrip() for line in log if line.strip()]
    begins = [place for place, line in enumerate(lines) if line.endswith(_TRACEBACK)]
    behind = lines[begins[-1] + 1 :] if begins else lines[-1:]
    told = next((line for line in behind if not line.startswith(" ")), "")
    over = any(line.startswith("[") for line in behind)  # a worker that logs on has not ended by it
    found = (_RAISED_HERE if begins else _RAISED).match(told)
    if found is None or over:
        found = _RAISED.match(lines[-1].strip()) if lines else None
    return found[1] if found else None
