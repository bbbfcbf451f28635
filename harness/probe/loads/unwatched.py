"""Publishing by threads that do not watch for results, because an observer does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

_DEPTH = "_unwatched_depth"
_lock = threading.Lock()


@contextmanager
def senders_reply_to(app: Celery, reply_to: str | None) -> Iterator[None]:
    """While it holds, tasks that this thread publishes name `reply_to` as the queue for their
    results, and their publisher does not watch for them.

    Celery would watch with each publish call: SUBSCRIBE on Redis, and on rpc declare the reply
    queue and, for a group, consume it, which would take the results from the observer. Messages
    stay as they are. Without `reply_to` an rpc backend keeps its own queue and ways. Must be
    entered in the thread that publishes: its queue and, as a rule, its backend are its own.
    """
    backend = app.backend
    own_queue = reply_to is None and hasattr(backend, "binding")
    if own_queue or not hasattr(backend, "result_consumer"):
        yield
        return
    with _naming(vars(app._local), reply_to), _naming(vars(backend), reply_to):
        _watch_less(backend)
        try:
            yield
        finally:
            _watch_again(backend)


@contextmanager
def _naming(namespace: dict[str, Any], reply_to: str | None) -> Iterator[None]:
    """The two places where Celery remembers a thread's reply queue under `oid`."""
    before = namespace.get("oid")
    if reply_to is not None:
        namespace["oid"] = reply_to
    try:
        yield
    finally:
        namespace.pop("oid", None)
        if before is not None:
            namespace["oid"] = before


def _watch_less(backend: Any) -> None:
    # Threads share a backend under `result_backend_thread_safe`: the last one puts it right.
    with _lock:
        own = vars(backend)
        own[_DEPTH] = own.get(_DEPTH, 0) + 1
        own["on_task_call"] = _nothing
        own["add_pending_result"] = own["remove_pending_result"] = _itself


def _watch_again(backend: Any) -> None:
    with _lock:
        own = vars(backend)
        own[_DEPTH] -= 1
        if own[_DEPTH] == 0:
            for name in (_DEPTH, "on_task_call", "add_pending_result", "remove_pending_result"):
                del own[name]


def _nothing(producer: Any, task_id: str) -> None:
    pass


def _itself(result: Any, *_: Any, **__: Any) -> Any:
    return result
