"""From the label of a block to a name that every server accepts."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 40
"""SQS allows 80 characters for a queue, of which a prefix and a suffix take their part."""


def identifier(label: str) -> str:
    """`label` with letters, digits, `-` and `_` only, at most 40 characters, still unique."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", label)
    if name == label and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(label.encode()).hexdigest()[:10]
    return f"{name[: _LONGEST - len(digest) - 1]}-{digest}"
