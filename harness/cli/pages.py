"""The pages of the documentation: found by name, as plain text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown
from rich.text import Text

from harness import shipped
from harness.errors import UsageError
from harness.scenario.files.wording import did_you_mean, shown

_ELSEWHERE = {
    "decisions": "docs/decisions/README.md",
    "record": "results/README.md",
    "changelog": "CHANGELOG.md",
    "readme": "README.md",
}
"""Pages that are no file of `docs/` itself."""
_IMAGE = re.compile(r"!\[[^]]*\]\([^)]*\)\n?")
_TAG = re.compile(r"</?(?:details|summary)>|<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"\[(?P<words>[^]]*)\]\((?P<target>[^)#\s]*)(?:#[^)]*)?\)")


def pages() -> Mapping[str, Path]:
    """The pages by their names, sorted: `verdicts` is `docs/verdicts.md`."""
    own = {path.stem: path for path in shipped.folder("docs").glob("*.md")}
    del own["README"]
    others = {name: shipped.root() / path for name, path in _ELSEWHERE.items()}
    return dict(sorted((own | others).items()))


def index(width: int) -> str:
    """Each page with what it is read for, and how to read one."""
    found, reasons = pages(), _reasons()
    indent = " " * (max(map(len, found)) + 2)
    lines = [
        textwrap.fill(
            reasons.get(name) or _title(path),
            width,
            initial_indent=name.ljust(len(indent)),
            subsequent_indent=indent,
        )
        for name, path in found.items()
    ]
    return "\n".join([*lines, "", "harness docs PAGE shows one of them.", ""])


def _reasons() -> dict[str, str]:
    """Page -> what a reader wants who reads it, from the table in `docs/README.md`."""
    table = (shipped.folder("docs") / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?) \| (.*) \|$", table, re.MULTILINE)
    linked = ((wish, link["target"]) for wish, links in rows for link in _LINK.finditer(links))
    names = {path.resolve(): name for name, path in pages().items()}
    placed = (((shipped.folder("docs") / target).resolve(), wish) for wish, target in linked)
    return {names[path]: wish for path, wish in placed if path in names}


def _title(page: Path) -> str:
    title, _, _ = page.read_text(encoding="utf-8").partition("\n")
    return title.lstrip("# ")


def text_of(name: str, width: int) -> str:
    """A page as text of at most so many columns. UsageError with the near name where there is none
    of that name."""
    found = pages()
    asked = name.removesuffix(".md").removeprefix("docs/")
    if asked not in found:
        guess = did_you_mean(asked, found)
        raise UsageError(f"no page {shown(name)}{guess}; harness docs lists them")
    written = found[asked].read_text(encoding="utf-8")
    return _plain(_links_as_commands(_TAG.sub("", _IMAGE.sub("", written)), found[asked]), width)


def _links_as_commands(text: str, page: Path) -> str:
    """A link to another page says how to read that one here; others keep their words, and those to
    elsewhere their address."""
    names = {path.resolve(): name for name, path in pages().items()}

    def told(link: re.Match[str]) -> str:
        target, words = link["target"], link["words"]
        if target.startswith(("http:", "https:")):
            return f"{words} ({target})"
        other = names.get((page.parent / target).resolve()) if target else None
        return f"{words} (`harness docs {other}`)" if other else words

    return _LINK.sub(told, text)


class _AsItIs(CodeBlock):
    """A block to be copied: no line of it is broken, however long."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(
            textwrap.indent(str(self.text).rstrip(), "    "), no_wrap=True, overflow="ignore"
        )


class _Page(Markdown):
    elements: ClassVar = {**Markdown.elements, "fence": _AsItIs, "code_block": _AsItIs}


def _plain(markdown: str, width: int) -> str:
    out = StringIO()
    console = Console(file=out, width=width, color_system=None, legacy_windows=False)
    console.print(_Page(markdown, hyperlinks=False), crop=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
