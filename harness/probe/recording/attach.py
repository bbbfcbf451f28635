"""Attaches the recorder to a Celery worker, from outside its tasks.

Wrapping `run` and the backend's `store_result` costs 0.6 us each; the signals that Celery
offers for the same moments cost 4.6 us a pair. Both wrappers hold in every pool.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from celery import Celery, signals, states
from celery.app.task import Task
from celery.app.trace import task_has_custom
from celery.exceptions import Ignore, TaskPredicate
from celery.worker.consumer import Consumer
from celery.worker.consumer.gossip import Gossip

from harness.probe.app_variables import GROUP_VARIABLE, RECORDER_VARIABLE
from harness.probe.recording import (
    children,
    connections,
    ran_with,
    receptions,
    side_tasks,
    spawned,
    sqs_requests,
    stops,
)
from harness.probe.recording.cpu import CpuClock
from harness.probe.recording.events import (
    NO_ID,
    RAISED,
    REFUSALS,
    REPLACED,
    UNLOCK,
    Kind,
    cpu_fields,
    id_bytes,
    name_parts,
    reception_position,
)
from harness.probe.recording.handlers import Handlers
from harness.probe.recording.receptions import Origins
from harness.probe.recording.recorder import Recorder
from harness.probe.recording.side_tasks import may_be_a_units
from harness.probe.software import versions
from harness.probe.spoken import QueueSpec

_PR_SET_PDEATHSIG = 1


def to_worker(
    app: Celery,
    events: str,
    packages: Iterable[str],
    measured: Iterable[str] = (),
    handlers: Handlers | None = None,
    queues: Sequence[QueueSpec] = (),
) -> None:
    """Record the life of every task of `app` into the folder `events`. `packages`: those whose
    versions are said there; `measured`: the tasks whose options are; `handlers`: of signals;
    `queues`: where there are several, of which each message came from one."""
    group = os.environ.get(GROUP_VARIABLE, "")
    told = versions(packages)
    role = "child" if spawned.is_spawned() else "worker"
    recorder = Recorder(events, role, child_role="child", versions=told, group=group)
    _say_what_holds(app, events, measured, group)
    _connect(recorder)
    children.watch(recorder)
    sqs_requests.count(recorder, app.conf.broker_url or "")
    if os.environ.get(RECORDER_VARIABLE) == "off":
        return
    clock = CpuClock()
    clock.choose()
    numbers = {name: at for at, name in enumerate(sorted(app.tasks), 1) if may_be_a_units(name)}
    for name, number in numbers.items():
        _wrap(app.tasks[name], recorder, clock, number)
    side_tasks.watch(recorder, numbers)
    _wrap_unlock(app.tasks[UNLOCK], recorder)
    _wrap_store(app, recorder)

    _watch_receptions(recorder, Origins(app, recorder, queues) if queues else None)
    _watch_refusals(recorder)
    stops.watch(recorder)
    connections.watch(recorder)
    _watch_chatter(recorder)
    if handlers is not None:
        handlers.record_into(recorder)


def _watch_receptions(recorder: Recorder, origins: Origins | None) -> None:
    """Messages that arrive; with `origins`, from which queue."""

    def received(sender: Any, request: Any, **_: Any) -> None:
        if may_be_a_units(request.name):
            at_ns = time.monotonic_ns()
            limit_ms, which = receptions.time_limit(sender, request)
            flags = receptions.flags(sender, request)
            recorder.record(Kind.RECEIVED, id_bytes(request.id), at_ns, limit_ms, which, flags)
            setattr(request, stops.RECEIVED, True)

    def received_from(sender: Any, request: Any, **_: Any) -> None:
        assert origins is not None  # noqa: S101 - it is connected with them only
        if may_be_a_units(request.name):
            at_ns = time.monotonic_ns()
            limit_ms, which = receptions.time_limit(sender, request)
            flags = receptions.flags(sender, request)
            position = reception_position(which, origins.number(sender, request))
            recorder.record(Kind.RECEIVED, id_bytes(request.id), at_ns, limit_ms, position, flags)
            setattr(request, stops.RECEIVED, True)

    signals.task_received.connect(received if origins is None else received_from, weak=False)


def _watch_refusals(recorder: Recorder) -> None:
    """Messages that Celery throws away unread: `task_received` is never sent for them."""

    def refused(message: Any, reason: int) -> None:
        recorder.record(Kind.REFUSED, _id_of(message), time.monotonic_ns(), 0, reason)

    def rejected(message: Any, exc: BaseException | None, **_: Any) -> None:
        refused(message, _NO_TASK_MESSAGE if exc is None else _reason_of(exc))

    def unknown(message: Any, **_: Any) -> None:
        refused(message, _NOT_REGISTERED)

    signals.task_rejected.connect(rejected, weak=False)
    signals.task_unknown.connect(unknown, weak=False)
    # No signal tells of what cannot be decoded.
    on_decode_error: Callable[[Any, Any, Exception], Any] = Consumer.on_decode_error

    @functools.wraps(on_decode_error)
    def undecodable(self: Any, message: Any, exc: Exception) -> Any:
        value = on_decode_error(self, message, exc)
        refused(message, _reason_of(exc))
        return value

    Consumer.on_decode_error = undecodable


_NOT_REGISTERED = REFUSALS.index("NotRegistered")
_NO_TASK_MESSAGE = REFUSALS.index("no task message")


def _reason_of(error: BaseException) -> int:
    """Its number in REFUSALS: that of the error's class, or of one that it is a kind of."""
    names = (one.__name__ for one in type(error).__mro__)
    return next((REFUSALS.index(name) for name in names if name in REFUSALS), 0)


def _id_of(message: Any) -> bytes:
    """The task's id; messages of protocol 1 have it inside, and as their correlation id, too."""
    for where, name in ((message.headers, "id"), (message.properties, "correlation_id")):
        found = where.get(name) if isinstance(where, Mapping) else None
        if isinstance(found, str):
            return id_bytes(found)
    return NO_ID


def _watch_chatter(recorder: Recorder) -> None:
    """Record what a worker tells other workers and hears from them."""
    record, now = recorder.record, time.monotonic_ns

    def sent(**_: Any) -> None:
        record(Kind.HEARTBEAT, NO_ID, now())

    signals.heartbeat_sent.connect(sent, weak=False)
    on_message: Callable[..., Any] = Gossip.on_message

    @functools.wraps(on_message)
    def heard(self: Any, prepare: Any, message: Any) -> Any:
        record(Kind.GOSSIP, NO_ID, now())
        return on_message(self, prepare, message)

    Gossip.on_message = heard


def _say_what_holds(app: Celery, events: str, measured: Iterable[str], group: str) -> None:
    """Before the stamp of WORKER_READY, so that whoever waits for that finds it written."""
    names = tuple(measured)

    def worker_ready(sender: Any, **_: Any) -> None:
        ran_with.write(events, app, sender, names, group)

    signals.worker_ready.connect(worker_ready, weak=False)


def _connect(recorder: Recorder) -> None:
    """Stamps of the worker's own life. They stay on when the recorder is switched off."""
    worker_pid = spawned.worker_pid()

    def process_ready(**_: Any) -> None:
        _die_with(worker_pid)
        recorder.record(Kind.PROCESS_READY, NO_ID, time.monotonic_ns())

    def worker_ready(**_: Any) -> None:
        recorder.record(Kind.WORKER_READY, NO_ID, time.monotonic_ns())

    def beat_embedded(**_: Any) -> None:
        _die_with(worker_pid)

    signals.beat_embedded_init.connect(beat_embedded, weak=False)
    signals.worker_process_init.connect(process_ready, weak=False)
    signals.worker_ready.connect(worker_ready, weak=False)


def _wrap(task: Task, recorder: Recorder, clock: CpuClock, number: int) -> None:
    """Wrap what Celery calls: `run`, or `__call__` where the task's class has one of its own,
    which may do anything: repeat what failed, or answer from a cache."""
    if not task_has_custom(task, "__call__"):
        task.run = _measured(task, task.run, recorder, clock, number)
        return
    call = type(task).__call__

    @functools.wraps(call)
    def called(self: Task, *args: Any, **kwargs: Any) -> Any:
        request = self.request_stack.top
        if request is None or request.called_directly or vars(request).get(_CALLED):
            return call(self, *args, **kwargs)  # as a plain function, by itself or another task
        setattr(request, _CALLED, True)
        run = functools.partial(call, self)
        return _measured(self, run, recorder, clock, number)(*args, **kwargs)

    # A task's class is its own: Celery makes one for each function.
    type(task).__call__ = called


_CALLED = "_harness_called"
_MOST_RAISED = 16
"""Types of exceptions that are told of a task."""


def _measured(
    task: Task, run: Callable[..., Any], recorder: Recorder, clock: CpuClock, number: int
) -> Callable[..., Any]:
    record, now = recorder.record, time.monotonic_ns
    told: set[tuple[int, str]] = set()

    def tell(error: BaseException) -> None:
        name = type(error).__name__
        if len(told) < _MOST_RAISED and (os.getpid(), name) not in told:  # a child has its own log
            told.add((os.getpid(), name))
            for part, ident in enumerate(name_parts(name)):
                record(Kind.RAISING, ident, now(), number, part)

    @functools.wraps(run)
    def measured(*args: Any, **kwargs: Any) -> Any:
        task_id = task.request.id
        if task_id is None:  # called as a plain function by another task
            return run(*args, **kwargs)
        ident = id_bytes(task_id)
        spent = clock.read
        before_ns = spent()  # outside of the stamps: it is a system call
        record(Kind.STARTED, ident, now(), number)
        try:
            value = run(*args, **kwargs)
        except TaskPredicate as asked:
            at_ns, cpu = now(), cpu_fields(spent() - before_ns)
            record(Kind.RETRIED, ident, at_ns, *cpu, REPLACED if _replaces(asked) else 0)
            raise
        except BaseException as error:
            at_ns, cpu = now(), cpu_fields(spent() - before_ns)
            record(Kind.FINISHED, ident, at_ns, *cpu, RAISED)
            tell(error)
            raise
        at_ns, cpu = now(), cpu_fields(spent() - before_ns)
        record(Kind.FINISHED, ident, at_ns, *cpu)
        return value

    return measured


def _replaces(asked: TaskPredicate) -> bool:
    """Whether that is how `Task.replace` ends: it has published another task under the same id.
    Celery has no class of its own for it, in any version."""
    return isinstance(asked, Ignore) and asked.args[:1] == ("Replaced by new task",)


def _wrap_unlock(task: Task, recorder: Recorder) -> None:
    """Where the backend does not count a chord's header, this task asks until it is done."""
    run: Callable[..., Any] = task.run
    record, now = recorder.record, time.monotonic_ns

    @functools.wraps(run)
    def measured(group_id: str, callback: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        body = callback.get("options", {}).get("task_id")
        if body is not None:
            looks = task.request.retries
            record(Kind.UNLOCKING, id_bytes(body), now(), looks)
            for member in _ids_in(kwargs.get("result")) if not looks else ():
                record(Kind.HEADER, id_bytes(member), now())
        try:
            return run(group_id, callback, *args, **kwargs)
        finally:
            record(Kind.UNLOCKED, id_bytes(task.request.id), now())

    task.run = measured


def _ids_in(results: Any) -> Iterator[str]:
    """Ids of a header's tasks, as `chord_unlock` is given them: ((id, parent), children) each. A
    group among them has no result of its own."""
    for whole in results or ():
        (task_id, _), children = whole if len(whole) == 2 else ((None, None), None)
        if children is None and isinstance(task_id, str):
            yield task_id


def _wrap_store(app: Celery, recorder: Recorder) -> None:
    # On the class, because Celery makes a backend object per thread.
    backend_class = type(app.backend)
    store: Callable[..., Any] = backend_class.store_result
    record, now, final = recorder.record, time.monotonic_ns, states.READY_STATES

    @functools.wraps(store)
    def measured(
        self: Any, task_id: str, result: Any, state: str, *args: Any, **kwargs: Any
    ) -> Any:
        if state not in final:
            if state == states.STARTED:
                record(Kind.STORING_STARTED, id_bytes(task_id), now())
            return store(self, task_id, result, state, *args, **kwargs)
        ident = id_bytes(task_id)
        record(Kind.STORING, ident, now())
        try:
            value = store(self, task_id, result, state, *args, **kwargs)
        except Exception:
            record(Kind.UNSTORED, ident, now())
            raise
        record(Kind.STORED, ident, now())
        return value

    backend_class.store_result = measured


def _die_with(worker_pid: int) -> None:
    """A child must not outlive its worker, however the worker ends (Linux)."""
    if sys.platform != "linux" or os.getpid() == worker_pid:  # pool `solo` has no children
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker_pid:  # it ended before the call above
        os.kill(os.getpid(), signal.SIGKILL)
