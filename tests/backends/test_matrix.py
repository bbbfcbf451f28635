"""The tables of capabilities are true: the tutorial over every broker with every backend.

Nothing of the runner takes part: the harness' servers, Celery's own worker, Celery's own client.
What a table refuses is forced here, and has to fail.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain, chord, group

from harness.probe import tasks
from harness.probe.recording.events import Kind
from harness.results.events.eventlog import Tail
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.registry import BACKENDS, BROKERS, refusal
from harness.scenario.vendors.without_server import NoBackend, RpcBackend
from harness.services.provide import Services
from harness.services.settings import block_settings
from tests.as_default import everybodys
from tests.backends.kinds import CONFIGURATIONS
from tests.probe.live import CeleryProcess, Site, start_celery, wait_for
from tests.services.cases import RABBITMQ, REDIS, SQS

OWNERS = {"redis": REDIS, "rabbitmq": RABBITMQ, "sqs": SQS}
QUICKLY = {
    "rabbitmq": {},
    "redis": {},
    # Ten workers poll one emulator: let them wait in its long polls.
    "sqs": {"broker_transport_options": {"wait_time_seconds": 5, "polling_interval": 0.05}},
}
SERVERLESS: dict[str, RpcBackend | NoBackend] = {
    "rpc": RpcBackend(service="rpc"),
    "none": NoBackend(service="none"),
}
PRODUCT = 608281864034267560872252163321295376887552831379210240000000000
GREETING = "Здравствуй, Пётр 1Первый!"  # noqa: RUF001 - Russian, and meant so
TEXT = "Сейчас будет ошибка"
MESSAGE = "'str' object cannot be interpreted as an integer"
PATIENCE_S = 60.0
REFUSAL_S = 3.0
"""How long a pair that does not work is given to prove it: results of the others take 0.1 s."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """A broker with a backend, and a worker that consumes."""

    backend: str
    site: Site
    environ: dict[str, str]
    worker: CeleryProcess

    def ready(self) -> bool:
        assert self.worker.poll() is None, self.log()
        return self.count(Kind.WORKER_READY) == 1

    def count(self, kind: Kind) -> int:
        tail = Tail(self.site.events)
        tail.refresh()
        return int(tail.count(kind))

    def log(self) -> str:
        return (self.site.folder / "worker.log").read_text()


@contextlib.contextmanager
def pair(
    broker: str, backend: str, local: Services, stores: Services, folder: Path
) -> Iterator[Pair]:
    """Namespaces on both servers, and a worker on its way up."""
    with contextlib.ExitStack() as stack:
        settings, environ = stack.enter_context(told(broker, backend, local, stores))
        (folder / "events").mkdir(parents=True)
        site = Site(folder, settings)
        process = stack.enter_context(started(site, environ))
        yield Pair(backend, site, environ, process)


@contextlib.contextmanager
def told(
    broker: str, backend: str, local: Services, stores: Services
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Settings and variables of clients and workers. Where results need no server of their own
    they are those of a block; the others' servers are not the brokers' and are put together."""
    label = f"matrix-{uuid.uuid4().hex[:10]}"
    owner, quickly = OWNERS[broker].broker, QUICKLY[broker]
    if backend in SERVERLESS:
        forced = refusal(broker, backend) is not None  # then no block can be opened
        own = SERVERLESS["none" if forced else backend]
        whole = Configuration(name="pair", broker=owner, backend=own, settings=quickly)
        with local.open_block(whole, label) as space:
            extra = {"result_backend": f"{backend}://"} if forced else {}
            yield {**space.settings, **extra}, dict(space.environ)
        return
    endpoint: Any = CONFIGURATIONS[backend].backend
    service = stores.of(CONFIGURATIONS[backend])[1]
    assert service is not None
    with (
        contextlib.closing(
            local.of(OWNERS[broker])[0].open_namespace(label, quickly, owner)
        ) as space,
        contextlib.closing(service.open_namespace(label, quickly, endpoint)) as store,
    ):
        end = store.backend()
        whole = Configuration(name="pair", broker=owner, backend=endpoint, settings=quickly)
        yield block_settings(whole, space.broker(), end, {}), dict(end.environ)


@contextlib.contextmanager
def started(site: Site, environ: dict[str, str]) -> Iterator[CeleryProcess]:
    """Celery's own worker, killed at the end: what it leaves is the namespaces' to remove."""
    arguments = ["-A", "harness.probe.app", "worker"]
    arguments += ["--pool", "solo", "--without-gossip", "--without-mingle"]
    variables = site.environ("worker", site.spec("worker"), **environ)
    process = start_celery(arguments, variables, site.folder / "worker.log")
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def value_of(result: Any) -> Any:
    """As a user gets it, but for the half second between two looks of backends that are polled."""
    return result.get(timeout=PATIENCE_S, interval=0.02)


def tutorial(pair: Pair, app: Celery) -> None:
    """What the tutorial's reader sees, wherever results are kept."""
    calls = {name: app.tasks[f"harness.probe.tasks.{name}"] for name in NAMES}
    assert value_of(calls["add"].delay(4, 5)) == 9
    members = [calls["buy_milk"].s(7), calls["buy_bread"].s(5)]
    assert value_of(group(members).apply_async()) == [7, 5]
    joined = group(members).apply_async().join(timeout=PATIENCE_S, interval=0.02)
    assert joined == [7, 5]
    links = [calls["fetch_user_name"].s(1), calls["greeting_user"].s()]
    assert value_of(chain(*links).apply_async()) == GREETING
    assert value_of(calls["heavy_task"].delay(50)) == PRODUCT
    failed = calls["heavy_task"].delay(TEXT)
    with pytest.raises(TypeError, match=MESSAGE):
        value_of(failed)
    assert (failed.state, failed.successful(), failed.failed()) == ("FAILURE", False, True)
    row = BACKENDS[pair.backend]
    if row.chords:
        whole = chord(members, calls["greeting_user"].s()).apply_async()
        assert value_of(whole) == "Здравствуй, [7, 5]!"
    else:
        with pytest.raises(NotImplementedError, match="chords"):
            chord(members, calls["greeting_user"].s()).apply_async()


NAMES = ("add", "buy_milk", "buy_bread", "fetch_user_name", "greeting_user", "heavy_task")


def without_results(pair: Pair, app: Celery) -> None:
    """Everything runs; nothing can be asked for."""
    calls = {name: app.tasks[f"harness.probe.tasks.{name}"] for name in NAMES}
    single = calls["add"].delay(4, 5)
    members = [calls["buy_milk"].s(7), calls["buy_bread"].s(5)]
    several = group(members).apply_async()
    chain(calls["fetch_user_name"].s(1), calls["greeting_user"].s()).apply_async()
    calls["heavy_task"].delay(50)
    calls["heavy_task"].delay(TEXT)
    wait_for(lambda: pair.count(Kind.FINISHED) == 7, "tasks without results")
    for ask in (single.get, several.get, several.join):
        with pytest.raises(NotImplementedError, match="No result backend is configured"):
            ask(timeout=1)
    with pytest.raises(NotImplementedError, match="chords"):
        chord(members, calls["greeting_user"].s()).apply_async()


def refused(pair: Pair, app: Celery) -> None:
    """The task runs, and its caller gets nothing but an error."""
    result = app.tasks["harness.probe.tasks.add"].delay(4, 5)
    wait_for(lambda: pair.count(Kind.FINISHED) == 1, "a task whose result is lost")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever Celery raises
        result.get(timeout=REFUSAL_S)
    assert not isinstance(caught.value, AssertionError)


@pytest.mark.parametrize("broker", list(BROKERS))
def test_every_backend_does_what_the_table_says(
    broker: str,
    local: Services,
    stores: Services,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Workers start together; then one pair after the other."""
    seen: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        pairs = [
            stack.enter_context(pair(broker, backend, local, stores, tmp_path / backend))
            for backend in BACKENDS
        ]
        for one in pairs:
            wait_for(one.ready, f"the worker of {one.backend}")
            for name, value in one.environ.items():
                monkeypatch.setenv(name, value)
            user = Celery("client", set_as_current=False)
            user.conf.update(one.site.settings)
            with everybodys(user) as app:
                check: Callable[[Pair, Celery], None] = tutorial
                if refusal(broker, one.backend) is not None:
                    check = refused
                elif not BACKENDS[one.backend].results:
                    check = without_results
                try:
                    check(one, app)
                except Exception as error:
                    raise AssertionError(f"{broker} with {one.backend}: {one.log()}") from error
                pushed = hasattr(app.backend, "result_consumer")
                if BACKENDS[one.backend].results:
                    assert BACKENDS[one.backend].delivery == ("push" if pushed else "poll")
            seen[one.backend] = check.__name__
    assert list(seen) == list(BACKENDS)


def test_the_table_is_complete() -> None:
    """Every pair is one of three kinds, and the kinds are not empty."""
    kinds = [
        (refusal(broker, backend) is None, row.results)
        for broker in BROKERS
        for backend, row in BACKENDS.items()
    ]
    assert len(kinds) == 30
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        (True, True): 26,
        (True, False): 3,
        (False, True): 1,
    }
    assert {name for name in NAMES if hasattr(tasks, name)} == set(NAMES)
