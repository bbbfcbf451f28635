"""Writes docs/diagnoses.md from the table of diagnoses.

`--check` only says whether it is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.results.diagnoses import DIAGNOSES

TARGET = Path(__file__).parent / "diagnoses.md"
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


def main() -> None:
    """Write the page, or with `--check` compare it."""
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(rendered(), encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != rendered():
        sys.exit(f"{TARGET} is not current: run `make docs`")


if __name__ == "__main__":
    main()
