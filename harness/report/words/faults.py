"""The reports' words for faults and promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.scenario.files.wording import printable

FAULTS = {
    "kill_worker": "worker killed",
    "kill_pool_child": "pool process killed",
    "stop_worker": "worker stopped",
    "shutdown_worker": "warm shutdown",
    "restart_broker": "broker restarted",
    "kill_broker": "broker killed",
    "restart_backend": "backend restarted",
    "kill_backend": "backend killed",
    "fill_broker": "broker full",
    "slow_network": "slow network",
    "reset_network": "connections reset",
    "black_hole": "black hole",
}
_ABOUT = {
    "worker": "a killed worker",
    "pool": "a killed pool process",
    "pause": "a worker that stands still",
    "shutdown": "a warm shutdown",
    "broker": "a broker that restarts",
    "backend": "a backend that restarts",
    "memory": "a full broker",
    "slowness": "a slow network",
    "network": "a cut network",
}
_PROMISES = {
    "by_task": "some tasks at least once, others at most once",
    "at_most_once": "at most once; what it had begun may be lost",
    "at_least_once": "at least once; may run twice",
    "tells": "the unit fails and says so",
    "keeps_queue": "what was published is kept",
    "may_lose_queue": "nothing: what waits may be lost",
    "may_lose_unconfirmed": "nothing for what is not confirmed",
    "may_lose_results": "nothing: results may be lost",
    "stores_later": "results are stored later",
    "refuses": "publishers are told",
    "only_delays": "delays and nothing else",
}
KEPT = {"kept": "kept", "broken": "BROKEN", "open": "open", "untested": "untested"}


def promise_words(about: str, code: str) -> str:
    """`a killed worker: at least once; may run twice`."""
    return f"{_ABOUT.get(about, printable(about))}: {_PROMISES.get(code, printable(code))}"


def because_words(because: Mapping[str, Any]) -> list[str]:
    """The settings that a promise follows from: `task_acks_late true`."""
    return [f"{printable(str(name))} {_value(value)}" for name, value in because.items()]


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else printable(str(value))
