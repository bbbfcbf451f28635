"""Finds figures by what users call them: `throughput`, `canvas.hop.p99`, `traffic.sqs.requests`,
and of one part, queue or worker group `lost(task=shop.tasks.add)`, `p50(phase.run, queue=a)`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from harness.figures.figure import PLACEHOLDER, STATISTICS, WITHIN, Figure, Within
from harness.figures.table import FIGURES, OF_ONE_ONLY


@dataclass(frozen=True)
class Asked:
    """A figure, and of a distribution perhaps which statistic."""

    figure: Figure
    statistic: str = ""

    @property
    def name(self) -> str:
        """The name as a gate has it: `canvas.hop.p99`, or the figure's alone; of one task, queue
        ... `p50(phase.run, task=shop.tasks.add)`."""
        name, statistic, figure = self.figure.name, self.statistic, self.figure
        if not figure.within:
            return f"{name}.{statistic}" if statistic else name
        which = f"{figure.within}={word_of(figure.one)}"
        return f"{statistic}({name}, {which})" if statistic else f"{name}({which})"


def figure_named(name: str) -> Figure | None:
    """The row of a present name. One of many comes as a row of its own: `traffic.redis.commands`
    has that name, and that path in the record."""
    for row in (*FIGURES, *OF_ONE_ONLY):
        if row.name == name and not row.many:
            return row
    for row in FIGURES:
        stem = row.name.removesuffix(PLACEHOLDER)
        which = name.removeprefix(stem)
        if row.many and which not in ("", name) and not which.endswith("."):
            return replace(row, name=name, field=f"{row.field}.{which}")
    return None


ONE_WORD = r'"(?:[^"\\]|\\.)*"|[^\s"(),]+'
"""A name behind `task=`, `queue=` ...: as it is, or as a JSON string where it holds `(`, `)`, `"`,
a comma or a space."""
_OF_ONE = re.compile(
    rf"(?P<outer>[\w.]+)\(\s*(?:(?P<inner>[\w.]+)\s*(?:,\s*|(?=\))))?"
    rf"(?:(?P<within>{'|'.join(WITHIN)})\s*=\s*(?P<one>{ONE_WORD})\s*)?\)"
)


def asked(name: str) -> Asked | None:
    """A figure, with `.p99` behind a distribution's name or `p99(...)` around it, and perhaps the
    task, queue or group that it is of. None for what is no name, or was one."""
    call = _OF_ONE.fullmatch(name.strip())
    if call is None:
        return _of_whole(_of_all(name))
    outer, inner, word = call["outer"], call["inner"], call["one"]
    found = _of_all(f"{inner}.{outer}" if inner else outer)
    if word is None or found is None:
        return _of_whole(found) if inner else None
    within, one = cast("Within", call["within"]), named_by(word)
    known = found.figure.path_within(within) and one
    return replace(found, figure=found.figure.of(one, within)) if known else None


def _of_whole(found: Asked | None) -> Asked | None:
    return None if found is None or needs_one(found.figure) else found


def needs_one(figure: Figure) -> str:
    """`queue=NAME`, for a figure that only single queues have; empty for one of a whole block."""
    if figure.within or all(row.name != figure.name for row in OF_ONE_ONLY):
        return ""
    return next(f"{within}=NAME" for within in WITHIN if figure.path_within(within))


def word_of(one: str) -> str:
    """A name as it stands behind `task=`, `queue=` ..."""
    return one if re.fullmatch(ONE_WORD, one) and one[0] != '"' else json.dumps(one)


def named_by(word: str) -> str:
    """The name that a word behind `task=` stands for; empty for a JSON string that is none."""
    if not word.startswith('"'):
        return word
    try:
        return str(json.loads(word))
    except ValueError:
        return ""


def _of_all(name: str) -> Asked | None:
    stem, _, statistic = name.rpartition(".")
    if statistic in STATISTICS and (found := figure_named(stem)) and found.distribution:
        return Asked(found, statistic)
    figure = figure_named(name)
    return None if figure is None else Asked(figure)


def heading_of(name: str) -> str:
    """Over its column in a report's table."""
    figure = figure_named(name)
    assert figure is not None  # noqa: S101 - a row of the table
    return figure.heading


def renamed(name: str) -> str:
    """What a name of older versions has become; empty for any other."""
    return next((row.name for row in FIGURES if name in row.was), "")


def names_within(within: Within) -> Iterator[str]:
    """Names of the figures that there are of each part of a mix, queue or worker group, too."""
    return (row.name for row in (*FIGURES, *OF_ONE_ONLY) if row.path_within(within))


def plain_names() -> Iterator[str]:
    """Names of the figures that can be asked for as they are."""
    return (row.name for row in FIGURES if not row.distribution)


def distribution_names() -> Iterator[str]:
    """Names of the figures that take a statistic."""
    return (row.name for row in FIGURES if row.distribution)
