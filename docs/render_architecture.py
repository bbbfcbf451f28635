"""Draws docs/images/architecture.svg and writes the table of rooms into docs/architecture.md.

The layers are those that import-linter keeps (pyproject.toml), the rooms are the packages, their
words the first lines of their docstrings. `--check` only says whether both are current.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from rendering import ROOT, write_or_check

PAGE = ROOT / "docs/architecture.md"
PICTURE = ROOT / "docs/images/architecture.svg"
BEGIN, END = "<!-- rooms:begin -->", "<!-- rooms:end -->"
WIDTH, ROW, GAP, LEFT = 980, 46, 8, 130
_STYLE = (
    "text{font-family:system-ui,sans-serif;fill:#1b1f24}"
    ".layer{fill:#eef2f7;stroke:#8a97a8}.room{fill:#fff;stroke:#b6c0cd}"
    ".name{font-size:14px;font-weight:600}.part{font-size:12px}.note{font-size:12px;fill:#56606c}"
)


@dataclass(frozen=True)
class Room:
    """A package or module of the harness, and what is said of it."""

    name: str
    """`results.judge`"""
    words: str
    rooms: tuple[str, ...] = ()
    """Names of the packages in it."""


def main() -> int:
    """Rebuild, or with `--check` compare; 1 if something is out of date."""
    layers = list(_layers())
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    wanted = {PAGE: f"{head}{BEGIN}\n{_table(layers)}{END}{tail}", PICTURE: _picture(layers)}
    return write_or_check(wanted)


def _layers() -> Iterator[list[Room]]:
    """From the top down: what stands in one layer, side by side."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    for layer in layers:
        yield [_room(name.strip()) for name in layer.split("|")]


def _room(module: str) -> Room:
    path = ROOT / module.replace(".", "/")
    code = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = ast.get_docstring(ast.parse(code.read_text(encoding="utf-8"))) or ""
    inner = sorted(one.parent.name for one in path.glob("*/__init__.py")) if path.is_dir() else []
    sentence = " ".join(said.split("\n\n")[0].split())
    return Room(module.removeprefix("harness."), sentence, tuple(inner))


def _table(layers: list[list[Room]]) -> str:
    rows = ["| room | what stands there |", "| --- | --- |"]
    for layer in layers:
        for room in layer:
            rows.append(f"| **`{room.name}`** | {room.words} |")
            for name in room.rooms:
                inner = _room(f"harness.{room.name}.{name}")
                rows.append(f"| `{inner.name}` | {inner.words} |")
    return "\n".join(rows) + "\n"


def _picture(layers: list[list[Room]]) -> str:
    """Layers from the top down; in each its rooms."""
    drawn: list[str] = []
    top = 30
    for layer in layers:
        width = (WIDTH - GAP * (len(layer) - 1)) // len(layer)
        for place, room in enumerate(layer):
            left = place * (width + GAP)
            drawn.append(f'<rect class="layer" x="{left}" y="{top}" width="{width}" height="{ROW}"')
            drawn.append(f' rx="6"/><text class="name" x="{left + 12}" y="{top + 28}">')
            drawn.append(f"{escape(room.name)}</text>")
            drawn.extend(_inner(room, left + LEFT, top, width - LEFT))
        top += ROW + GAP
    note = (
        "Imports point down only. YAML comes in by scenario, event logs by probe; report writes "
        "what people and tools read."
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" role="img" aria-label="The layers of the harness and their rooms">'
        f'<style>{_STYLE}</style><rect width="{WIDTH}" height="{top}" fill="#fff"/>'
        f'<text class="note" x="2" y="18">{escape(note)}</text>{"".join(drawn)}</svg>\n'
    )


def _inner(room: Room, left: int, top: int, width: int) -> Iterator[str]:
    if not room.rooms:
        return
    each = (width - 6) // len(room.rooms)
    for place, name in enumerate(room.rooms):
        x = left + place * each
        size = f'width="{each - 6}" height="{ROW - 16}" rx="4"'
        yield f'<rect class="room" x="{x}" y="{top + 8}" {size}/>'
        yield f'<text class="part" x="{x + 7}" y="{top + 28}">{escape(name)}</text>'


if __name__ == "__main__":
    sys.exit(main())
