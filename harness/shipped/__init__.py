"""What comes with the harness beside its code: configurations, scenarios, docs, examples.

In a checkout these are folders at the top, and an editable installation reads them there. A wheel
has them below this package (`setup.py` puts them there), each file at the path that it has in the
checkout: links between pages, and paths from scenarios to configurations, hold in both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Kind = Literal["configs", "scenarios", "docs", "schemas", "examples"]
"""A folder at the top of a checkout."""

_PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    """The folder that holds all that is shipped: the checkout's, or this package's in a wheel."""
    return _PACKAGE if (_PACKAGE / "configs").is_dir() else _PACKAGE.parents[1]


def folder(kind: Kind) -> Path:
    """The folder of what is shipped of a kind, as an absolute path. Nothing is to be written there.

    Example: `folder("configs") / "redis.yaml"`.
    """
    return root() / kind
