"""Whether somebody still writes a run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_being_written(folder: Path) -> bool | None:
    """Whether a living process holds the lock on the run's folder; None if that is unknowable.

    The kernel drops the lock with the process that holds it, so a killed run never looks alive,
    and no process id has to be trusted.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(handle)
    return False
