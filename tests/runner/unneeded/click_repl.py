"""Stands in for the shell that Celery's command has: nobody opens it in a test, and to import the
real one takes a tenth of a second of processor time in each of some three hundred workers."""

from __future__ import annotations

from typing import Any


def register_repl(group: Any, name: str = "repl") -> None:
    """Celery's command has no such subcommand then."""
