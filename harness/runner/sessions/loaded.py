"""What a load of whatever kind leaves: the answers of its clients put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.results.block.load_phases import PlannedPhase
from harness.results.record.loads import Saturation
from harness.usage import Usage, used_since


@dataclass(frozen=True)
class Loaded:
    """What a load leaves: answers of the clients put together, and what the workers used."""

    usage: Mapping[str, Usage]
    """Processor time and memory of the workers of each group while it was put on."""
    client_cpu_ns: int
    """Of all clients together, while it was put on."""
    publish_errors: Mapping[str, int]
    """Type of the exception -> how many publish calls raised it."""
    unresolved: int
    """Units of which the clients know no result."""
    gave_up: bool = False
    out_of_numbers: bool = False
    plan: tuple[PlannedPhase, ...] = ()
    """Phases of an open loop as they were sent; empty without a plan."""
    saturation: Saturation | None = None
    observer: Mapping[str, float] | None = None
    observer_trouble: str = ""
    publish_reasons: Sequence[Sequence[str]] = ()
    unseen: Sequence[Sequence[int]] | None = None
    """Units of each client that nobody has seen a result of."""
    beat_cpu_ns: int | None = None


def since(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, Usage]:
    """What each group of workers used between two readings."""
    return {name: used_since(before[name], one) for name, one in after.items()}


def added_up(answers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What publishing raised, over all clients."""
    errors: dict[str, int] = {}
    for answer in answers:
        for reason, count in answer["publish_errors"].items():
            errors[reason] = errors.get(reason, 0) + count
    return errors


def out_of_numbers(answers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a client had none left."""
    return any(answer["out_of_numbers"] for answer in answers)


def put_together(
    answers: Sequence[Mapping[str, Any]], clients: int, usage: Mapping[str, Usage]
) -> Loaded:
    """What so many clients say that they did, one answer of each after every slice of the load, and
    what the workers used meanwhile."""
    return Loaded(
        usage=usage,
        client_cpu_ns=sum(answer["client_cpu_ns"] for answer in answers),
        publish_errors=added_up(answers[-clients:]),  # of all so far
        unresolved=sum(answer["unresolved"] for answer in answers),
        gave_up=any(answer["gave_up"] for answer in answers),
        out_of_numbers=out_of_numbers(answers),
    )
