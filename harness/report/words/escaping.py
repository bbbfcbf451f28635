"""Keeps names from being read as markup or as formulas. Texts come in printable already."""

from __future__ import annotations

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#&$])")
_LIST_OR_HEADING = re.compile(r"^(\s*\d*)([-+=.)])(?=\s|[-=]*$)")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|")


def markdown_text(text: str) -> str:
    """Text in Markdown that means itself: no emphasis, list, link, table cell or HTML."""
    return _LIST_OR_HEADING.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", text))


def markdown_code(text: str) -> str:
    """A code span, for names: GitHub makes no mention or link of what stands in one."""
    if not text:
        return ""
    fence = "`" * (_longest_run(text) + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text}{edge}{fence}".replace("|", r"\|")


def markdown_block(lines: list[str]) -> str:
    """A fenced block that its content cannot end."""
    fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def spreadsheet_text(text: str) -> str:
    """A text that no spreadsheet runs as a formula (OWASP: CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
