"""Logs of clients, workers and servers, as a record keeps them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.probe.answers import WRONG_RESULT

_LONGEST_LINE = 1000
_MOST_LINES = 20


def keep_logs(source: Path, target: Path, redact: Callable[[str], str]) -> None:
    """Copy the logs into the record, without credentials."""
    target.mkdir(exist_ok=True)
    for log in sorted(source.glob("*.log")):
        text = log.read_text(encoding="utf-8", errors="replace")
        (target / log.name).write_text(redact(text), encoding="utf-8")


def mismatches_in(logs: Path) -> tuple[str, ...]:
    """What the kept logs of clients and observer say of wrong results: one line for each task,
    the first."""
    found: dict[str, str] = {}
    for log in sorted([*logs.glob("client*.log"), *logs.glob("observer*.log")]):
        for line in log.read_text(encoding="utf-8").splitlines():
            if line.startswith(WRONG_RESULT):
                task = line.partition(" (unit ")[0]
                found.setdefault(task, line.removeprefix("harness: ")[:_LONGEST_LINE])
    return tuple(found.values())[:_MOST_LINES]
