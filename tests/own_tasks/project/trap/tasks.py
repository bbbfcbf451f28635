"""Its tasks, each a trap of its own."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Task, group, shared_task

from trap.celery import app
from trap.included import double


@app.task(queue="real", exchange="real", routing_key="real.own", backend=None)
def routed(text: str) -> list[Any]:
    return [text, len(text)]


FLAVOUR = os.environ["CELERY_FLAVOUR"]


class Elsewhere(app.Task):  # type: ignore[misc, name-defined]
    """Keeps its results where it likes."""

    backend = app._get_backend()


@app.task(base=Elsewhere, ignore_result=True, serializer="json")
def elsewhere(number: int) -> int:
    return number


@shared_task(bind=True, max_retries=5)
def stubborn(self: Any, times: int) -> int:
    """Succeeds at the try that the argument says."""
    if self.request.retries < times:
        raise self.retry(countdown=0.01)
    return int(self.request.retries)


@app.task(bind=True, autoretry_for=(KeyError,), retry_backoff=False, default_retry_delay=0)
def again(self: Any) -> str:
    if self.request.retries == 0:
        raise KeyError("first")
    return "second"


class Repeating(Task):
    """Tries once more by itself, before anybody sees the failure."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except ZeroDivisionError as error:
            raise self.retry(exc=error, countdown=0, kwargs={"by": 2}) from error


@app.task(base=Repeating)
def divided(by: int = 0) -> float:
    return 10 / by


class ByClass(Task):
    name = "trap.tasks.by_class"

    def run(self, name: str) -> dict[str, Any]:
        return {"name": name, "truth": True, "nothing": None}


by_class = app.register_task(ByClass())


@app.task(bind=True)
def replaced(self: Any, value: int) -> Any:
    return self.replace(double.s(value))


@app.task(bind=True)
def regrouped(self: Any, value: int) -> Any:
    """By a group: what Celery makes of its results runs under this task's id."""
    return self.replace(group(double.s(value), double.s(value + 1)))


@app.task
def parent(value: int) -> int:
    """Publishes two more: one by name to a queue of its own, one by a group's ways."""
    app.send_task("trap.included.double", (value,), queue="real.side", exchange="real")
    double.apply_async((value,), queue="another", priority=3)
    assert double(value) == 2 * value  # as a plain function
    return value


@app.task
def fans_out(value: int) -> int:
    """Three side tasks at once, and one that comes due in two seconds."""
    for _ in range(3):
        sleepy.delay(0.3)
    sleepy.apply_async((0.0,), countdown=2)
    return value


@app.task
def sleepy(seconds: float) -> None:
    time.sleep(seconds)


@app.task
def comes_again(value: int) -> int:
    """A poller: it is there for ever."""
    comes_again.apply_async((value,), countdown=0.2)
    return value


@app.task(acks_late=True, reject_on_worker_lost=True)
def poison() -> None:
    """The kernel's OOM killer takes its process, whenever it runs. Each call is a line."""
    with Path(os.environ["TRAP_CALLS"]).open("a", encoding="utf-8") as calls:
        calls.write("poison\n")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def cwd() -> list[str]:
    return [str(Path.cwd()), FLAVOUR]


@app.task(typing=False)
def failing(code: int) -> None:
    raise ValueError(f"code {code}")
