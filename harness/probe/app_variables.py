"""Names of the environment variables through which the harness speaks to its processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

from harness.probe.spoken import CellSpec

SPEC_VARIABLE = "HARNESS_CELL_SPEC"
"""Path of the cell spec."""
ROLE_VARIABLE = "HARNESS_ROLE"
"""`worker`, `client`, `observer` or `beat`."""
RECORDER_VARIABLE = "HARNESS_RECORDER"
"""`off` leaves tasks unrecorded: only to measure what the recorder itself costs."""
CLIENT_VARIABLE = "HARNESS_CLIENT"
"""Which client this is, and of how many: `0/2`. Without it, the only one."""
FIRST_START_VARIABLE = "HARNESS_FIRST_START"
"""Set for a worker's first process in a block, before anything is measured."""
GROUP_VARIABLE = "HARNESS_GROUP"
"""Name of a worker's group. Without it, there is only one."""
OVER_VARIABLE = "HARNESS_OVER"
"""Path of the file that is there as soon as a block is over and its workers are to end."""

SHELL_VARIABLE = "HARNESS_SHELL"
"""A JSON object: variables of the user's that Celery itself would read, for the user's own code."""


def load_spec() -> CellSpec:
    """The cell spec: `settings`, `workload`, `load`, `events` and `modules` (folders), ..."""
    spec: CellSpec = json.loads(Path(os.environ[SPEC_VARIABLE]).read_text(encoding="utf-8"))
    return spec
