"""What a first look found, and a trial: what can be found in time, and which load tells what."""

from __future__ import annotations

from harness.results.judge.phrases import percent_words
from harness.results.record.comparison import (
    DesignRecord,
    EqualRateRecord,
    PartedTwins,
    TargetFigure,
    TargetRecord,
)
from harness.scenario.files.wording import printable
from harness.units import format_duration, format_number, format_roughly


def target_words(one: TargetRecord) -> str:
    """Whether this machine can find the slowdown that is looked for in its time, and of which
    figure: `In 5 min this machine sees a slowdown of 25 % of throughput, not of 10 %.`"""
    within = f"{one.within_s / 60:g} min"
    missed = [figure for figure in one.figures if figure.sees > one.effect]
    behind = {figure.metric for figure in missed}  # in one cell, though another may see it
    reached = [figure for figure in one.figures if figure.metric not in behind]
    told = []
    if reached:
        worst = max(figure.sees for figure in reached)
        names = _names(reached)
        told.append(
            f"In {within} this machine sees a slowdown of {percent_words(worst)} of {names}."
        )
    for metric in dict.fromkeys(figure.metric for figure in missed):
        figure = max((f for f in missed if f.metric == metric), key=lambda f: f.sees)
        told.append(
            f"In {within} this machine sees {percent_words(figure.sees)} of {metric}, not "
            f"{percent_words(one.effect)}: {_would_take(figure, one)}."
        )
    spreads = ", ".join(f"{f.metric} {percent_words(f.spread)}" for f in _noisiest(one))
    looked = f"after {one.after_pairs} pairs of {format_duration(one.pair_s)}"
    return f"{' '.join(told)} (First look {looked}: the spread of a pair is {spreads}.)"


def _would_take(figure: TargetFigure, one: TargetRecord) -> str:
    if figure.verdict != "inconclusive":
        return "it is decided all the same"
    if figure.needs_pairs is None:
        return "for that it is too noisy"
    return f"for that it needs about {format_roughly(figure.needs_pairs * one.pair_s)}"


def _noisiest(one: TargetRecord) -> list[TargetFigure]:
    """Of each metric the comparison with the widest spread."""
    found: dict[str, TargetFigure] = {}
    for figure in one.figures:
        known = found.get(figure.metric)
        if known is None or figure.spread > known.spread:
            found[figure.metric] = figure
    return list(found.values())


def _names(figures: list[TargetFigure]) -> str:
    *first, last = dict.fromkeys(figure.metric for figure in figures)
    return f"{', '.join(first)} and {last}" if first else last


def design_words(one: DesignRecord) -> str:
    """How sides of pairs are measured where some of them are twins, or were to be."""
    cells = "two cells" if len(one.twins) == 1 else f"{len(one.twins)} times two cells"
    twins = (
        f"Twins: {cells} are up at once, and their load is put on in turns, so that what disturbs "
        "the machine hits both."
    )
    return " ".join([*([twins] if one.twins else []), *map(parted_words, one.parted)])


def parted_words(one: PartedTwins) -> str:
    """Which two could not be up at once, and why."""
    return (
        f"{' and '.join(map(printable, one.cells))} cannot be up at once "
        f"({printable(one.reason)}): they are measured one after the other from block "
        f"{one.block + 1} on."
    )


def equal_rate_words(one: EqualRateRecord) -> str:
    """Which load of a cell of `harness ab` tells what, and where its rate comes from."""
    rates = f"{format_number(one.base_per_s)}/s and {format_number(one.head_per_s)}/s"
    own = printable(one.own)
    if one.rate_per_s is None or one.share is None:
        return (
            f"{own}: both sides as fast as they can ({rates} in a trial), for speed and for "
            "costs: no rate was found that both hold, or the workload has none."
        )
    return (
        f"{own}: speed, as fast as each side can ({rates} in a trial). "
        f"{printable(one.at_rate)}: costs (CPU per task, latency), both sides at "
        f"{format_number(one.rate_per_s)}/s, {100 * one.share:.0f} % of what the slower one can do."
    )
