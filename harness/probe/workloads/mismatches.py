"""Says of each task once what was expected of it and what came instead.

The line goes to standard error, which is the process' log; credentials are taken out of logs where
they are kept, which takes whole words, see `answers.cut`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from celery.utils.saferepr import saferepr

from harness.probe.answers import WRONG_RESULT, cut, printable
from harness.probe.workloads.base import OneOf, Workload
from harness.probe.workloads.drawing import Failure
from harness.probe.workloads.mix import Mixed

_LONGEST = 200
"""Characters of one value."""
_LONGEST_NAME = 100
_READ = 20 * _LONGEST
"""Characters of a text that are looked at: it may be of any size."""


class Mismatches:
    """Remembers of which tasks it has told."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def note(self, workload: Workload, unit: int, expected: Any, found: Any) -> None:
        """The unit's result is not what was expected."""
        if (name := self._first(workload, unit)) is not None:
            try:
                words = in_words(expected, found)
            except Exception:  # an object whose own code fails  # noqa: BLE001
                words = "it cannot be shown"
            _say(f"{name}: {words}")

    def note_undecodable(self, workload: Workload, unit: int) -> None:
        """The unit's result cannot be read."""
        if (name := self._first(workload, unit)) is not None:
            _say(f"{name}: it cannot be decoded")

    def _first(self, workload: Workload, unit: int) -> str | None:
        """The task's name, if nothing was said of it so far. Two parts of a mix may run the same
        task with other arguments: each is told of."""
        part = workload.part(unit) if isinstance(workload, Mixed) else 0
        if part in self._told:
            return None
        self._told.add(part)
        name = type(workload).__name__.lower()
        if isinstance(workload, Mixed):
            name = workload.label(part)
        return f"{printable(name)[:_LONGEST_NAME]} (unit {unit})"


def in_words(expected: Any, found: Any) -> str:
    """Both, with their types, at the first place where they differ."""
    place = ""
    while (inner := _first_difference(expected, found)) is not None:
        key, expected, found = inner
        place += f"[{_text(key)}]"
    where = f"at {place}, " if 0 < len(place) <= _LONGEST else "deep inside, " if place else ""
    return f"{where}expected {_described(expected)}, found {_described(found)}"


def _first_difference(expected: Any, found: Any) -> tuple[Any, Any, Any] | None:
    """Key and both values of the first thing inside that differs. None where they differ
    themselves."""
    if type(expected) is not type(found):
        return None
    keys: Any = ()
    if type(expected) is list and len(expected) == len(found):
        keys = range(len(expected))
    elif type(expected) is dict and expected.keys() == found.keys():
        keys = expected
    for key in keys:
        one, other = expected[key], found[key]
        # Containers are looked into even where they are equal: 1 equals 1.0 inside them.
        if type(one) is not type(other) or one != other or _first_difference(one, other):
            return key, one, other
    return None


def _described(value: Any) -> str:
    if isinstance(value, OneOf):
        return f"one of {_text(list(value.values))}"
    if isinstance(value, Failure):
        return f"the exception {printable(value.type_name)[:_LONGEST]}"
    return f"{printable(type(value).__name__)[:_LONGEST_NAME]} {_text(value)}"


def _text(value: Any) -> str:
    """The value in at most so many characters."""
    sized = isinstance(value, (str, bytes))
    try:
        text = printable(saferepr(value[:_READ] if sized else value, maxlen=_READ)[:_READ])
    except Exception:  # whatever the value's own class raises  # noqa: BLE001
        return "that cannot be shown"
    if len(text) <= _LONGEST and not (sized and len(value) > _READ):
        return text
    length = f" ({len(value):,} long)" if hasattr(value, "__len__") else ""
    return f"{cut(text, _LONGEST)}{length}"


def _say(text: str) -> None:
    with suppress(OSError):  # a full disk ends the block by itself
        print(f"{WRONG_RESULT}{text}", file=sys.stderr, flush=True)  # noqa: T201
