"""Logs of clients, workers and servers, as a record keeps them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def keep_logs(source: Path, target: Path, redact: Callable[[str], str]) -> None:
    """Copy the logs into the record, without credentials."""
    target.mkdir(exist_ok=True)
    for log in sorted(source.glob("*.log")):
        text = log.read_text(encoding="utf-8", errors="replace")
        (target / log.name).write_text(redact(text), encoding="utf-8")
