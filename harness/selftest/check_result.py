"""What a check of the selftest says: how many it looked at, what was wrong, or why it could not
look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """One thing that was planted, what the harness had to make of it, and what it did."""

    check: str
    broker: str
    planted: str
    expected: str
    measured: str
    ok: bool

    def __str__(self) -> str:
        state = "ok " if self.ok else "NOT"
        return (
            f"{state} {self.broker:8} {self.check}: {self.planted}; "
            f"expected {self.expected}; measured {self.measured}"
        )


def within(value: float, low: float, high: float) -> bool:
    """Whether a figure lies in an interval, its ends included."""
    return low <= value <= high
