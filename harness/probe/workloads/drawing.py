"""Which part of a mix a unit runs; of users' own tasks with which arguments, and what must come of
them.

All of it follows from the run's seed and the unit's number. So client, observer and whoever reads
the samples find the same without telling each other, and every block of a run gets the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import Any

ROUND = 4096
"""Units of a round in which all that is drawn for them begins anew, at least: see `round_units`."""


def table(weights: Sequence[int], seed: int) -> list[int]:
    """Index of the part that unit n runs, at place n modulo its length.

    Made of rounds, each of which holds every part as often as its weight says, in an order of its
    own. So shares are exact over each round, wherever a block begins to count.
    """
    shared = math.gcd(*weights)
    once = [part for part, weight in enumerate(weights) for _ in range(weight // shared)]
    order = random.Random(f"mix {seed}")  # noqa: S311 - no secret
    found: list[int] = []
    while len(found) < ROUND or not found:
        order.shuffle(once)
        found += once
    return found


@dataclass(frozen=True)
class Draw:
    """One unit of which arguments are made."""

    seed: int
    unit: int
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def number(self, place: int) -> int:
        """64 bits that nobody can tell from random ones; `place` tells draws of a unit apart."""
        key = f"{self.seed} {self.unit} {place}".encode()
        return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


Maker = Callable[[Draw], Any]


@dataclass(frozen=True)
class Failure:
    """The exception that a unit is meant to end with."""

    type_name: str
    message: str | None
    """None: whatever it says."""


class Unchecked:
    """Expected of a unit whose result is not compared: any value will do, no exception."""


UNCHECKED = Unchecked()


class Arguments:
    """Makes the arguments of one task, and what has to come of them."""

    def __init__(self, part: Mapping[str, Any], seed: int) -> None:
        """`part` as the cell spec has it: `args`, `kwargs` and `expect`, as expressions."""
        places = count()
        self._seed = seed
        self._args = [maker(one, places) for one in part["args"]]
        self._kwargs = {name: maker(one, places) for name, one in part["kwargs"].items()}
        self._expect = _expectation(part["expect"])

    def of(self, unit: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the unit's task is called with."""
        draw = Draw(self._seed, unit)
        args = tuple([make(draw) for make in self._args])
        return args, {name: make(draw) for name, make in self._kwargs.items()}

    def expected(self, unit: int) -> Any:
        """The value, Failure or UNCHECKED. TypeError, IndexError or KeyError where the
        expression does not fit the arguments."""
        args, kwargs = self.of(unit)
        return self._expect(Draw(self._seed, unit, args, kwargs))


def _expectation(expression: Mapping[str, Any]) -> Maker:
    if "unchecked" in expression:
        return lambda _: UNCHECKED
    if "raises" in expression:
        failure = Failure(expression["raises"], expression.get("message"))
        return lambda _: failure
    return maker(expression, count())


# --- expressions --------------------------------------------------------------------------------


def maker(expression: Any, places: Iterator[int]) -> Maker:
    """The function that makes what an expression says. A value that is no mapping is itself.

    Expressions were checked when the scenario was read.
    """
    if not isinstance(expression, Mapping):
        return lambda _: expression
    ((name, operand),) = expression.items()
    return _MAKERS[name](operand, places)


def _value(operand: Any, _: Iterator[int]) -> Maker:
    return lambda _: operand


def _choice(operand: Any, places: Iterator[int]) -> Maker:
    place = next(places)
    return lambda draw: operand[draw.number(place) % len(operand)]


def _range(operand: Any, places: Iterator[int]) -> Maker:
    place, (low, high) = next(places), operand
    return lambda draw: low + draw.number(place) % (high - low + 1)


def _text(operand: Any, places: Iterator[int]) -> Maker:
    place, times = next(places), operand // 16 + 1
    return lambda draw: (f"{draw.number(place):016x}" * times)[:operand]


def _unit(_: Any, __: Iterator[int]) -> Maker:
    return lambda draw: draw.unit


def _argument(operand: Any, _: Iterator[int]) -> Maker:
    if isinstance(operand, int):
        return lambda draw: draw.args[operand]
    return lambda draw: draw.kwargs[operand]


def _list(operand: Any, places: Iterator[int]) -> Maker:
    makers = [maker(one, places) for one in operand]
    return lambda draw: [make(draw) for make in makers]


def _mapping(operand: Any, places: Iterator[int]) -> Maker:
    makers = {name: maker(one, places) for name, one in operand.items()}
    return lambda draw: {name: make(draw) for name, make in makers.items()}


def _of_all(combine: Callable[[list[Any]], Any]) -> Callable[[Any, Iterator[int]], Maker]:
    def make_maker(operand: Any, places: Iterator[int]) -> Maker:
        make = _list(operand, places)
        return lambda draw: combine(make(draw))

    return make_maker


_MAKERS: Mapping[str, Callable[[Any, Iterator[int]], Maker]] = {
    "value": _value,
    "choice": _choice,
    "range": _range,
    "text": _text,
    "unit": _unit,
    "list": _list,
    "mapping": _mapping,
    "argument": _argument,
    "sum": _of_all(sum),
    "product": _of_all(math.prod),
    "concat": _of_all("".join),
}
EXPRESSIONS: tuple[str, ...] = ("value", "choice", "range", "text", "unit", "list", "mapping")
"""What an argument may be."""
EXPECTATIONS: tuple[str, ...] = (
    *("value", "unit", "list", "mapping", "argument", "sum", "product", "concat"),
    *("raises", "unchecked"),
)
"""What `expect` may be. The last two stand alone."""
