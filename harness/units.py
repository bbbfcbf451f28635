"""Durations and sizes as people write and read them."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s|m|min|h)")
_RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?:/\s*(?P<unit>s|min|h))?")
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>B|KiB|MiB|GiB)")
_SHARE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<percent>%?)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_duration_s(text: str | float) -> float:
    """Seconds from `250ms`, `1.5s`, `2m`, or from a plain number of seconds.

    Raises ValueError with a message fit for a user.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError("expected a duration such as 250ms, 10s or 2m")
    if isinstance(text, int | float):
        value = float(text)
    else:
        match = _DURATION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"expected a duration such as 250ms, 10s or 2m, not {text!r}")
        value = float(match["number"]) * _SECONDS[match["unit"]]
    if not 0 <= value < 7 * 86400:
        raise ValueError("a duration lies between 0 and 7 days")
    return value


def parse_bytes(text: str | float) -> int:
    """Bytes from `64KiB`, `1.5MiB`, or from a plain whole number of bytes.

    Raises ValueError with a message fit for a user.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"expected a size such as 1000, 64KiB or 10MiB, not {text!r}")
    return round(float(match["number"]) * _BYTES[match["unit"]])


def parse_rate_per_s(text: str | float) -> float:
    """Per second, from `200/s`, `30/min` or from a plain number per second.

    Raises ValueError with a message fit for a user.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    match = _RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"expected a rate such as 200/s or 30/min, not {text!r}")
    return float(match["number"]) / _SECONDS[match["unit"] or "s"]


def parse_share(text: str | float) -> float:
    """0.05 from `5%` or from 0.05. Raises ValueError with a message fit for a user."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        value = float(text)
    elif isinstance(text, str) and (match := _SHARE.fullmatch(text.strip())):
        value = float(match["number"]) / (100 if match["percent"] else 1)
    else:
        raise ValueError(f"expected a share such as 5% or 0.05, not {text!r}")
    if not 0 <= value < 1:
        raise ValueError("a share lies between 0% and 100%")
    return value


def format_duration(seconds: float | None) -> str:
    """Three significant digits with the unit that fits: `1.23 ms`, `45.6 us`, `12.3 s`."""
    if seconds is None:
        return "-"
    size = abs(seconds)
    if size >= 1 or size == 0:
        return f"{_three(seconds)} s"
    if size >= 1e-3:
        return f"{_three(seconds * 1e3)} ms"
    return f"{_three(seconds * 1e6)} us"


def format_roughly(seconds: float) -> str:
    """A time to wait, no more exact than anybody knows it, or cares: `8 s`, `12 min`,
    `1 h 05 min`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def format_milliseconds(milliseconds: float | None) -> str:
    """A duration as people read it, from a figure that is kept in milliseconds."""
    return format_duration(None if milliseconds is None else milliseconds / 1e3)


def format_number(value: float | None) -> str:
    """Three significant digits, thousands separated; `-` for nothing."""
    return "-" if value is None else _three(value)


def format_bytes(size: float | None) -> str:
    """Bytes in binary multiples, three digits: `12.3 MiB`."""
    if size is None:
        return "-"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024 or unit == "GiB":
            return f"{_three(size)} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def _three(value: float) -> str:
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
