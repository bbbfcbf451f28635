"""Which cells are compared with which: the meaning of `base`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.scenario.axes import parts
from harness.scenario.wording import did_you_mean, listed, shown


@dataclass(frozen=True)
class Place:
    """Where a cell stands in its scenario's matrix."""

    configuration: str
    axes: Mapping[str, Any]
    name: str
    """`<variant>/<workload>/<load>`."""

    @property
    def variant(self) -> str:
        """`redis[concurrency=4]`: only this part of a name may hold further slashes."""
        return self.name.rsplit("/", 2)[0]

    @property
    def work(self) -> str:
        """`add/closed-8`."""
        return "/".join(self.name.rsplit("/", 2)[1:])


class UnknownBaseError(Exception):
    """Nothing can be compared with this base. Its message is fit for a user."""


@dataclass(frozen=True)
class _Base:
    """What a word for a base means."""

    variants: tuple[str, ...]
    axis: str | None = None
    """Cells differ in this axis only; None: in the configuration only."""
    whole: bool = False
    """One variant against every other one, whatever they differ in."""


def paired_cells(places: Sequence[Place], base: str) -> tuple[tuple[int, int], ...]:
    """Index of the base cell and of the cell compared with it, for every comparison.

    `base` is the name of a configuration, an axis value such as `worker.concurrency=2` (or
    `concurrency=2`), or a whole variant such as `redis[concurrency=2]`. Cells of a pair have
    the same workload and load. Raises UnknownBaseError.
    """
    meaning = _meaning(places, base)
    pairs = tuple(
        (one, other)
        for one, place in enumerate(places)
        if place.variant in meaning.variants
        for other, candidate in enumerate(places)
        if _comparable(place, candidate, meaning)
    )
    if not pairs:
        raise UnknownBaseError(
            f"nothing stands beside {shown(base)} that could be compared with it"
        )
    return pairs


def default_base(places: Sequence[Place]) -> str:
    """The first configuration; of a single one, the first value of its only axis.

    Raises UnknownBaseError where there is nothing to choose from.
    """
    if len({place.configuration for place in places}) > 1:
        return places[0].configuration
    if len({place.variant for place in places}) < 2:
        raise UnknownBaseError("there is only one configuration and no matrix: nothing to compare")
    axes = places[0].axes
    if len(axes) == 1:
        [(path, value)] = axes.items()
        return f"{path}={axis_word(value)}"
    return places[0].variant


def _comparable(base: Place, head: Place, meaning: _Base) -> bool:
    if base.work != head.work or head.variant in meaning.variants:
        return False
    if meaning.whole:
        return True
    if meaning.axis is None:
        return base.axes == head.axes
    rest = ({k: v for k, v in place.axes.items() if k != meaning.axis} for place in (base, head))
    return base.configuration == head.configuration and next(rest) == next(rest)


def _meaning(places: Sequence[Place], base: str) -> _Base:
    named = _variants(place for place in places if place.configuration == base)
    if named and len({place.configuration for place in places}) > 1:
        return _Base(named)
    axis = _axis(places, base)
    if axis is not None:
        return axis
    if named:  # the one configuration there is: useful only as the point of a matrix
        raise UnknownBaseError(
            f"{shown(base)} is the only configuration: name one of its variants, "
            f"{listed(dict.fromkeys(place.variant for place in places))}"
        )
    whole = _variants(place for place in places if place.variant == base)
    if whole:
        return _Base(whole, whole=True)
    known = _known(places)
    guess = "" if "[" in base else did_you_mean(base, _axis_values(places))
    raise UnknownBaseError(
        f"no configuration or axis value {shown(base)}{guess or did_you_mean(base, known)}; "
        f"there are: {listed(known)}"
    )


def _axis(places: Sequence[Place], base: str) -> _Base | None:
    name, equals, value = base.partition("=")
    paths = dict.fromkeys(path for place in places for path in place.axes)
    fitting = [
        axis
        for axis in paths
        if axis == name or any(f".{path}".endswith(f".{name}") for path in parts(axis))
    ]
    if not equals or not fitting:
        return None
    if len(fitting) > 1 and name not in fitting:
        raise UnknownBaseError(f"{shown(name)} could be {' or '.join(fitting)}: write which")
    path = name if name in fitting else fitting[0]
    chosen = _variants(place for place in places if axis_word(place.axes.get(path)) == value)
    return _Base(chosen, axis=path) if chosen else None


def _variants(places: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(place.variant for place in places))


def _known(places: Sequence[Place]) -> list[str]:
    configurations = [place.configuration for place in places]
    variants = [place.variant for place in places]
    return list(dict.fromkeys([*configurations, *_axis_values(places), *variants]))


def _axis_values(places: Sequence[Place]) -> list[str]:
    return [f"{path}={axis_word(value)}" for place in places for path, value in place.axes.items()]


def axis_word(value: Any) -> str:
    """How a value of an axis is written in a base: a mapping with a name goes by it."""
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        value = value["name"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
