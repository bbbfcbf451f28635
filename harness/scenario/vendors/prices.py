"""The table of prices: what comes along, dated, or what a scenario says instead."""

from __future__ import annotations

from pathlib import Path

from harness.errors import HarnessError, Problem
from harness.scenario.files.document import Document
from harness.scenario.files.validation import validate
from harness.scenario.files.wording import shown
from harness.scenario.files.yaml12 import read_document
from harness.scenario.vendors.price_models import Prices

LIST = Path(__file__).with_name("prices.yaml")
_PLACE = ("prices",)


def list_prices() -> Prices:
    """The table that comes with the harness."""
    problems: list[Problem] = []
    document = read_document(LIST, problems)
    prices = None if document is None else validate(Prices, document, problems)
    if prices is None:
        raise HarnessError(f"the table of prices is damaged: {problems[0]}")
    return prices


def with_prices(document: Document, scenario_path: Path, problems: list[Problem]) -> Document:
    """The scenario with its table of prices in place of the path to it.

    The table keeps its own file's positions, so that what is wrong in it is said there. Where it
    cannot be read, that is a problem, and the scenario goes on without.
    """
    entry = document.get(_PLACE)
    if not isinstance(entry, str):
        return document
    mark = document.value_mark(_PLACE)
    path = scenario_path.parent / entry
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name too long, a NUL in it
        there = False
    if not there:
        problems.append(mark.problem(f"no table of prices {shown(entry)} beside the scenario"))
        return document.without(_PLACE)
    found: list[Problem] = []
    table = read_document(path, found)
    problems += found
    return document.without(_PLACE) if table is None else document.placed(_PLACE, table)
