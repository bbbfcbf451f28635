"""Pool processes that are no forks of their worker (`worker_pool_start_method: spawn`).

Each is an interpreter of its own, which knows nothing of what its worker has been made to record.
Celery hands it a copy of the app; here it imports the app of the cell instead, as its worker has
done: the same settings and tasks, and with them the recorder.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from billiard import current_process
from celery.concurrency import prefork

_APP = "harness.probe.app"


def is_spawned() -> bool:
    """Whether this process is one of a pool that was started anew, and not forked: code that is
    run when the app is imported then runs in a child."""
    return bool(current_process()._name != "MainProcess")


def worker_pid() -> int:
    """Id of the worker's main process, asked for when the app is imported."""
    return os.getppid() if is_spawned() else os.getpid()


def prepare(worker: Any) -> None:
    """Let the children of a worker be initialised by `initialise`, if it is to spawn them. Celery's
    older versions only fork."""
    if getattr(worker, "pool_start_method", "fork") == "spawn":
        prefork.process_initializer = initialise


def initialise(app: Any, hostname: str) -> None:  # noqa: ARG001 - its signature is Celery's
    """Celery's own initialiser, with the app of the cell. Runs in the child, as its first code."""
    prefork.process_initializer(import_module(_APP).app, hostname)
