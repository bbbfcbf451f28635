"""Reads the figures of the table out of a block's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.figures.figure import Figure, Within
from harness.figures.names import Asked
from harness.results.record.computed import COMPUTED
from harness.results.record.distributions import Distribution
from harness.results.record.run import BlockRecord
from harness.results.record.stored import Stored


def value_of(block: BlockRecord, figure: Figure) -> float | None:
    """Value of a plain figure in a block, in the unit of its row; None where the block has none."""
    if figure.within:
        mine: float | None = _of_one(block, figure)
        return mine
    if not figure.field:
        return COMPUTED[figure.name](block)
    found: float | None = _found(block, figure.field)
    return found


def distribution_of(block: BlockRecord, figure: Figure) -> Distribution | None:
    """Distribution of a figure with samples in a block; None where the block has no such thing."""
    path = figure.field
    found: Distribution | None = _of_one(block, figure) if figure.within else _found(block, path)
    return found


def asked_of(block: BlockRecord, one: Asked) -> float | None:
    """A plain figure's value, or the statistic that was asked for."""
    if not one.statistic:
        return value_of(block, one.figure)
    found = distribution_of(block, one.figure)
    value: float | None = None if found is None else getattr(found, one.statistic)
    return value


def many_of(block: BlockRecord, figure: Figure) -> Mapping[str, Any]:
    """All values, or distributions, of a row that stands for many, by the rest of their names."""
    found: Mapping[str, Any] = _found(block, figure.field)
    return found


def names_in(block: BlockRecord, within: Within) -> Mapping[str, Stored]:
    """The parts of a mix, queues or worker groups of a block, by name."""
    if within == "queue":
        return {one.name: one for one in block.by_queue}
    if within == "group":
        return {one.name: one for one in block.by_group}
    return {one.task: one for one in block.by_task}


def divided_into(block: BlockRecord) -> Iterator[tuple[Within, tuple[str, ...]]]:
    """Of what a block has several, with their names: parts of a mix, queues, worker groups."""
    kinds: tuple[Within, ...] = ("part", "queue", "group")
    for within in kinds:
        names = tuple(names_in(block, within))
        if len(names) > 1:
            yield within, names


def _of_one(block: BlockRecord, figure: Figure) -> Any:
    """What lies at the path of a figure of one part, queue or group; None in a block without it."""
    assert figure.within  # noqa: S101 - whoever calls has asked
    own = names_in(block, figure.within).get(figure.one)
    return None if own is None else _found(own, figure.path_within(figure.within))


def _found(block: Stored, path: str) -> Any:
    """What lies at a path; None as soon as there is nothing. A dict takes all the rest as its key:
    `traffic.redis.commands`."""
    name, _, rest = path.partition(".")
    here: Any = getattr(block, name)
    while rest and here is not None:
        if isinstance(here, dict):
            return here.get(rest)
        name, _, rest = rest.partition(".")
        here = getattr(here, name)
    return here
