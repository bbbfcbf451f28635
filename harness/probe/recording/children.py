"""The life of a prefork pool's processes: when each was forked, and why it ended.

A pool's main process knows whom it started, whom it ended itself and whom it found gone; only the
process itself knows why it leaves (billiard/pool.py, Worker.workloop). So both write it down, each
into its own event log: three records for a whole process, none for a task.
"""

from __future__ import annotations

import functools
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from celery import concurrency, signals

from harness.probe.recording import spawned
from harness.probe.recording.events import NO_ID, ChildEnd, Kind
from harness.probe.recording.recorder import Recorder

_EX_RECYCLE = 0x9B
"""billiard's exit code of a process that has had its tasks, or too much memory."""
_LIMITED = "_harness_time_limit"
_POOL = "celery.concurrency.prefork"
_KIB = 1024


def watch(recorder: Recorder) -> None:
    """Record the lives of the pool's processes, as soon as it is known that the pool has any."""

    def worker_init(sender: Any, **_: Any) -> None:
        pool: Any = concurrency.get_implementation(sender.pool_cls)
        prefork = sys.modules.get(_POOL)
        if prefork is not None and issubclass(pool, prefork.TaskPool):
            _watch_pool(prefork.BlockingPool, recorder)
            spawned.prepare(sender)

    def process_ends(exitcode: int | None = None, **_: Any) -> None:
        code = exitcode or 0
        end = _why(code)
        recorder.record(
            Kind.CHILD_LEAVES, NO_ID, time.monotonic_ns(), peak_kib(), code & 0xFFFF, end
        )
        recorder.close(flush=False)  # nobody waits for the disk here

    signals.worker_init.connect(worker_init, weak=False)
    signals.worker_process_shutdown.connect(process_ends, weak=False)


def peak_kib() -> int:
    """The most memory that this process has had, in KiB, as billiard reads it itself."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return min(most // _KIB if sys.platform == "darwin" else most, 0xFFFFFFFF)


def _why(code: int) -> ChildEnd:
    """Why this process leaves. What it was told when it began stands in the frame that ends it."""
    if code != _EX_RECYCLE:
        return ChildEnd.CLOSED
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "_do_exit":
        frame = frame.f_back  # type: ignore[assignment] # None ends it
    worker = None if frame is None else frame.f_locals.get("self")
    most_kib = getattr(worker, "max_memory_per_child", None) or 0
    return ChildEnd.MOST_MEMORY if 0 < most_kib < peak_kib() else ChildEnd.MOST_TASKS


def _watch_pool(pool: Any, recorder: Recorder) -> None:
    create: Callable[..., Any] = pool._create_worker_process
    join: Callable[..., Any] = pool._join_exited_workers
    kill: Callable[..., Any] = pool.TimeoutHandler._trywaitkill

    @functools.wraps(create)
    def created(self: Any, index: int) -> Any:
        begin_ns = time.monotonic_ns()
        process = create(self, index)
        recorder.record(Kind.CHILD_FORKED, NO_ID, begin_ns, process.pid, index)
        return process

    @functools.wraps(join)
    def joined(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = list(self._pool)
        try:
            return join(self, *args, **kwargs)
        finally:
            left = set(map(id, self._pool))
            for process in before:
                if id(process) not in left:
                    slot, end = process.index, _by_whom(process)
                    recorder.record(
                        Kind.CHILD_GONE, NO_ID, time.monotonic_ns(), process.pid, slot, end
                    )

    @functools.wraps(kill)
    def killed(self: Any, process: Any) -> Any:
        setattr(process, _LIMITED, True)
        return kill(self, process)

    pool._create_worker_process = created
    pool._join_exited_workers = joined
    pool.TimeoutHandler._trywaitkill = killed


def _by_whom(process: Any) -> ChildEnd:
    """What the pool has done to a process, if it has."""
    if getattr(process, _LIMITED, False):
        return ChildEnd.TIME_LIMIT
    if getattr(process, "_job_terminated", False):
        return ChildEnd.TERMINATED
    if getattr(process, "_controlled_termination", False):
        return ChildEnd.SHRUNK
    return ChildEnd.NOT_TOLD
