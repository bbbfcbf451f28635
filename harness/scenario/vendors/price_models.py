"""Tables of prices as frozen values; see docs/costs.md."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from harness.scenario.files.fields import Frozen


def _calendar_day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError('expected a day such as "2026-06-13"') from error
    return text


Dollars = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class SqsPrices(Frozen):
    """What a million requests to SQS cost."""

    standard_dollars_per_million: Dollars
    fifo_dollars_per_million: Dollars
    chunk_bytes: Annotated[int, Field(ge=1)] = 64 * 1024
    """Each chunk of a payload that large, or part of one, is billed as one request."""


class Prices(Frozen):
    """A table of prices, with the day on which they held."""

    date: Annotated[str, AfterValidator(_calendar_day)]
    """`2026-06-13`: stands beside every sum in a report."""
    source: str = ""
    """Who says so, in a few words or as a link: stands beside the day in every report."""
    region: str = ""
    sqs: SqsPrices
