"""What a Celery of some version understands, read from its source without importing it: the
settings of its table, those that its code asks for beside it, and the worker's options.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TABLE = "app/defaults.py"
_COMMANDS = ("bin/worker.py", "bin/base.py")
_GETTERS = ("get", "either")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_OPTION = re.compile(r"-[A-Za-z]|--[a-z][a-z-]*")


@dataclass(frozen=True)
class Understood:
    """Names that one version knows."""

    settings: frozenset[str]
    worker_options: frozenset[str]
    """`--without-gossip` and `-O`, each by itself."""


@cache
def understood_by(package: Path) -> Understood:
    """What the `celery` package in this folder knows. OSError or SyntaxError where it cannot be
    read."""
    table = frozenset(_table(_parsed(package / _TABLE)))
    asked = {
        name
        for path in sorted(package.rglob("*.py"))
        for name in _asked_for(_parsed(path))
        if _NAME.fullmatch(name)
    }
    options = {text for file in _COMMANDS for text in _options(_parsed(package / file))}
    return Understood(table | asked, frozenset(options))


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _table(module: ast.Module) -> Iterator[str]:
    """The names that `NAMESPACES` spells: `broker=Namespace(url=Option(...))` is `broker_url`."""
    for statement in module.body:
        if isinstance(statement, ast.Assign) and _is_named(statement.targets[0], "NAMESPACES"):
            yield from _flattened(statement.value, "")


def _flattened(node: ast.expr, prefix: str) -> Iterator[str]:
    for keyword in node.keywords if isinstance(node, ast.Call) else ():
        name = keyword.arg or ""
        if isinstance(keyword.value, ast.Call) and not name.startswith("__"):
            if _is_named(keyword.value.func, "Namespace"):
                yield from _flattened(keyword.value, f"{prefix}{name}_")
            else:
                yield f"{prefix}{name}"


def _asked_for(module: ast.Module) -> Iterator[str]:
    """Texts and attributes by which code asks an app's configuration for a setting. What is called
    is a method of it."""
    methods = {id(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and _is_conf(node.value) and id(node) not in methods:
            yield node.attr
        elif isinstance(node, ast.Subscript) and _is_conf(node.value):
            yield from _texts([node.slice])
        elif isinstance(node, ast.Call) and _asks(node.func):
            yield from _texts(node.args[:1])
        elif isinstance(node, ast.Call) and _is_named(node.func, "getattr"):
            if node.args and _is_conf(node.args[0]):
                yield from _texts(node.args[1:2])
        elif isinstance(node, ast.Assign) and _is_named(node.targets[0], "from_config"):
            pairs = node.value.elts if isinstance(node.value, ast.Tuple) else []
            yield from _texts([p.elts[-1] for p in pairs if isinstance(p, ast.Tuple) and p.elts])


def _asks(function: ast.expr) -> bool:
    """`conf.get`, `app.either`, or a `_get` that stands for one of them."""
    if isinstance(function, ast.Name):
        return function.id in ("_get", "either")
    if not isinstance(function, ast.Attribute) or function.attr not in _GETTERS:
        return False
    return function.attr == "either" or _is_conf(function.value)


def _is_conf(node: ast.expr) -> bool:
    return _is_named(node, "conf") or (isinstance(node, ast.Attribute) and node.attr == "conf")


def _is_named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _texts(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _options(module: ast.Module) -> Iterator[str]:
    """What `click.option` and click's `Option` are told, wherever it stands."""
    for node in ast.walk(module):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, (ast.Attribute, ast.Name)) and isinstance(node, ast.Call):
            name = called.attr if isinstance(called, ast.Attribute) else called.id
            if name.lower().endswith("option"):
                told = [
                    one
                    for arg in node.args
                    for one in (arg.elts if isinstance(arg, (ast.Tuple, ast.List)) else [arg])
                ]
                yield from filter(_OPTION.fullmatch, _texts(told))


def installed() -> Understood:
    """What the Celery understands that the harness runs under."""
    found = importlib.util.find_spec("celery")
    places = found.submodule_search_locations if found is not None else None
    return understood_by(Path(next(iter(places or ()))))
