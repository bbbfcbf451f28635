"""Commands as documents and CI files hold them, and whether there is such a command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from harness.cli import SUBCOMMANDS, cli

_HARNESS = re.compile(r"(?:^|[\s`({&|])harness ((?:" + "|".join(SUBCOMMANDS) + r")\b[^`\n|;&>)}]*)")
_PYTEST = re.compile(r"^\s*pytest (--harness [^\n`]*)$", re.MULTILINE)


def harness_commands(text: str) -> list[list[str]]:
    """The arguments of every `harness SUBCOMMAND ...` in a text, comments and redirections off.

    A subcommand alone is a word of a sentence.
    """
    found = _HARNESS.findall(text.replace("\\\n", " "))
    commands = [shlex.split(words, comments=True) for words in found]
    return [command for command in commands if len(command) > 1]


def pytest_options(text: str) -> Iterator[str]:
    """Every option of every `pytest --harness ...`."""
    for words in _PYTEST.findall(text):
        for word in shlex.split(words, comments=True):
            if word.startswith("-"):
                yield word.partition("=")[0]


def check_command(arguments: list[str]) -> click.Context:
    """Parse a command without running it. Raises click.UsageError for one that is wrong."""
    name, *rest = arguments
    with click.Context(cli, info_name="harness") as parent:
        command = cli.get_command(parent, name)
        assert command is not None
        return command.make_context(name, rest, parent=parent)
