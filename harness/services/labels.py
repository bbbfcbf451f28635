"""From the label of a block to a name that every server accepts."""

from __future__ import annotations

import hashlib
import re

SQL_PREFIX = "harness_"
_LONGEST = 40
"""SQS allows 80 characters for a queue, of which a prefix and a suffix take their part."""


def identifier(label: str) -> str:
    """`label` with letters, digits, `-` and `_` only, at most 40 characters, still unique."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", label)
    if name == label and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(label.encode()).hexdigest()[:10]
    return f"{name[: _LONGEST - len(digest) - 1]}-{digest}"


def sql_name(label: str) -> str:
    """`label` as the name of a schema or database: lower case, no quotes needed, still unique."""
    digest = hashlib.sha256(label.encode()).hexdigest()[:10]
    name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    return f"{SQL_PREFIX}{name[: _LONGEST - len(digest) - len(SQL_PREFIX) - 1]}_{digest}"
