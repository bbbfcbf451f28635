"""How values and suggestions are worded in messages about input files."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable

_SHOWN_LIMIT = 60
_URL_PASSWORD = re.compile(r"(?P<before>://[^\s:@/]*:)[^\s]*@")


def shown(value: object) -> str:
    """A YAML value as a message shows it: short, printable, without the password of a URL."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = _URL_PASSWORD.sub(r"\g<before>***@", value)
        if len(text) > _SHOWN_LIMIT:
            text = text[:_SHOWN_LIMIT] + "..."
        return printable(json.dumps(text, ensure_ascii=False))
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_LIMIT else f"a number of {len(text)} digits"


def printable(text: str) -> str:
    """The text with every character that a terminal or an encoder may choke on escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """` (did you mean "x"?)` if a known word is close enough, else an empty text."""
    close = closest(word, known, cutoff=cutoff)
    return "" if close is None else f' (did you mean "{close}"?)'


def closest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that was probably meant; case, `-` and spaces do not count."""
    by_folded = {_folded(candidate): candidate for candidate in known}
    # difflib is quadratic: nobody mistypes a name of a thousand characters.
    close = difflib.get_close_matches(_folded(word)[:80], by_folded, n=1, cutoff=cutoff)
    return by_folded[close[0]] if close else None


def yaml_1_1_hint(value: object) -> str:
    """Why `yes` is no switch any more, where somebody wrote one."""
    if isinstance(value, str) and value.lower() in ("yes", "on", "y", "no", "off", "n"):
        return ": that is text in YAML 1.2"
    return ""


def listed(words: Iterable[str]) -> str:
    """Words in a row: `a, b, c`."""
    return ", ".join(words)


def _folded(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")
