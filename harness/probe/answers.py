"""What a process of the probe answers to the harness: JSON lines on standard output; and what is
made of texts of a user's on their way there."""

from __future__ import annotations

import json
import os
import re
import sys

from harness.probe.spoken import Line

WRONG_RESULT = "harness: wrong result of "
"""How a line of the log (standard error) begins that tells of a wrong result, see `mismatches`."""

_BOUNDARY = re.compile(r"[\s'\",]")

_stream = [sys.stdout]


def keep_output_apart() -> None:
    """From now on whatever else writes to standard output (a user's `print`, a C library) writes
    to standard error, and answers go where they went before: to lines of their own, whatever a
    `.pth` file or a `sitecustomize` wrote there while this Python started."""
    sys.stdout.write("\n")
    sys.stdout.flush()
    _stream[0] = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)


def answer(message: Line) -> None:
    """Send one message to the harness, as a line of JSON."""
    _stream[0].write(json.dumps(message) + "\n")
    _stream[0].flush()


def printable(text: str) -> str:
    """Without characters that a terminal would obey."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def cut(text: str, longest: int) -> str:
    """The beginning of a text that is too long, cut between words only: of half a password nobody
    could tell any more that it is one."""
    whole = [match.start() for match in _BOUNDARY.finditer(text, 1, longest)]
    return f"{text[: whole[-1]] if whole else ''}..."
