"""Writes docs/diagnoses.md from the table of diagnoses.

`--check` only says whether it is current.
"""

from __future__ import annotations

import sys

from rendering import ROOT, write_or_check

from harness.results.diagnoses import DIAGNOSES

TARGET = ROOT / "docs" / "diagnoses.md"
_HEAD = """# Diagnoses

Known traps of Celery and kombu. A block that walked into one carries a warning with the
diagnosis' name as its code, and the report says what happened, why, and what to do. A diagnosis
looks at what was measured, not only at settings: where nothing was slept away, delivered twice or
lost, nothing is said. `harness list diagnoses` prints the short table.

This page is made from the code by `make docs`.
"""


def rendered() -> str:
    """The page."""
    parts = [_HEAD]
    for one in DIAGNOSES:
        parts.append(
            f"## {one.code}\n\n{one.sentence}\n\n"
            f"- **Proved by** {one.looks_at}.\n"
            f"- **Cause.** {one.cause}\n"
            f"- **What to do.** {one.advice}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check({TARGET: rendered()}))
