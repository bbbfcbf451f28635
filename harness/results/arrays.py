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
