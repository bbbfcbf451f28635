"""What backends have in common that keep results and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.errors import ServiceError
from harness.services.base import CeleryEnd, StoredResults, TaskQueue
from harness.workspace import Promise, Workspace

TASK_KEY = "celery-task-meta-"
"""How Celery's key-value backends begin the key of a task's result."""


class ResultsNamespace:
    """The part of a results backend that one block may touch: it is told what its parts are."""

    queue = ""
    exact_depth = False

    def __init__(
        self,
        *,
        isolation: str,
        end: CeleryEnd,
        stored: Callable[[], StoredResults | None],
        remove: Callable[[], None],
        promised: tuple[Workspace, Promise] | None = None,
    ) -> None:
        """`remove` takes away all that the block left; then the promise, if any, is kept."""
        self.isolation = isolation
        self._end = end
        self._stored = stored
        self._remove = remove
        self._promised = promised
        self._closed = False

    def broker(self) -> CeleryEnd:
        """ServiceError always: the service keeps results only."""
        raise ServiceError("this service keeps results only: name a broker, e.g. `service: redis`")

    def backend(self) -> CeleryEnd:
        """How Celery uses the namespace as result backend."""
        return self._end

    def declare(self, queues: Sequence[TaskQueue]) -> None:
        """ServiceError always, as `broker`."""
        del queues
        self.broker()

    def depths(self) -> None:
        """None: there are no queues."""

    def strays(self) -> Mapping[str, int]:
        """None: there are no queues."""
        return {}

    def depth(self) -> int | None:
        """None: there is no queue."""
        return None

    def unacknowledged(self) -> int | None:
        """None: there is no queue."""
        return None

    def stored(self) -> StoredResults | None:
        """Number and bytes of the block's results that are there now."""
        return self._stored()

    def close(self) -> None:
        """Remove what the block left. Idempotent."""
        if self._closed:
            return
        self._remove()
        if self._promised is not None:
            workspace, promise = self._promised
            workspace.fulfil(promise)
        self._closed = True
