"""The tokens of gates, and how they are read one after the other; their grammar is in `gates`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from harness.figures.figure import WITHIN, Within
from harness.figures.names import ONE_WORD
from harness.scenario.files.wording import shown


class GateSyntaxError(Exception):
    """What is wrong with a gate, at `column` (from 0) of its text."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


_TOKENS = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<within>{'|'.join(WITHIN)})\s*=(?!=)\s*(?P<one>{ONE_WORD})"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*|%)"
    r"|(?P<comparator><=|>=|==|!=|<|>)"
    r"|(?P<symbol>[-+*/(),]))"
)


_NAMELESS = re.compile(rf"[(,]\s*({'|'.join(WITHIN)})\s*$")
"""What stands before an = that no name follows."""


@dataclass(frozen=True)
class Token:
    """A word, number or sign of a gate's text."""

    kind: str
    text: str
    column: int
    within: Within | Literal[""] = ""
    """Of a name: what it is behind, `task=` or `queue=`."""


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a gate, and an `end` behind them. GateSyntaxError where something is none."""
    place = 0
    while place < len(text.rstrip()):
        match = _TOKENS.match(text, place)
        if match is None:
            column = place + len(text[place:]) - len(text[place:].lstrip())
            if nameless := _NAMELESS.search(text[:column]):
                message = f"{nameless[1]}= needs a name behind it: {nameless[1]}=NAME"
                raise GateSyntaxError(message, nameless.start(1))
            hint = ": write == to ask whether two values are equal" if text[column] == "=" else ""
            raise GateSyntaxError(f"{shown(text[column])} has no meaning here{hint}", column)
        kind = str(match.lastgroup)
        within = cast("Within", match["within"]) if kind == "one" else ""
        yield Token(kind, match[kind], match.start(kind), within)
        place = match.end()
    yield Token("end", "", len(text.rstrip()))


class Reader:
    """The tokens of a gate and the place of the next one."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._next = 0
        self.depth = 0
        """How deep in brackets it is."""

    @property
    def token(self) -> Token:
        """The next one."""
        return self._tokens[self._next]

    def take(self, kind: str, *texts: str) -> Token | None:
        """The next token, if it is of that kind (and one of these texts), read past."""
        token = self.token
        if token.kind != kind or (texts and token.text not in texts):
            return None
        self._next += 1
        return token

    def expected(self, what: str) -> GateSyntaxError:
        """What to raise where the next token is not what has to stand there."""
        found = shown(self.token.text) if self.token.text else "the end"
        return GateSyntaxError(f"expected {what}, not {found}", self.token.column)
