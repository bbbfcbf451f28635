"""The language of gates: `p99(latency.total) < 250ms`, `throughput > 0.95 * baseline`.

    gate       = measure comparator sum
    measure    = whole | function "(" metric "," one ")" | metric "(" one ")"
    whole      = metric | metric "." function | function "(" metric ")"
    one        = ( "task" | "part" | "queue" | "group" ) "=" name
    comparator = "<" | "<=" | ">" | ">=" | "==" | "!="
    sum        = product { ("+" | "-") product }
    product    = operand { ("*" | "/") operand }
    operand    = quantity | "baseline" | "-" operand | "(" sum ")"
    quantity   = number [ unit ]

A task (or part) is one of a mix, by the name that reports give it, a group one of workers; a name
with brackets, commas or spaces stands in quotes. `baseline` is what the same measure was in the
baseline run. Parsed by recursive descent; the result is frozen, and every node knows the column
(from 0) at which it begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.figures.figure import WITHIN, Figure, Kind, Within
from harness.figures.names import (
    asked,
    distribution_names,
    figure_named,
    named_by,
    names_within,
    needs_one,
    plain_names,
    renamed,
)
from harness.scenario.files.wording import did_you_mean, listed, shown
from harness.scenario.models.gate_tokens import GateSyntaxError, Reader, Token
from harness.scenario.models.gate_words import ARITHMETIC, COMPARATORS, FUNCTIONS, UNITS


@dataclass(frozen=True)
class Quantity:
    """A number in base units: seconds, bytes, per second, or plain."""

    value: float
    kind: Kind
    column: int
    """Where it stands in the gate's text, from 0."""


@dataclass(frozen=True)
class Baseline:
    """The figure's value in the baseline run: the word `baseline`."""

    column: int
    """Where the word stands in the gate's text, from 0."""


@dataclass(frozen=True)
class Operation:
    """Two operands and what joins them: `+ - * /`."""

    symbol: str
    left: Operand
    right: Operand
    column: int
    """Where the symbol stands in the gate's text, from 0."""


Operand = Quantity | Baseline | Operation


@dataclass(frozen=True)
class GatedFigure:
    """The left side: which figure of a cell."""

    metric: str
    """Name of a figure."""
    function: str | None
    column: int
    one: str = ""
    """Name of the part of a mix, the queue or worker group that it is of; empty: of the whole."""
    one_column: int = 0
    within: Within | Literal[""] = ""
    """What `one` is the name of."""

    @property
    def figure(self) -> Figure:
        """The row of the metric in the table of figures, of the part, queue ... if one is named."""
        found = figure_named(self.metric)
        assert found is not None  # noqa: S101 - the parser has looked it up
        return found.of(self.one, self.within) if self.within else found

    @property
    def kind(self) -> Kind:
        """What the metric's value measures: a duration, a rate ..."""
        return self.figure.kind


@dataclass(frozen=True)
class Gate:
    """A limit that a figure of a cell has to keep, as a line of `gates:` says it."""

    text: str
    measure: GatedFigure
    comparator: str
    limit: Operand

    @property
    def needs_baseline(self) -> bool:
        """Whether it can only be evaluated against another run."""
        return any(isinstance(node, Baseline) for node in _nodes(self.limit))

    def limit_at(self, baseline: float | None) -> float:
        """The right side's value. Raises ZeroDivisionError where it divides by zero."""
        return _value(self.limit, baseline)

    def holds(self, value: float, limit: float) -> bool:
        """Whether a cell with this value passes."""
        return COMPARATORS[self.comparator](value, limit)


def parse_gate(text: str) -> Gate:
    """Read one gate. Raises GateSyntaxError with a message fit for a user."""
    if len(text) > _LONGEST:
        raise GateSyntaxError(f"longer than {_LONGEST} characters", _LONGEST)
    reader = Reader(text)
    measure = _measure(reader)
    comparator = reader.take("comparator")
    if comparator is None:
        raise reader.expected(f"one of {listed(COMPARATORS)}")
    limit = _sum(reader)
    if reader.token.kind != "end":
        raise reader.expected("the end of the gate")
    kind = _kind(limit, measure)
    if not _fits(kind, measure):
        raise GateSyntaxError(_unit_message(measure, kind), _first_column(limit))
    gate = Gate(text, measure, comparator.text, limit)
    if not gate.needs_baseline:
        _check_number(gate)
    return gate


def _check_number(gate: Gate) -> None:
    """A limit that is a number of its own has to be one."""
    column = _first_column(gate.limit)
    try:
        if not math.isfinite(gate.limit_at(None)):
            raise GateSyntaxError("the limit is beyond all numbers", column)
    except ZeroDivisionError as error:
        raise GateSyntaxError("the limit divides by zero", column) from error


# --- grammar ------------------------------------------------------------------------------------

_DEEPEST = 50
_LONGEST = 500
"""Nobody nests brackets deeper or writes longer sums: Python's stack must not decide."""


def _measure(reader: Reader) -> GatedFigure:
    first = reader.take("word")
    if first is None:
        raise reader.expected("a metric such as throughput or p99(latency.total)")
    if reader.take("symbol", "(") is None:
        return _of_whole(_bare(first))
    if reader.token.kind == "one":
        return _of_one(reader, _bare(first, f", {reader.token.within}=..."))
    if first.text not in FUNCTIONS:
        guess = did_you_mean(first.text, FUNCTIONS) or f"; functions: {listed(FUNCTIONS)}"
        raise GateSyntaxError(f"unknown function {shown(first.text)}{guess}", first.column)
    name = reader.take("word")
    if name is None:
        raise reader.expected(f"a metric in {first.text}(...)")
    single = figure_named(f"{name.text}.{first.text}")
    metric = single or _known(name)
    if single is None and not metric.distribution:
        message = f"{name.text} is one figure per cell: write it without {first.text}(...)"
        raise GateSyntaxError(message, first.column)
    # Some figures have a statistic in their name: max(depth) is depth.max.
    measure = GatedFigure(metric.name, None if single else first.text, first.column)
    if reader.take("symbol", ",") is not None:
        return _of_one(reader, measure)
    if reader.take("symbol", ")") is None:
        raise reader.expected('")"')
    return _of_whole(measure)


def _of_whole(measure: GatedFigure) -> GatedFigure:
    """The measure itself, where a whole block has such a figure."""
    if which := needs_one(measure.figure):
        message = f"{measure.metric} is a figure of one only: write {measure.metric}({which})"
        raise GateSyntaxError(message, measure.column)
    return measure


def _of_one(reader: Reader, measure: GatedFigure) -> GatedFigure:
    """The figure of one part of a mix, queue or group, whose name is what comes next."""
    word = reader.take("one")
    if word is None or not word.within:
        raise reader.expected(f"one of {listed(f'{within}=NAME' for within in WITHIN)}")
    one = named_by(word.text)
    if not one:
        raise GateSyntaxError(f"{word.text} is no name of a {word.within}", word.column)
    if not measure.figure.path_within(word.within):
        known = listed(names_within(word.within))
        message = f"{measure.metric} is no figure of a single {word.within}: {known} are"
        raise GateSyntaxError(message, measure.column)
    if reader.take("symbol", ")") is None:
        raise reader.expected('")"')
    return replace(measure, one=one, one_column=word.column, within=word.within)


def _bare(name: Token, more: str = "") -> GatedFigure:
    """`more`: what follows the metric in its brackets, for the message."""
    if name.text in FUNCTIONS:
        raise GateSyntaxError(
            f"{name.text} asks for a metric: {name.text}(latency.total)", name.column
        )
    found = asked(name.text)
    if found is not None and found.statistic:
        return GatedFigure(found.figure.name, found.statistic, name.column)
    if _known(name).distribution:
        ways = (f"{function}({name.text}{more})" for function in ("p99", "mean"))
        message = f"{name.text} is a distribution: write {' or '.join(ways)}"
        raise GateSyntaxError(message, name.column)
    return GatedFigure(name.text, None, name.column)


def _known(name: Token) -> Figure:
    figure = figure_named(name.text)
    if figure is not None:
        return figure
    if new := renamed(name.text):
        raise GateSyntaxError(f"{shown(name.text)} is called {new}", name.column)
    every = [*plain_names(), *distribution_names()]
    guess = did_you_mean(name.text, every) or "; harness list metrics names all there are"
    raise GateSyntaxError(f"unknown metric {shown(name.text)}{guess}", name.column)


def _sum(reader: Reader) -> Operand:
    left = _product(reader)
    while (symbol := reader.take("symbol", "+", "-")) is not None:
        left = Operation(symbol.text, left, _product(reader), symbol.column)
    return left


def _product(reader: Reader) -> Operand:
    left = _operand(reader)
    while (symbol := reader.take("symbol", "*", "/")) is not None:
        left = Operation(symbol.text, left, _operand(reader), symbol.column)
    return left


def _operand(reader: Reader) -> Operand:
    reader.depth += 1
    if reader.depth > _DEEPEST:
        raise GateSyntaxError("nested too deeply", reader.token.column)
    try:
        return _atom(reader)
    finally:
        reader.depth -= 1


def _atom(reader: Reader) -> Operand:
    if (minus := reader.take("symbol", "-")) is not None:
        minus_one = Quantity(-1.0, "number", minus.column)
        return Operation("*", minus_one, _operand(reader), minus.column)
    if reader.take("symbol", "(") is not None:
        inside = _sum(reader)
        if reader.take("symbol", ")") is None:
            raise reader.expected('")"')
        return inside
    if (number := reader.take("number")) is not None:
        return _quantity(reader, number)
    word = reader.token
    if reader.take("word", "baseline") is not None:
        return Baseline(word.column)
    guess = did_you_mean(word.text, ["baseline"]) if word.kind == "word" else ""
    raise GateSyntaxError(f"{reader.expected('a number or baseline')}{guess}", word.column)


def _quantity(reader: Reader, number: Token) -> Quantity:
    if not math.isfinite(float(number.text)):
        raise GateSyntaxError(f"{shown(number.text)} is too large a number", number.column)
    unit = reader.take("word")
    if unit is None:
        return Quantity(float(number.text), "number", number.column)
    if unit.text not in UNITS:
        guess = did_you_mean(unit.text, UNITS) or f"; units: {listed(UNITS)}"
        raise GateSyntaxError(f"unknown unit {shown(unit.text)}{guess}", unit.column)
    factor, kind = UNITS[unit.text]
    return Quantity(float(number.text) * factor, kind, number.column)


# --- units and values ---------------------------------------------------------------------------


def _kind(node: Operand, measure: GatedFigure) -> Kind:
    """What the right side measures, or GateSyntaxError where units do not go together."""
    if isinstance(node, Quantity):
        return node.kind
    if isinstance(node, Baseline):
        return measure.kind
    left, right = _kind(node.left, measure), _kind(node.right, measure)
    if node.symbol in "+-":
        if left != right and not (_fits(left, measure) and _fits(right, measure)):
            raise GateSyntaxError(f"a {left} and a {right} cannot be added", node.column)
        return left if left != "number" else right
    if right == "number":
        return left
    if left == "number" and node.symbol == "*":
        return right
    verb = "multiplied" if node.symbol == "*" else "divided"
    raise GateSyntaxError(f"a {left} cannot be {verb} by a {right}", node.column)


def _fits(kind: Kind, measure: GatedFigure) -> bool:
    return kind == measure.kind or (kind == "number" and measure.kind in ("rate", "count"))


def _unit_message(measure: GatedFigure, kind: Kind) -> str:
    example = {"duration": "250ms", "size": "200MiB"}.get(measure.kind, "10")
    what = "a plain number" if kind == "number" else f"a {kind}"
    said = f"{measure.metric} is a {measure.kind}"
    return f"{said}: compare it with one such as {example}, not {what}"


def _nodes(node: Operand) -> Iterator[Operand]:
    yield node
    if isinstance(node, Operation):
        yield from _nodes(node.left)
        yield from _nodes(node.right)


def _first_column(node: Operand) -> int:
    return min(one.column for one in _nodes(node))


def _value(node: Operand, baseline: float | None) -> float:
    if isinstance(node, Quantity):
        return node.value
    if isinstance(node, Baseline):
        if baseline is None:
            raise ValueError("this gate needs a baseline")
        return baseline
    return ARITHMETIC[node.symbol](_value(node.left, baseline), _value(node.right, baseline))
