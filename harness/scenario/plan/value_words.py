"""Words for values, as they stand in names: short, readable, and unlike where values are unlike.

They are for people. What is compared, found again or resumed is found by the canonical value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from harness.scenario.files.wording import printable

_ROOM = 40
_SEPARATORS = " \t\r\n/,[]"
_MORE = ".."
_NOTHING = "none"
_LIKE_A_BREAK = "/:@._-+=&?~"
_HEAD = 8
_PARTS = re.compile(r"[^_:@.&?+]+")
"""Of a word, between the marks that divide a URL (a slash is `_` in a word)."""


def canonical(value: Any) -> str:
    """JSON with sorted keys: equal for equal values only, whatever the order of mappings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def named_value(value: Any) -> tuple[str | None, Any]:
    """`{name: lean, value: ...}` taken apart. Exactly these two keys make a value with a name: a
    mapping that has them and is meant itself is given a name as well."""
    if isinstance(value, dict) and set(value) == {"name", "value"}:
        name = value["name"]
        return name if isinstance(name, str) else json.dumps(name), value["value"]
    return None, value


def plain_word(value: Any) -> str:
    """A value in full, fit for a name: `4`, `no-gossip+pool:(a+b)`, `none` for an empty list."""
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return _fit(value["name"])
    if isinstance(value, Mapping | list | tuple):
        return "+".join(_entries(value)) or _NOTHING
    return _fit(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def value_word(value: Any) -> str:
    """The word of a value that nothing has to be told from."""
    return words_of([value])[0]


def words_of(values: Sequence[Any], names: Sequence[str | None] = ()) -> list[str]:
    """A word for each of unlike values. A name is taken as it is; of what would be too long there
    is what differs; what is alike all the same bears a part of its digest."""
    given = names or [None] * len(values)
    others = _Others.of(values)
    words = [
        _short(value, others) if name is None else name
        for value, name in zip(values, given, strict=True)
    ]
    words = _by_parts(words, values, given)
    known = [
        canonical(value) if name is None else None
        for name, value in zip(given, values, strict=True)
    ]
    return told_by_digest(words, known, room=_ROOM)


def told_by_digest(
    words: Sequence[str], values: Sequence[str | None], *, room: int | None = None
) -> list[str]:
    """Words of unlike values (in canonical form; None: of one whose word is fixed), those that are
    alike with a part of their value's digest. The same whatever the order of the values."""
    count = Counter(words)
    told = list(words)
    for length in (6, 12, 64):
        told = [
            word
            if value is None or count[word] == 1
            else f"{word[: room and room - 7]}~{digest(value, length)}"
            for word, value in zip(words, values, strict=True)
        ]
        if len(set(told)) == len(told):
            break
    return told


def old_word(value: Any) -> str:
    """The word that the first versions had for a value: cut, and not always one of its own."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        value = value["name"]
    elif isinstance(value, dict) and not any(isinstance(one, dict) for one in value.values()):
        value = "+".join(f"{key}:{old_word(one)}" for key, one in value.items())
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join("_" if character in _SEPARATORS else character for character in text)[:_ROOM]


def digest(canonical_value: str, length: int = 12) -> str:
    """A short stand-in for a canonical value."""
    return hashlib.sha256(canonical_value.encode(errors="backslashreplace")).hexdigest()[:length]


def _fit(text: str) -> str:
    return "".join("_" if one in _SEPARATORS else printable(one) for one in text)


def _entries(value: Mapping[str, Any] | Sequence[Any]) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{_fit(str(key))}:{_inner(one)}" for key, one in value.items()]
    return [_option(one) if isinstance(one, str) else _inner(one) for one in value]


def _inner(value: Any) -> str:
    word = plain_word(value)
    return f"({word})" if isinstance(value, Mapping | list | tuple) and value else word


def _option(text: str) -> str:
    """`no-gossip` for `--without-gossip`: most lists hold options of the command line."""
    bare = text.removeprefix("--") or text
    return _fit(f"no-{bare.removeprefix('without-')}" if bare.startswith("without-") else bare)


# --- what differs --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Others:
    """What the values of an axis have in common, counted once for all of them."""

    entries: Mapping[str, int]
    """Entry of a list or mapping -> how many of the values have it."""
    begin: str
    """What all texts begin with."""
    end: str

    @classmethod
    def of(cls, values: Sequence[Any]) -> _Others:
        """Of all values of an axis."""
        texts = [plain_word(one) for one in values if isinstance(one, str)]
        compound = [set(_entries(one)) for one in values if isinstance(one, Mapping | list | tuple)]
        several = texts if len(texts) > 1 else []
        backwards = [text[::-1] for text in several]
        return cls(
            entries=Counter(entry for one in compound for entry in one),
            begin=_shared_begin(several),
            end=_shared_begin(backwards)[::-1],
        )


def _short(value: Any, others: _Others) -> str:
    word = plain_word(value)
    if len(word) <= _ROOM:
        return word
    if isinstance(value, Mapping | list | tuple):
        return _of_entries(_entries(value), others.entries)
    return _of_text(word, others.begin, others.end)


def _of_entries(entries: Sequence[str], counted: Mapping[str, int]) -> str:
    """The first entry, and those that no other value has; fewer where there is no room."""
    own = [at for at, one in enumerate(entries) if counted[one] == 1]
    shown = own or list(range(len(entries)))
    choices = [
        sorted({0, *shown}),
        *(shown[:most] for most in range(min(len(shown), _ROOM), 0, -1)),
    ]
    for chosen in choices:
        word = _joined(entries, chosen)
        if len(word) <= _ROOM:
            return word
    return _of_text(entries[shown[0]], "", "")


def _joined(entries: Sequence[str], chosen: Sequence[int]) -> str:
    text, last = "", -1
    for at in chosen:
        gap = _MORE if at > last + 1 else ""
        text += f"{gap}{'+' if text else ''}{entries[at]}"
        last = at
    return text + (_MORE if last < len(entries) - 1 else "")


def _of_text(text: str, shared_begin: str, shared_end: str) -> str:
    """Its begin, then what follows where the texts begin to differ."""
    begin = _begin_of_word(text, len(shared_begin))
    head = text[:_HEAD] + _MORE if begin > _HEAD + len(_MORE) else text[:begin]
    rest = text[begin:]
    end = len(text) - len(shared_end)
    if len(head) + len(rest) > _ROOM and begin < end < len(text):
        rest = text[begin:end] + _MORE
    room = _ROOM - len(head)
    return head + (rest if len(rest) <= room else rest[: room - len(_MORE)] + _MORE)


def _by_parts(
    words: Sequence[str], values: Sequence[Any], given: Sequence[str | None]
) -> list[str]:
    """Where texts that differ in several places (URLs do) have words that are alike, words of all
    texts made of these places: `db1..sslmode=require`. Left as they are where that tells them no
    better apart."""
    texts = {
        at: _PARTS.findall(plain_word(value))
        for at, value in enumerate(values)
        if isinstance(value, str) and given[at] is None and len(plain_word(value)) > _ROOM
    }
    if len({words[at] for at in texts}) == len(texts):
        return list(words)
    told = list(words)
    for at, own in _differing(texts).items():
        word = _MORE.join(own)
        told[at] = word if word and len(word) <= _ROOM else words[at]
    return told if len(set(told)) > len(set(words)) else list(words)


def _differing(texts: Mapping[int, Sequence[str]]) -> dict[int, list[str]]:
    """Of each text the parts that are not everywhere: in that place, where all have as many."""
    if len({len(parts) for parts in texts.values()}) == 1:
        unlike = [len(set(column)) > 1 for column in zip(*texts.values(), strict=True)]
        return {at: list(compress(parts, unlike)) for at, parts in texts.items()}
    everywhere = set.intersection(*map(set, texts.values()))
    return {at: [one for one in parts if one not in everywhere] for at, parts in texts.items()}


def _shared_begin(texts: Sequence[str]) -> str:
    first, last = min(texts, default=""), max(texts, default="")
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((at for at, (one, two) in pairs if one != two), len(first))]


def _begin_of_word(text: str, place: int) -> int:
    before = max(text[:place].rfind(mark) for mark in _LIKE_A_BREAK) + 1
    return before if place - before <= _HEAD else place
