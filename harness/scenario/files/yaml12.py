"""Strict YAML 1.2 (core schema) with positions, on PyYAML's scanner and composer.

PyYAML's own constructors read YAML 1.1: `no` becomes False, `1:30` becomes 90, `010` becomes 8,
a date becomes an object, and the second of two equal keys wins in silence. So only the node
graph is taken from it. Anchors and aliases work; merge keys, tags and duplicate keys do not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from harness.errors import Problem
from harness.scenario.files.document import Document, Location, Mark, Spot
from harness.scenario.files.wording import printable, shown

MAX_FILE_BYTES = 256 * 1024
MAX_NODES = 20_000
"""Values after aliases are followed, so that a few lines cannot ask for a billion of them."""
MAX_DEPTH = 40

_LONGEST_INT = 64
_OF_CALLS = frozenset(("args", "kwargs", "expect"))
"""Keys below which numbers are the user's own: a task may take any whole number that Python has."""
_TAG = "tag:yaml.org,2002:"
_CORE = (
    ("null", r"~|null|Null|NULL|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"),
)


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's loader with the plain scalars of the YAML 1.2 core schema."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # PyYAML looks under a scalar's first character, then under None.
        self.yaml_implicit_resolvers = {
            None: [(_TAG + tag, re.compile(rf"(?:{pattern})\Z")) for tag, pattern in _CORE]
        }


def read_document(path: Path, problems: list[Problem]) -> Document | None:
    """Parse a file. What is wrong is added to `problems`; None if nothing could be made of it."""
    file = shown_path(path)
    raw = _read(path, file, problems)
    if raw is None:
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        problems.append(_mark_after(before, file).problem("not UTF-8 text: save it as UTF-8"))
        return None
    return parse(text, Mark(file, 1, 1), problems)


def parse(text: str, start: Mark, problems: list[Problem]) -> Document | None:
    """Parse YAML text that begins at `start`; as `read_document`."""
    try:
        node = _compose(text)
        if node is None:
            problems.append(start.problem("there is nothing in it"))
            return None
        return _Builder(start, problems).document(node)
    except yaml.reader.ReaderError as error:
        mark = _mark_after(text[: int(error.position)], start.file)
        problems.append(mark.problem("a character that YAML does not allow"))
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax_problem(error, start))
    except RecursionError:
        problems.append(start.problem(f"nested more than {MAX_DEPTH} levels deep"))
    except (ValueError, OverflowError):
        # PyYAML leaks these for escapes beyond Unicode ("\UFFFFFFFF") and absurd %YAML versions.
        problems.append(start.problem("not valid YAML: an escape or number out of range"))
    return None


def shown_path(path: Path) -> str:
    """A path as messages show it, always printable."""
    return printable(os.fspath(path))


def _compose(text: str) -> yaml.Node | None:
    loader = _CoreLoader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _read(path: Path, file: str, problems: list[Problem]) -> bytes | None:
    start = Mark(file, 1, 1)
    try:
        if path.is_dir():
            problems.append(start.problem("is a folder, not a file"))
        elif not path.exists():
            problems.append(start.problem("there is no such file"))
        elif not path.is_file():
            problems.append(start.problem("is not a regular file"))
        elif path.stat().st_size > MAX_FILE_BYTES:
            limit = MAX_FILE_BYTES // 1024
            problems.append(start.problem(f"larger than {limit} KiB: this is not one of our files"))
        else:
            return path.read_bytes()
    except OSError as error:
        problems.append(start.problem(f"cannot be read: {error.strerror or error}"))
    except ValueError as error:  # a NUL character in the path
        problems.append(start.problem(f"cannot be read: {error}"))
    return None


def _mark_after(before: str, file: str) -> Mark:
    return Mark(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


# --- nodes to data ------------------------------------------------------------------------------


class _Builder:
    """Turns one node graph into a Document, adding to `problems` as it goes."""

    def __init__(self, start: Mark, problems: list[Problem]) -> None:
        self._start = start
        self._problems = problems
        self._spots: dict[Location, Spot] = {}
        self._unknown: set[Location] = set()
        self._partial: set[Location] = set()
        self._left = MAX_NODES
        self._open: list[yaml.Node] = []

    def document(self, root: yaml.Node) -> Document | None:
        before = len(self._problems)
        mark = self._mark(root)
        data = self._value(root, (), Spot(mark, mark))
        if self._left < 0:
            del self._problems[before:]
            message = f"more than {MAX_NODES} values once its aliases are followed"
            self._problems.append(self._start.problem(message))
            return None
        return Document(data, self._spots, frozenset(self._unknown), frozenset(self._partial))

    def _value(self, node: yaml.Node, location: Location, spot: Spot) -> Any:
        self._spots[location] = spot
        self._left -= 1
        if self._left < 0:
            return None
        if any(node is around for around in self._open):
            self._complain(spot.value, "an alias may not stand inside its own anchor", location)
            return None
        if len(self._open) >= MAX_DEPTH:
            raise RecursionError
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, location)
        self._open.append(node)
        try:
            return self._collection(node, location)
        finally:
            self._open.pop()

    def _collection(self, node: yaml.Node, location: Location) -> Any:
        kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != _TAG + kind:
            message = f"the tag {shown(_tag(node))} is not supported"
            self._complain(self._mark(node), message, location)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        items = []
        for index, item in enumerate(node.value):
            mark = self._mark(item)
            items.append(self._value(item, (*location, index), Spot(mark, mark)))
        return items

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = self._mark(key_node)
            key = self._key(key_node, mark)
            if key is None:
                self._partial.add(location)
                continue
            if key in data:
                first = self._spots[(*location, key)].key.line
                message = f"duplicate key {shown(key)} (first in line {first})"
                self._complain(mark, message, (*location, key))
                continue
            spot = Spot(mark, self._mark(value_node))
            data[key] = self._value(value_node, (*location, key), spot)
        return data

    def _key(self, node: yaml.Node, mark: Mark) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._complain(mark, "a key must be text, not a list or a mapping")
            return None
        if node.value == "<<" and node.style is None:
            self._complain(mark, "merge keys (<<) are not part of YAML 1.2: write the keys out")
            return None
        key = self._scalar(node, None)
        if not isinstance(key, str):
            written = printable(node.value) or "null"
            self._complain(mark, f'a key must be text: write "{written}" in quotes')
            return None
        return key

    def _scalar(self, node: yaml.ScalarNode, location: Location | None) -> Any:
        convert = _SCALARS.get(node.tag)
        mark = self._mark(node)
        if convert is None:
            self._complain(mark, f"the tag {shown(_tag(node))} is not supported", location)
            return None
        try:
            value = convert(node.value)
            if isinstance(value, int) and not _fits(value) and _OF_CALLS.isdisjoint(location or ()):
                raise ValueError(node.value)
        except ValueError:
            kind = _KINDS[node.tag.removeprefix(_TAG)]
            self._complain(mark, f"not {kind}: {shown(node.value)}", location)
            return None
        if isinstance(value, str) and _UNUSABLE.search(value):
            message = "text with a NUL or half of a surrogate pair cannot be used"
            self._complain(mark, message, location)
            return None
        return value

    def _complain(self, mark: Mark, message: str, location: Location | None = None) -> None:
        """Of the value at a location, which is not known then; None for what is no value."""
        self._problems.append(mark.problem(message))
        if location is not None:
            self._unknown.add(location)

    def _mark(self, node: yaml.Node) -> Mark:
        return _shifted(self._start, node.start_mark)


_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


def _tag(node: yaml.Node) -> str:
    return node.tag.replace(_TAG, "!!")


def _int(text: str) -> int:
    if len(text) > _LONGEST_INT:
        raise ValueError(text)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _fits(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _float(text: str) -> float:
    lowered = text.lower()
    return float(lowered.replace(".inf", "inf").replace(".nan", "nan"))


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_KINDS = {"int": "a whole number of 64 bits", "float": "a number", "bool": "true or false"}
_SCALARS: dict[str, Callable[[str], Any]] = {
    _TAG + "str": str,
    _TAG + "null": lambda _: None,
    _TAG + "bool": _bool,
    _TAG + "int": _int,
    _TAG + "float": _float,
}


# --- syntax errors ------------------------------------------------------------------------------

_COLON = 'this ":" is out of place: check the indents, and put text that holds ": " in quotes'
_REWORDED = (
    (r"cannot start any token.*\\t|'\\t' that cannot", "a tab cannot indent YAML: use spaces"),
    (r"another document", "a second document begins here: one file holds one"),
    (r"found undefined alias", "this alias has no anchor before it"),
    (r"found duplicate anchor", "this anchor's name is taken: anchors must differ"),
    (r"mapping values are not allowed", _COLON),
    (r"could not find expected ':'", 'expected "key: value": the ":" is missing'),
    (r"while scanning a quoted scalar", "the quote that begins here is never closed"),
    (r"expected ',' or '[\]}]'", "a [ or { that begins here is never closed, or lacks a comma"),
    (r"expected <block end>", "this does not go with what stands above: check indents and quotes"),
    (r"expected the node content", "a value is missing, or a [ or { before it is never closed"),
    (r"cannot start any token", "this character cannot begin a value: put the text in quotes"),
    (r"unknown escape character", "there is no such escape: use single quotes for plain text"),
)


def _syntax_problem(error: yaml.MarkedYAMLError, start: Mark) -> Problem:
    found = f"{error.context or ''} {error.problem or ''}"
    place = error.problem_mark or error.context_mark
    if "quoted scalar" in found and "end of stream" in found:
        place, found = error.context_mark or place, "while scanning a quoted scalar"
    mark = start if place is None else _shifted(start, place)
    for pattern, message in _REWORDED:
        if re.search(pattern, found):
            return mark.problem(message)
    return mark.problem(f"not valid YAML: {printable(str(error.problem or error.context))}")


def _shifted(start: Mark, place: yaml.Mark) -> Mark:
    column = place.column + (start.column if place.line == 0 else 1)
    return Mark(start.file, start.line + place.line, column)
