"""Which cells are compared with which: the meaning of `base`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.scenario.files.wording import did_you_mean, listed, shown
from harness.scenario.plan.axes import parts, short_names
from harness.scenario.plan.value_words import canonical, old_word


@dataclass(frozen=True)
class Place:
    """The place of a cell in its scenario's matrix."""

    configuration: str
    axes: Mapping[str, Any]
    name: str
    """`<variant>/<workload>/<load>`."""
    words: Mapping[str, str] = field(default_factory=dict)
    """How names call the values of the axes."""
    work_key: str = ""
    """What is measured, by value (see `identity.work_key`); empty: as the name says."""

    @property
    def variant(self) -> str:
        """`redis[concurrency=4]`: only this part of a name may hold further slashes."""
        return self.name.rsplit("/", 2)[0]

    @cached_property
    def work(self) -> str:
        """A text that is alike for cells that may be compared."""
        return self.work_key or "/".join(self.name.rsplit("/", 2)[1:])

    @cached_property
    def key(self) -> str:
        """A text that is alike for cells of one variant: names may be alike where these are not."""
        return canonical([self.configuration, self.axes])

    @cached_property
    def aliases(self) -> tuple[str, ...]:
        """Further names of its variant: as other versions of the harness build them."""
        short = short_names(list(self.axes))
        said = (
            {axis: self.words.get(axis, axis_word(value)) for axis, value in self.axes.items()},
            {axis: old_word(value) for axis, value in self.axes.items()},
        )
        inside = (",".join(f"{short[axis]}={word}" for axis, word in one.items()) for one in said)
        return tuple(f"{self.configuration}[{one}]" for one in inside)

    def word(self, axis: str) -> str:
        """How the value of an axis is called."""
        return self.words.get(axis) or axis_word(self.axes.get(axis))


class UnknownBaseError(Exception):
    """There is nothing that can be compared with this base. Its message is fit for a user."""


@dataclass(frozen=True)
class _Base:
    """What a word for a base means."""

    variants: frozenset[str]
    """Their keys."""
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
        if place.key in meaning.variants
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
    if len({place.key for place in places}) < 2:
        raise UnknownBaseError("there is only one configuration and no matrix: nothing to compare")
    axes = places[0].axes
    if len(axes) == 1:
        [path] = axes
        return f"{path}={places[0].word(path)}"
    return places[0].variant


def _comparable(base: Place, head: Place, meaning: _Base) -> bool:
    if base.work != head.work or head.key in meaning.variants:
        return False
    if meaning.whole:
        return True
    if meaning.axis is None:
        return canonical(base.axes) == canonical(head.axes)
    rest = (
        canonical({k: v for k, v in place.axes.items() if k != meaning.axis})
        for place in (base, head)
    )
    return base.configuration == head.configuration and next(rest) == next(rest)


def _meaning(places: Sequence[Place], base: str) -> _Base:
    named = _variants(place for place in places if place.configuration == base)
    if named and len({place.configuration for place in places}) > 1:
        return _Base(named)
    axis = _axis(places, base)
    if axis is not None:
        return axis
    if named and len({place.variant for place in places}) < 2:
        raise UnknownBaseError(
            f"{shown(base)} is all there is: another configuration or a matrix is wanted beside it"
        )
    if named:  # the one configuration there is: useful only as the point of a matrix
        raise UnknownBaseError(
            f"{shown(base)} is the only configuration: name one of its variants, "
            f"{listed(dict.fromkeys(place.variant for place in places))}"
        )
    whole = _variants(place for place in places if place.variant == base)
    whole = whole or _variants(place for place in places if base in place.aliases)
    if len(whole) > 1:
        raise _ambiguous(base, (place.variant for place in places if place.key in whole))
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
    for spelled in (Place.word, _in_full, _in_the_old_way):
        named = [place for place in places if path in place.axes and spelled(place, path) == value]
        if len({canonical(place.axes[path]) for place in named}) > 1:
            raise _ambiguous(base, (f"{path}={place.word(path)}" for place in named))
        if named:
            return _Base(_variants(named), axis=path)
    return None


def _in_full(place: Place, axis: str) -> str:
    return axis_word(place.axes[axis])


def _in_the_old_way(place: Place, axis: str) -> str:
    return old_word(place.axes[axis])


def _ambiguous(base: str, names: Iterable[str]) -> UnknownBaseError:
    could = " or ".join(dict.fromkeys(names))
    return UnknownBaseError(f"{shown(base)} could be {could}: write which")


def _variants(places: Iterable[Place]) -> frozenset[str]:
    return frozenset(place.key for place in places)


def _known(places: Sequence[Place]) -> list[str]:
    configurations = [place.configuration for place in places]
    variants = [place.variant for place in places]
    return list(dict.fromkeys([*configurations, *_axis_values(places), *variants]))


def _axis_values(places: Sequence[Place]) -> list[str]:
    return [f"{path}={place.word(path)}" for place in places for path in place.axes]


def axis_word(value: Any) -> str:
    """How a value of an axis is written in a base: a mapping with a name goes by it."""
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        value = value["name"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
