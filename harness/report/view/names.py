"""How reports call the cells of a run: by what they differ in. What all share is said once.

A cell's own name, `redis[concurrency=2,acks_late=true]/add,x=4/closed-8`, is what it is found by,
over runs too. People read it beside others of the same run: an axis with one value and a field that
all workloads or loads of a kind have alike tell nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.results.record.comparison import Comparison, ComparisonReport, GateResult

CONFIGURATION = "configuration"
_NAME = re.compile(r"(?P<configuration>[^\[\]]*)(?:\[(?P<axes>[^\[\]]*)\])?")
_COMPARED = re.compile(r"_([<>]=?|[=!]=)_")
"""In a name, which has no spaces: `limits=p99(latency.total)_<_250ms`."""
_WHOLE = re.compile(r"(=-?\d+)\.0$")


@dataclass(frozen=True)
class ShownName:
    """A cell, as it is called beside the others of its run."""

    configuration: str
    axes: Mapping[str, str]
    """Axes that have several values, by their short names: the words of its own."""
    work: str
    """Workload and load: `add/closed-8`."""
    columns: tuple[str, ...] = ()
    """What tables have a column for, to tell variants apart; empty without such axes."""

    @property
    def variant(self) -> str:
        """`redis[acks_late=true]`."""
        said = ",".join(f"{axis}={word}" for axis, word in self.axes.items())
        return f"{self.configuration}[{said}]" if said else self.configuration

    @property
    def name(self) -> str:
        """`redis[acks_late=true]/add/closed-8`."""
        return f"{self.variant}/{self.work}" if self.work else self.variant

    @property
    def places(self) -> tuple[str, ...]:
        """What stands in `columns`."""
        own = {CONFIGURATION: self.configuration, **self.axes}
        return tuple(own.get(column, "") for column in self.columns)


@dataclass(frozen=True)
class Names:
    """The names of cells that are shown together."""

    by_name: Mapping[str, ShownName]
    axes_alike: str = ""
    """Axes on which all have one value, and none of the names says it: `concurrency=2`."""
    works_alike: tuple[str, ...] = ()
    """What all workloads or loads of a kind share: `saturate: start=5`."""

    @property
    def everywhere(self) -> tuple[str, ...]:
        """What is said once for all of them."""
        return (*([self.axes_alike] if self.axes_alike else []), *self.works_alike)

    @property
    def columns(self) -> tuple[str, ...]:
        """What tables have a column for; see `ShownName`."""
        return next((one.columns for one in self.by_name.values()), ())

    @property
    def works(self) -> int:
        """How many workloads under a load there are."""
        return len({one.work for one in self.by_name.values()})

    def of(self, name: str) -> str:
        """What a cell is called; of one that is not among them its own name."""
        found = self.by_name.get(name)
        return name if found is None else found.name

    def in_comparison(self, report: ComparisonReport) -> ComparisonReport:
        """A comparison of these cells, by what they are called."""
        variants = {name.rsplit("/", 2)[0]: shown.variant for name, shown in self.by_name.items()}
        groups = (
            one.model_copy(
                update={
                    "base": variants.get(one.base, one.base),
                    "head": variants.get(one.head, one.head),
                }
            )
            for one in report.groups
        )
        return report.model_copy(
            update={
                "comparisons": tuple(map(self.in_one, report.comparisons)),
                "groups": tuple(groups),
                "layers": tuple(
                    one.model_copy(update={"base": self.of(one.base), "head": self.of(one.head)})
                    for one in report.layers
                ),
            }
        )

    def in_one(self, one: Comparison) -> Comparison:
        """One of its comparisons."""
        return one.model_copy(update={"base": self.of(one.base), "head": self.of(one.head)})

    def in_gates(self, results: Iterable[GateResult]) -> tuple[GateResult, ...]:
        """What became of gates in these cells."""
        return tuple(one.model_copy(update={"cell": self.of(one.cell)}) for one in results)


@dataclass(frozen=True)
class _Parts:
    configuration: str
    axes: Mapping[str, str]
    works: tuple[tuple[str, tuple[str, ...]], ...]
    """Of workload and load the kind (`group-10`), and the fields behind it."""

    @classmethod
    def of(cls, name: str) -> _Parts | None:
        variant, *works = name.rsplit("/", 2)
        found = _NAME.fullmatch(variant)
        if found is None or len(works) != 2:
            return None
        axes = [entry.partition("=") for entry in (found["axes"] or "").split(",") if entry]
        if not all(equals for _, equals, _ in axes):
            return None
        return cls(
            found["configuration"],
            {axis: word for axis, _, word in axes},
            tuple((kind, tuple(fields)) for kind, *fields in (one.split(",") for one in works)),
        )


def shown_names(names: Iterable[str]) -> Names:
    """What cells are called that are shown together. Each by its own name, where one of them is no
    cell's name, or shorter ones would be alike."""
    every = list(dict.fromkeys(names))
    parts = [one for one in map(_Parts.of, every) if one is not None]
    whole = Names({name: _unparted(name) for name in every})
    if not parts or len(parts) < len(every):
        return whole
    axes = dict.fromkeys(axis for one in parts for axis in one.axes)
    varied = [axis for axis in axes if len({one.axes.get(axis) for one in parts}) > 1]
    several = len({one.configuration for one in parts}) > 1
    # Of a matrix every cell has all axes; without one there is nothing to put into a column.
    in_columns = varied and all(axis in one.axes for axis in varied for one in parts)
    columns = (*([CONFIGURATION] if several else []), *varied) if in_columns else ()
    alike = [_shared(one.works[place] for one in parts) for place in (0, 1)]
    found = {
        name: ShownName(
            one.configuration,
            {axis: one.axes[axis] for axis in varied if axis in one.axes},
            "/".join(
                ",".join([kind, *(field for field in fields if field not in shared[_word(kind)])])
                for (kind, fields), shared in zip(one.works, alike, strict=True)
            ),
            columns,
        )
        for name, one in zip(every, parts, strict=True)
    }
    if len({one.name for one in found.values()}) < len(every):
        return whole
    single = [
        f"{axis}={word}"
        for axis in axes
        if axis not in varied and (word := parts[0].axes.get(axis)) is not None
    ]
    of_works = [
        f"{kind}: {', '.join(map(_in_words, fields))}"
        for shared in alike
        for kind, fields in shared.items()
        if fields
    ]
    return Names(found, ", ".join(single), tuple(of_works))


def _shared(works: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Word of a workload or load -> fields that all of its kind have alike."""
    by_kind: dict[str, list[tuple[str, ...]]] = {}
    for kind, fields in works:
        by_kind.setdefault(_word(kind), []).append(fields)
    return {kind: tuple(_in_all(every)) for kind, every in by_kind.items()}


def _in_words(field: str) -> str:
    """A field of a name, as it is said where spaces may stand: `limits=p99(latency.total) < 250ms`,
    `step=2` of `step=2.0`."""
    return _WHOLE.sub(r"\1", _COMPARED.sub(r" \1 ", field))


def _word(kind: str) -> str:
    """`group` of `group-10`: cells with another number are of the same kind."""
    return kind.partition("-")[0]


def _in_all(every: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield from (field for field in every[0] if all(field in fields for fields in every))


def _unparted(name: str) -> ShownName:
    variant, *works = name.rsplit("/", 2)
    return ShownName(variant, {}, "/".join(works))
