"""How long the task queue is while a block is measured: looked at now and then, by a thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from harness.clock import monotonic_ns
from harness.services.base import Namespace

DEPTH_FILE = "depth.parquet"
INTERVAL_S = 1.0
_END_S = 30.0
"""How long a look under way may take when sampling ends; each driver bounds it to less."""


class DepthSampler:
    """Looks at the queue at once and then every `interval_s` until the context ends.

    One look is one cheap question to the broker; its answer stands at the middle of the look.
    A look that fails is counted and the next one is tried: no block dies of it.
    """

    def __init__(
        self,
        broker: Namespace,
        interval_s: float = INTERVAL_S,
        meanwhile: Callable[[], float] | None = None,
    ) -> None:
        """`meanwhile` is called in between, in the same thread: once, and again after as many
        seconds as it says. It should be quick; when it raises, it is not called again."""
        self._broker = broker
        self._meanwhile = meanwhile
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="depth", daemon=True)
        self.samples: list[tuple[int, int]] = []
        """(CLOCK_MONOTONIC ns, messages waiting), in order of time."""
        self.failed = 0
        """Looks without an answer."""

    def __enter__(self) -> DepthSampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(_END_S)

    def _run(self) -> None:
        due_ns, interval_ns = monotonic_ns(), int(self._interval_s * 1e9)
        while True:
            self._look()
            # A late look is not made up for: the next one is due at a whole interval from begin.
            due_ns += interval_ns * max(1, -((due_ns - monotonic_ns()) // interval_ns))
            if self._has_ended_by(due_ns):
                return

    def _has_ended_by(self, due_ns: int) -> bool:
        while True:
            again_s = self._do_meanwhile()
            left_s = max(0.0, (due_ns - monotonic_ns()) / 1e9)
            if self._ended.wait(min(left_s, max(0.0, again_s))):
                return True
            if again_s >= left_s or left_s == 0:
                return False

    def _do_meanwhile(self) -> float:
        """In how many seconds there is more of it to do."""
        if self._meanwhile is None:
            return float("inf")
        try:
            return self._meanwhile()
        except Exception:  # the thread would end, and the curve with it  # noqa: BLE001
            self._meanwhile = None
            return float("inf")

    def _look(self) -> None:
        before_ns = monotonic_ns()
        try:
            depth = self._broker.depth()
        except Exception:  # the thread would end, and the curve with it  # noqa: BLE001
            depth = None
        if depth is None:
            self.failed += 1
        else:
            self.samples.append(((before_ns + monotonic_ns()) // 2, depth))


def write(folder: Path, samples: Sequence[tuple[int, int]]) -> None:
    """`depth.parquet` with columns `time_ns`, `depth`; whole or not at all. OSError (disk full)."""
    import duckdb  # noqa: PLC0415 - 100 ms that `harness --help` must not pay

    partial = (folder / DEPTH_FILE).with_suffix(".partial")
    columns = {
        "time_ns": np.array([time_ns for time_ns, _ in samples], dtype=np.int64),
        "depth": np.array([depth for _, depth in samples], dtype=np.int64),
    }
    target = str(partial).replace("'", "''")
    query = "SELECT time_ns, depth FROM columns"
    with duckdb.connect() as database:
        database.register("columns", columns)
        database.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(folder / DEPTH_FILE)
