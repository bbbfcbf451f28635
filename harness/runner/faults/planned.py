"""From a load's faults to moments: given ones as they are, random ones drawn from the seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from harness.scenario.models.faults import Fault


@dataclass(frozen=True)
class PlannedFault:
    """One fault with its moment."""

    number: int
    """Place of the fault in the load's list of faults, from 0."""
    fault: Fault
    at_s: float
    """Seconds after the first unit was due."""


def planned(faults: Sequence[Fault], seed: int) -> tuple[PlannedFault, ...]:
    """Every fault with its moment, earliest first. The same seed gives the same moments."""
    found = [
        PlannedFault(number, fault, _moment_s(fault, seed, number))
        for number, fault in enumerate(faults)
    ]
    return tuple(sorted(found, key=lambda one: (one.at_s, one.number)))


def _moment_s(fault: Fault, seed: int, number: int) -> float:
    if fault.between is None:
        return fault.earliest_s
    # One generator for each fault, so that adding one does not move the others.
    chance = random.Random(f"fault {seed} {number}")  # noqa: S311 - not a secret
    return chance.uniform(*fault.between)
