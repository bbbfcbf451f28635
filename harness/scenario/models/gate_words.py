"""The words of gates: functions, comparators, units. The metrics are the table of figures."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from harness.figures.figure import STATISTICS, Kind

FUNCTIONS = STATISTICS
COMPARATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
UNITS: Mapping[str, tuple[float, Kind]] = {
    "us": (1e-6, "duration"),
    "ms": (1e-3, "duration"),
    "s": (1.0, "duration"),
    "min": (60.0, "duration"),
    "%": (0.01, "number"),
    "B": (1.0, "size"),
    "KiB": (1024.0, "size"),
    "MiB": (1024.0**2, "size"),
    "GiB": (1024.0**3, "size"),
}
