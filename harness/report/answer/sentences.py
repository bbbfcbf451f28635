"""What an answer consists of: sentences, each with what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "missing",
    "disturbed",
    "overload",
    "broken",
    "change",
    "limit",
    "promise",
    "parts",
    "capacity",
    "ahead",
    "alike",
    "open",
    "fault",
    "schedule",
    "measured",
    "why",
    "takes",
    "bound",
    "cost",
    "held",
]
"""In the order of their worth. `missing`: what was not measured. `disturbed`: another run used the
same cores. `overload`: the load asked for more than there is. `broken`: units that went wrong.
`change`: a regression against a base. `limit`, `promise`: a gate, or a promise of a configuration,
that does not hold. `parts`: how long the parts of a mix take, and what dividing the workers did to
each. `capacity`: what rate is held. `ahead`: faster or slower. `alike`: no difference
found. `open`: cannot be told apart. `fault`: what a fault did. `schedule`: how beat kept
to it. `measured`: figures that nothing is compared with. `why`: what makes a difference, or takes
the time. `takes`: what it would take to tell apart. `bound`: slots or cores that were all in use.
`cost`: CPU and dollars. `held`: limits and promises that hold."""
KINDS: tuple[Kind, ...] = get_args(Kind)
BANNERS: frozenset[Kind] = frozenset({"missing", "disturbed", "overload"})
"""Said before the question, as they qualify whatever follows."""
_VERDICTS: frozenset[Kind] = frozenset({"change", "ahead", "alike", "open"})
MOST = 6
"""Sentences of an answer at most."""
LONGEST = 160
"""Characters of a sentence that are aimed at; names may be longer."""


@dataclass(frozen=True)
class Sentence:
    """One sentence of an answer, fit for one line."""

    kind: Kind
    text: str
    cells: tuple[str, ...] = ()
    """Names of the cells in the record whose figures it states."""
    figures: tuple[str, ...] = ()
    """Names of these figures, as `harness list metrics` has them."""
    flagged: bool = False
    """Whether it says that something went wrong, or became slower."""


def chosen(found: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """The most important ones, at most MOST, in the order in which they are read: that of their
    kinds, and within a kind that in which they were found. Many of one kind leave room for the
    first that went wrong of each other kind, for a verdict and for a cause: a regression is not
    behind three lists of losses, nor who is ahead, or why, behind five rates that are kept."""
    ordered = sorted(found, key=lambda one: KINDS.index(one.kind))
    wrong = {one.kind: one for one in reversed(ordered) if one.flagged}
    verdict = next((one for one in ordered if one.kind in _VERDICTS), None)
    first = [one for one in ordered if one is wrong.get(one.kind)]
    cause = next((one for one in ordered if one.kind == "why"), None)
    first += [one for one in (verdict, cause) if one is not None and one not in first]
    rest = [one for one in ordered if one not in first]
    kept = [*first, *rest][:MOST]
    return tuple(sorted(kept, key=ordered.index))


def clauses(words: Iterable[str], room: int, between: str = ", ") -> str:
    """As many as fit into `room` characters, at least one, and how many are left out: `a, b and 3
    more`."""
    every, kept = list(words), list[str]()
    for one in every:
        if kept and len(between.join([*kept, one])) > room:
            break
        kept.append(one)
    left = len(every) - len(kept)
    return between.join(kept) + (f" and {left} more" if left else "")
