"""Small projects of users', as tests write them."""

from __future__ import annotations

Files = dict[str, str]
"""Path in the project -> text."""
