"""The reports' words for faults and promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.results.faults.promises import SUBJECTS
from harness.scenario.files.wording import printable
from harness.scenario.models.faults import FAULT_KINDS, kind_of

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


def kind_words(fault: str, how: str | None = None) -> str:
    """`worker killed`; of a kind that this version does not know, its name. `how` a fault did it,
    where it says so."""
    return kind_of(fault, how).words if fault in FAULT_KINDS else printable(fault)


def fell_words(fell: Mapping[str, str]) -> str:
    """`worker1 ended by itself (AttributeError)`; workers with the reason of each, empty if there
    are none."""
    who = ", ".join(map(printable, fell))
    why = ", ".join(dict.fromkeys(map(printable, fell.values())))
    itself = "itself" if len(fell) == 1 else "themselves"
    return f"{who} ended by {itself} ({why})" if fell else ""


def promise_words(about: str, code: str) -> str:
    """`a killed worker: at least once; may run twice`."""
    subject = next((row.words for name, row in SUBJECTS.items() if name == about), printable(about))
    return f"{subject}: {_PROMISES.get(code, printable(code))}"


def because_words(because: Mapping[str, Any]) -> list[str]:
    """The settings that a promise follows from: `task_acks_late true`."""
    return [f"{printable(str(name))} {_value(value)}" for name, value in because.items()]


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else printable(str(value))
