"""How long the task queue is while a block is measured: looked at now and then, by a thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

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
        """(CLOCK_MONOTONIC ns, messages waiting), in order of time: of all queues together."""
        self.by_queue: dict[str, list[tuple[int, int]]] = {}
        """The same of each queue, by what it is called, where there are several."""
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
            depths = self._broker.depths()
        except Exception:  # the thread would end, and the curve with it  # noqa: BLE001
            depths = None
        if depths is None:
            self.failed += 1
            return
        at_ns = (before_ns + monotonic_ns()) // 2
        self.samples.append((at_ns, sum(depths.values())))
        for queue, depth in depths.items() if len(depths) > 1 else ():
            self.by_queue.setdefault(queue, []).append((at_ns, depth))


def write(
    folder: Path,
    samples: Sequence[tuple[int, int]],
    by_queue: Mapping[str, Sequence[tuple[int, int]]] = MappingProxyType({}),
) -> None:
    """`depth.parquet` with columns `time_ns`, `depth`, and where there are several queues a row for
    each with its `queue`; whole or not at all. OSError (disk full)."""
    import duckdb  # noqa: PLC0415 - 100 ms that `harness --help` must not pay

    partial = (folder / DEPTH_FILE).with_suffix(".partial")
    looks = [(queue, *look) for queue, its in by_queue.items() for look in its]
    rows = looks or [("", *look) for look in samples]
    columns = {
        "queue": np.array([queue for queue, _, _ in rows]),
        "time_ns": np.array([time_ns for _, time_ns, _ in rows], dtype=np.int64),
        "depth": np.array([depth for _, _, depth in rows], dtype=np.int64),
    }
    target = str(partial).replace("'", "''")
    query = f"SELECT time_ns, depth{', queue' if looks else ''} FROM columns"  # noqa: S608 - two words
    with duckdb.connect() as database:
        database.register("columns", columns)
        database.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(folder / DEPTH_FILE)
