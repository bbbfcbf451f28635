"""Where kombu keeps the messages of a queue on Redis: in lists, one for each step of priority."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# kombu/transport/redis.py, Channel: how one queue is spread over lists by priority.
_PRIORITY_STEPS = (0, 3, 6, 9)
_PRIORITY_SEPARATOR = "\x06\x16"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_CELERY = re.compile(r"celeryev\..*|.*\.pidbox|celery-taskset-meta-.*|chord-.*|unacked.*")
"""Lists that are no task queues: events, mailboxes, headers of chords. A UUID is a client's queue
for replies."""


class Lists:
    """The lists of a namespace's queues."""

    def __init__(self, prefix: str, options: Mapping[str, Any]) -> None:
        """`prefix` of all keys; `options` of the transport, two of which decide about the lists."""
        self._prefix = prefix
        self._steps: Sequence[int] = options.get("priority_steps", _PRIORITY_STEPS)
        self._separator = str(options.get("sep", _PRIORITY_SEPARATOR))

    def of(self, queue: str) -> tuple[str, ...]:
        """Keys of the lists of a queue: that of priority 0 has its plain name."""
        steps = (f"{self._separator}{n}" if n else "" for n in self._steps)
        return tuple(f"{self._prefix}{queue}{step}" for step in steps)

    def queues_in(self, keys: Iterable[bytes]) -> set[str]:
        """The task queues that such keys of lists belong to."""
        names = {key.decode("utf-8", "replace").removeprefix(self._prefix) for key in keys}
        queues = {self._without_step(name) for name in names}
        return {
            name for name in queues if not (_OF_CELERY.fullmatch(name) or _UUID.fullmatch(name))
        }

    def _without_step(self, name: str) -> str:
        queue, separator, step = name.rpartition(self._separator)
        return queue if separator and step in {str(n) for n in self._steps} else name
