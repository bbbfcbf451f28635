"""Where a project has its Celery app: by its commands, else by its source. Nothing is imported.

Files are parsed, never executed: importing all of them would run whatever stands in them.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

_LEFT_OUT = frozenset(
    (
        *("node_modules", "site-packages", "venv", "env", "build", "dist", "migrations"),
        *("__pycache__", "benchmarks", "results"),
    )
)
_SECOND = frozenset(("tests", "test", "docs", "doc", "examples", "example", "scripts"))
"""Folders whose apps count where there are no others."""
_MOST_FILES = 20_000
_MOST_BYTES = 1_000_000
_COMMANDS = (
    *("Procfile*", "*compose*.y*ml", "Makefile", "Dockerfile*", "*.sh", "*.service"),
    *("supervisord*.conf", "README*", "bin/*", "docker/*", "deploy/*", "scripts/*.sh"),
)
_STARTS = re.compile(
    r"celery['\"]?,?\s+['\"]?(?:-A|--app)(?:=|['\"]?,?\s+['\"]?|(?=\w))(?P<app>[\w.]+(?::[\w.]+)?)"
)


@dataclass(frozen=True)
class Candidate:
    """A name that probably leads to an app."""

    app: str
    """As `celery -A` takes it."""
    project: Path
    """The folder that it is imported from."""
    seen: str
    """Where it was found: file and line, from the folder that was looked through."""
    by_command: bool = False
    """Whether somebody starts workers by this name."""
    second: bool = False
    """Whether it is only a test's, an example's or a document's."""


def candidates(folder: Path) -> list[Candidate]:
    """Each app once, likeliest first; those that a test or an example has only where there is no
    other."""
    found = [*_commanded(folder), *_constructed(folder)]
    first = [one for one in found if not one.second] or found
    commanded = [one for one in first if one.by_command]
    return [*{one.app: one for one in reversed(commanded or first)}.values()][::-1]


def home_of(app: str, folder: Path) -> Path:
    """The folder from which a name is imported: where its first part lies."""
    top = app.partition(":")[0].partition(".")[0]
    for root in roots(folder):
        if (root / top).is_dir() or (root / f"{top}.py").is_file():
            return root
    return folder  # installed in the project's environment, perhaps


def roots(folder: Path) -> list[Path]:
    """Folders that a project's modules are imported from: its own, `src`, what pyproject.toml
    names, that of a manage.py."""
    named = [folder / one for one in _package_folders(folder / "pyproject.toml")]
    managed = sorted(one.parent for one in folder.glob("*/manage.py"))
    every = [folder, folder / "src", *named, *managed]
    return [*dict.fromkeys(one for one in every if one.is_dir())]


def settings_module(project: Path) -> str | None:
    """What a manage.py has as DJANGO_SETTINGS_MODULE."""
    try:
        text = (project / "manage.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    found = re.search(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"](?P<module>[\w.]+)", text)
    return None if found is None else found["module"]


def _package_folders(file: Path) -> Iterator[str]:
    """Of setuptools (`where`, `package-dir`) and Poetry (`from`)."""
    try:
        tool: Any = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
        setuptools, poetry = tool.get("setuptools", {}), tool.get("poetry", {})
        packages = setuptools.get("packages", {})
        if isinstance(packages, dict):
            yield from packages.get("find", {}).get("where", ())
        yield from setuptools.get("package-dir", {}).values()
        yield from (one["from"] for one in poetry.get("packages", ()) if "from" in one)
    except (OSError, ValueError, AttributeError, TypeError):  # not there, or not as it should be
        return


# --- by its commands ----------------------------------------------------------------------------


def _commanded(folder: Path) -> Iterator[Candidate]:
    for pattern in _COMMANDS:
        for path in sorted(folder.glob(pattern)):
            for number, line in enumerate(_text(path).splitlines(), 1):
                for start in _STARTS.finditer(line):
                    name, home = start["app"], home_of(start["app"], folder)
                    if _is_there(name, home):
                        seen = f"{path.relative_to(folder)}:{number}"
                        yield Candidate(name, home, seen, by_command=True)


def _is_there(name: str, home: Path) -> bool:
    top = name.partition(":")[0].partition(".")[0]
    return (home / top).is_dir() or (home / f"{top}.py").is_file()


# --- by its source ------------------------------------------------------------------------------


def unparsed(folder: Path) -> Iterator[str]:
    """Files that speak of Celery and are no Python that can be read: where, and why."""
    for path in _sources(folder):
        tree = _parsed(path)
        if isinstance(tree, SyntaxError):
            yield f"{path.relative_to(folder)}:{tree.lineno}: {tree.msg}"


def _parsed(path: Path) -> ast.Module | SyntaxError | None:
    """None for a file that does not speak of Celery."""
    text = _text(path)
    if "celery" not in text.lower():
        return None
    try:
        return ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError):
        return None


def _constructed(folder: Path) -> Iterator[Candidate]:
    for path in _sources(folder):
        tree = _parsed(path)
        if not isinstance(tree, ast.Module):
            continue
        within = path.relative_to(folder)
        second = any(part in _SECOND for part in within.parts[:-1]) or "test" in within.stem
        for name, line in _apps_in(tree):
            home, module = _module(path, folder)
            if module:
                yield Candidate(f"{module}:{name}", home, f"{within}:{line}", second=second)


def _sources(folder: Path) -> Iterator[Path]:
    """Python files, those near the top first, hidden folders and others' code left out."""
    left, level = _MOST_FILES, [folder]
    while level:
        below: list[Path] = []
        for place in level:
            for entry in sorted(_entries(place), key=lambda one: one.name):
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(".") and entry.name not in _LEFT_OUT:
                        below.append(Path(entry.path))
                elif entry.name.endswith(".py"):
                    yield Path(entry.path)
                    left -= 1
                    if not left:
                        return
        level = [one for one in below if not (one / "pyvenv.cfg").exists()]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [*found]
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return ""
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _module(path: Path, folder: Path) -> tuple[Path, str]:
    """The folder that a file is imported from, and its module's name; no name where it has none.

    That folder is the one above its outermost package, or the deepest of the project's known ones.
    """
    top = path.parent
    while (top / "__init__.py").exists() and top != folder:
        top = top.parent
    if top == path.parent:  # in no package: a namespace, or a module beside others
        top = max((one for one in roots(folder) if path.is_relative_to(one)), key=_depth)
    parts = PurePosixPath(path.relative_to(top).with_suffix("")).parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return top, ".".join(parts) if all(one.isidentifier() for one in parts) else ""


def _depth(path: Path) -> int:
    return len(path.parts)


def _apps_in(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that a module gives to an app, with their lines: one that is made on the spot, that a
    function makes, or that a Flask application keeps."""
    made = _Makers(tree)
    for statement in _executed(tree.body):
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        if made.makes(value):
            yield from ((one.id, one.lineno) for one in targets if isinstance(one, ast.Name))


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those in its `if`, `try` and `with`, too."""
    for statement in body:
        yield statement
        for field in ("body", "orelse", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                yield from _executed(getattr(statement, field, []))


class _Makers:
    """What makes an app in a module, as far as its source tells."""

    def __init__(self, tree: ast.Module) -> None:
        self._classes: set[str] = set()
        self._functions: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                self._imported(node)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(map(self._is_class, node.bases)):
                self._classes.add(node.name)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and self._returns_one(node):
                self._functions.add(node.name)

    def _imported(self, node: ast.ImportFrom) -> None:
        for one in node.names:
            if (node.module or "").partition(".")[0] == "celery" and one.name == "Celery":
                self._classes.add(one.asname or one.name)
            elif "celery" in one.name.lower() and not one.name.isupper():
                self._functions.add(one.asname or one.name)  # make_celery, celery_init_app

    def _returns_one(self, function: ast.FunctionDef) -> bool:
        nodes = [*ast.walk(function)]
        names = {
            target.id
            for node in nodes
            if isinstance(node, ast.Assign) and self.makes(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        returned = [one.value for one in nodes if isinstance(one, ast.Return) and one.value]
        return any(
            self.makes(one) or (isinstance(one, ast.Name) and one.id in names) for one in returned
        )

    def _is_class(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr == "Celery"
        return isinstance(node, ast.Name) and node.id in self._classes

    def makes(self, node: ast.AST) -> bool:
        """Whether an expression is an app: `Celery(...)`, `make_celery(...)`,
        `flask_app.extensions["celery"]`."""
        if isinstance(node, ast.Subscript):
            return isinstance(node.slice, ast.Constant) and node.slice.value == "celery"
        if not isinstance(node, ast.Call):
            return False
        called = node.func
        known = isinstance(called, ast.Name) and called.id in self._functions
        return known or self._is_class(called)
