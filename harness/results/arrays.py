"""The arrays that everything computed from events consists of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
"""Nanoseconds of CLOCK_MONOTONIC, or durations. What stands for "never" is said by its use."""
Numbers = npt.NDArray[np.int64]
"""Whole numbers that are no times: indices, counts, sizes."""
Truths = npt.NDArray[np.bool_]
"""One answer for each entry of another array, or a choice among its entries."""
Flags = npt.NDArray[np.uint8]
"""Small numbers with a meaning of their own, such as outcomes and kinds of event."""


def level_at(moments: Times, rising: Times, falling: Times) -> Numbers:
    """How many of some spans are under way at each moment, by when they begin and when they end, in
    whatever order."""
    up = np.searchsorted(np.sort(rising), moments, side="right")
    down = np.searchsorted(np.sort(falling), moments, side="right")
    level: Numbers = up.astype(np.int64) - down
    return level
