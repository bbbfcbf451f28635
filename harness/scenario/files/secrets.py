"""`${NAME}` in configurations: the only way for a secret to get in, and kept out of every record.

A plan carries the text as written. Only the services layer, which needs the real value to connect,
expands it, at the last moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from harness.errors import Problem, UsageError
from harness.scenario.files.document import Document, Location
from harness.scenario.files.wording import shown

Tree = TypeVar("Tree")

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_URL_PASSWORD = re.compile(r"://[^\s:@/]*:(?P<password>[^\s]*)@")
_QUERY_PASSWORD = re.compile(r"[?&](?:password|secret|token)=(?P<password>[^&\s]+)", re.IGNORECASE)
_SECRET_KEY = re.compile(r"password|passwd|secret|token|access_key", re.IGNORECASE)
_ONLY_VARIABLES = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\})*")
_EXPANDED = (
    ("broker", "url"),
    ("broker", "management_url"),
    ("broker", "region"),
    ("broker", "queue_name_prefix"),
    ("backend", "url"),
    ("backend", "region"),
    ("backend", "bucket"),
    ("backend", "folder"),
    ("settings",),
)
"""Where the services layer expands variables; anywhere else they would stay as they are."""


_OF_A_SHELL = ("celery", "prepare")
"""What a shell expands, in words of its own."""
_WHERE = "urls, region, queue_name_prefix, bucket, folder and settings"


def expand(text: str, environ: Mapping[str, str]) -> str:
    """The text with every `${NAME}` replaced. UsageError names the first variable not set."""

    def value(match: re.Match[str]) -> str:
        try:
            return environ[match["name"]]
        except KeyError:
            raise UsageError(f"set the environment variable {match['name']}") from None

    return _VARIABLE.sub(value, text)


def expand_tree(value: Tree, environ: Mapping[str, str]) -> Tree:
    """A copy of nested dictionaries and lists with every text in it expanded, keys apart."""
    expanded: Any = value
    if isinstance(value, str):
        expanded = expand(value, environ)
    elif isinstance(value, dict):
        expanded = {key: expand_tree(item, environ) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        expanded = type(value)(expand_tree(item, environ) for item in value)
    return expanded  # type: ignore[no-any-return] # the same shape, by construction


def variables(text: str) -> tuple[str, ...]:
    """The names that `expand` would look up, in order."""
    return tuple(match["name"] for match in _VARIABLE.finditer(text))


def secret_problems(document: Document) -> list[Problem]:
    """Literal passwords, and `${` that is malformed or stands where nothing expands it."""
    problems = []
    for location, text in texts(document.data):
        mark = document.value_mark(location)
        if _holds_password(location, text):
            message = "a password in plain text: secrets come in through ${NAME} only"
            problems.append(mark.problem(message))
        if location[: len(_OF_A_SHELL)] == _OF_A_SHELL:
            continue
        if text.count("${") != len(variables(text)):
            message = f"{shown(text)} holds a ${{ that is not ${{NAME}}, of letters, digits and _"
            problems.append(mark.problem(message))
        elif variables(text) and not _is_expanded(location):
            problems.append(mark.problem(f"no variables here: they work in {_WHERE} only"))
    return problems


def missing_variable_problems(
    document: Document, environ: Mapping[str, str], unused: tuple[Location, ...] = ()
) -> list[Problem]:
    """Every variable that the document needs and the environment lacks, where it is written;
    nothing below the places in `unused`."""
    return [
        document.value_mark(location).problem(f"set the environment variable {name}")
        for location, text in texts(document.data)
        if _is_expanded(location) and not any(location[: len(one)] == one for one in unused)
        for name in dict.fromkeys(variables(text))
        if name not in environ
    ]


def texts(data: Any, location: Location = ()) -> Iterator[tuple[Location, str]]:
    """Every text in nested data with its location, in the order of the file."""
    if isinstance(data, str):
        yield location, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from texts(value, (*location, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from texts(value, (*location, index))


def _is_expanded(location: Location) -> bool:
    return any(location[: len(place)] == place for place in _EXPANDED)


def _holds_password(location: Location, text: str) -> bool:
    passwords = [found["password"] for found in _URL_PASSWORD.finditer(text)]
    passwords += [found["password"] for found in _QUERY_PASSWORD.finditer(text)]
    if location and isinstance(location[-1], str) and _SECRET_KEY.search(location[-1]):
        passwords.append(text)
    return any(not _ONLY_VARIABLES.fullmatch(password) for password in passwords)
