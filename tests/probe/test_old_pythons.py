"""What runs inside clients and workers is written for Python 3.9, that of many a user's
environment; newer Pythons run these tests, so the code is read for what an old one lacks. (Syntax,
and what is newer in the language, is ruff's to see: `per-file-target-version`.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness.probe

PROBE = Path(harness.probe.__file__).parent
NEWER = {
    "typing": {"NotRequired", "Self", "TypeAlias", "ParamSpec", "Unpack", "Never", "assert_never"},
    "datetime": {"UTC"},
    "enum": {"StrEnum"},
    "itertools": {"pairwise", "batched"},
    "contextlib": {"chdir"},
}


def too_new(code: str) -> Iterator[str]:
    """What a module does at run time that Python 3.9 cannot do, by its line."""
    tree = ast.parse(code, feature_version=(3, 9))
    unread = {
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and isinstance(test.test, ast.Name)
        for node in ast.walk(test)
        if test.test.id == "TYPE_CHECKING"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in unread:
            for one in {alias.name for alias in node.names} & NEWER.get(node.module or "", set()):
                yield f"{node.lineno}: {node.module}.{one}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name, given = node.func.id, {one.arg for one in node.keywords}
            if name in ("isinstance", "issubclass") and isinstance(node.args[-1], ast.BinOp):
                yield f"{node.lineno}: {name} with a union"
            if (name == "zip" and "strict" in given) or (
                name == "dataclass" and given & {"slots", "kw_only"}
            ):
                yield f"{node.lineno}: {name} with an argument of Python 3.10"


@pytest.mark.parametrize("path", sorted(PROBE.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_in_it_is_newer(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    assert list(too_new(code)) == []
    assert "from __future__ import annotations" in code or "|" not in code


@pytest.mark.parametrize(
    "code",
    [
        "from typing import NotRequired",
        "isinstance(x, int | str)",
        "zip(a, b, strict=True)",
        "@dataclass(slots=True)\nclass A: ...",
    ],
)
def test_what_is_newer_is_found(code: str) -> None:
    assert len(list(too_new(code))) == 1
