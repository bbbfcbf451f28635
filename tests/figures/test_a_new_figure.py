"""A row in the table of figures is all that it takes, beside the place that computes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.project import ROOT


def test_a_new_row_is_known_everywhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.figures.toy", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "gates": [[True, 0.006], [False, 1.1 * 1.6], [True, 4.2]],
        "history": [0.006, 1.1],
        "sql": [[0.005, 0.1], [0.006, 1.1], [0.007, 2.1]],
        "csv": [
            ["toy_round_trip_s", "naps_p99_s"],
            *([str(0.005 + n / 1e3), str((0.1 + n) * 1.6)] for n in range(3)),
        ],
        "openmetrics": ["0.005", "0.006", "0.007"],
        "exports": 0.006,
        "pytest": 1.1,
        "report": ["toy", "6.00 ms"],
        "list": [
            ["toy.round_trip", "s", "less", "a toy"],
            ["toy.naps.p99", "s", "less", "a toy's naps"],
        ],
    }
