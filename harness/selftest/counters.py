"""Tasks that the harness says were executed, against the servers' own counters.

A server counts from its start, the record only measured units. The probe tasks that ran before
them are known all the same: units are numbered from 0, and probe tasks come first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping

import numpy as np
import redis

from harness.errors import ServiceError
from harness.selftest.bench import QUIET_WORKER, Bench, Order
from harness.selftest.check_result import CheckResult
from harness.selftest.samples import Taken
from harness.services.base import Target
from harness.services.rabbitmq.management import Management

Counts = Mapping[str, int]
_STEPS = 10
_STEP_S = 0.005
DURATION_S = _STEPS * _STEP_S
_LAG_S = 6.0
"""RabbitMQ gathers its statistics every 5 s."""
_BOUND_S = 20.0
_LOOK_S = 0.25


class Witness:
    """A server's counters around one block."""

    def __init__(self, bench: Bench, broker: str, *, short: bool) -> None:
        """Measure a backlog of tasks of known duration."""
        self._read = _READERS[broker]
        self._target = bench.servers[broker]
        before = self._read(self._target)
        self.taken = bench.measure(broker, steady_order(short=short))
        self._before = before
        self._ended_s = time.monotonic()
        self._at_end = self._look()
        self._lags = broker == "rabbitmq"

    def grown(self) -> Counts:
        """By counter: its growth over the block, once all must be in it; right or wrong.

        Redis was asked when the block ended; what lags is asked now, and waited for.
        """
        expected = executed(self.taken)
        while self._lags:
            counts = self._look()
            waited_s = time.monotonic() - self._ended_s
            agreed = set(counts.values()) == {expected}
            if waited_s >= _LAG_S and (agreed or waited_s >= _BOUND_S):
                return counts
            time.sleep(_LOOK_S)
        return self._at_end

    def _look(self) -> Counts:
        now = self._read(self._target)
        return {name: count - self._before.get(name, 0) for name, count in now.items()}


def steady_order(*, short: bool) -> Order:
    """Nothing but tasks, so that what a server counts is theirs."""
    return Order(
        name="steady",
        workload={"workload": "heavy_task", "n": _STEPS + 2, "sleep": _STEP_S},
        load={"load": "backlog"},
        measure={"units": 60 if short else 600, "warmup": 0, "timeout": 60},
        worker={"options": list(QUIET_WORKER)},
        settings={"imports": ["harness.selftest.accomplices.clock"]},
        shared_vhost=True,
    )


def judge(taken: Taken, grown: Counts) -> CheckResult:
    """Executions by the record and the event logs, against what the server counted."""
    expected = executed(taken)
    counted = ", ".join(f"{name} {count}" for name, count in sorted(grown.items()))
    return CheckResult(
        check="server's own counters",
        broker=taken.broker,
        planted=f"{len(taken.units['unit'])} tasks, after {probes(taken)} probe tasks",
        expected=f"each counter {expected}, as many as were executed by the harness' count",
        measured=counted or "no counters",
        ok=bool(grown) and set(grown.values()) == {expected},
    )


def executed(taken: Taken) -> int:
    """Tasks of the block by the harness' count: probe tasks, and the executions in the record."""
    return probes(taken) + int(taken.tasks["executions"].sum())


def probes(taken: Taken) -> int:
    """Probe tasks, all of which have to come back before anything is measured."""
    return int(taken.units["unit"].min(initial=np.iinfo(np.int64).max))


# --- reading counters ---------------------------------------------------------------------------


def _redis(target: Target) -> Counts:
    """Calls by command: a result is one SETEX, a message one LPUSH."""
    client = redis.Redis.from_url(target.url)
    with contextlib.closing(client):
        stats = client.info("commandstats")
    calls = {name: stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("setex", "lpush")}
    return {f"{name.upper()} calls": int(count) for name, count in calls.items()}


def _rabbitmq(target: Target) -> Counts:
    """Messages of the default vhost: published, and acknowledged by workers."""
    if target.management_url is None:
        raise ServiceError("selftest: RabbitMQ's counters are read from its management API")
    stats = Management(target.management_url, target.url).message_counts("/")
    return {f"{name} count": stats.get(name, 0) for name in ("publish", "ack")}


_READERS: Mapping[str, Callable[[Target], Counts]] = {"redis": _redis, "rabbitmq": _rabbitmq}
