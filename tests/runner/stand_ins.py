"""Processes that stand for the workers of some groups: no Celery, and started in no time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.crew.workers import Workers, numbered
from harness.processes import Process, spawn
from harness.scenario.models.configuration import Worker

IDLE = ("import time; time.sleep(600)",)
"""What does nothing."""


@contextmanager
def stand_ins(
    folder: Path, groups: Mapping[str, Worker], code: Sequence[str] = IDLE
) -> Iterator[Workers]:
    """One for each worker of the groups: `python -c` with `code` and its arguments."""
    with ExitStack() as stack:

        def starter(number: int) -> Callable[[int], Process]:
            def start(times: int) -> Process:
                name = f"worker{number}"
                command = [sys.executable, "-c", *code]
                process = spawn(command, name=name, log=folder / f"{name}-{times}", env=os.environ)
                stack.callback(process.kill)
                return process

            return start

        told = numbered(groups)
        starters = [starter(number) for group in told for number in group.numbers]
        workers = Workers(starters, told, folder / "over")
        workers._processes = [start(0) for start in starters]
        yield workers
