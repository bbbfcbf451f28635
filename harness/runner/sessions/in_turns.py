"""What sessions share whose load can be put on in slices, in turn with that of a twin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from harness.crew.workers import Workers
from harness.runner.sessions.loaded import Loaded, since
from harness.runner.sessions.session import Session
from harness.runner.slices import Slice
from harness.usage import Usage


class TurnsSession(Session):
    """A session that puts its load on at once (`load`), or slice by slice."""

    def slice(self, one: Slice) -> None:
        """Put this much on, and wait until nothing of it is under way."""
        raise NotImplementedError

    def left(self) -> Loaded:
        """What all that was put on so far has left."""
        raise NotImplementedError

    @property
    def gave_up(self) -> bool:
        """Whether a client found that nothing comes back any more, or has no numbers left."""
        raise NotImplementedError

    def publishes_further(self) -> bool:
        """Whether tasks have published tasks so far: these may run on when a slice is over."""
        if not self.room.shape.own_tasks:
            return False
        self.drain.finished()  # looks
        return self.drain.spawned() > 0


class WorkersUsed:
    """What the workers of each group used in some stretches of time, added up."""

    def __init__(self) -> None:
        self.so_far: Mapping[str, Usage] = {}

    @contextmanager
    def meanwhile(self, workers: Workers) -> Iterator[None]:
        """One stretch."""
        before = workers.usage()
        yield
        added = {}
        for name, used in since(before, workers.usage()).items():
            last = self.so_far.get(name, Usage(0, 0))
            cpu_ns, grown = last.cpu_ns + used.cpu_ns, last.grown_bytes + used.grown_bytes
            added[name] = Usage(cpu_ns, used.peak_rss_bytes, grown)
        self.so_far = added
