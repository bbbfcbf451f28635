"""The `harness` command: a table of subcommands, each imported only when it runs.

A subcommand is a module here with a click command named `command`. It returns an ExitCode (or
nothing, for 0) or raises HarnessError; what the shell sees of either is decided in `main`. A module
for each of twenty commands, and what they share (`options`, `ending`, `verdict`, `terminal`), are
more than a folder has elsewhere: each command is found by its name.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TextIO

import click

from harness import __version__
from harness.errors import ExitCode, HarnessError

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
PIPE_CLOSED = 141
"""128 + SIGPIPE: who read our output went away."""


@dataclass(frozen=True)
class Subcommand:
    """A subcommand: the module it lives in, and its line in `harness --help`."""

    module: str
    summary: str


SUBCOMMANDS = {
    "run": Subcommand("harness.cli.run", "Measure a scenario."),
    "resume": Subcommand("harness.cli.resume", "Go on with a run that was broken off."),
    "ab": Subcommand("harness.cli.ab", "Two revisions, versions or settings side by side."),
    "check": Subcommand("harness.cli.check", "Validate YAML files; no server needed."),
    "list": Subcommand("harness.cli.listing", "What there is: configurations, scenarios ..."),
    "show-config": Subcommand("harness.cli.show_config", "A configuration or scenario as YAML."),
    "copy": Subcommand("harness.cli.copy", "A shipped one into a folder of yours, to edit."),
    "init": Subcommand("harness.cli.init", "Files to measure the tasks of a project of yours."),
    "report": Subcommand("harness.cli.report", "Show a stored run again, in any format."),
    "show": Subcommand("harness.cli.show", "A stored run on one screen, with small plots."),
    "compare": Subcommand("harness.cli.compare", "Compare configurations, or two runs."),
    "index": Subcommand("harness.cli.index", "An HTML page over all stored runs."),
    "history": Subcommand("harness.cli.history", "A scenario's runs over time, and changes."),
    "baseline": Subcommand("harness.cli.baseline", "Names for runs to be measured by."),
    "sql": Subcommand("harness.cli.sql", "Ask all stored runs by SQL."),
    "selftest": Subcommand("harness.cli.selftest", "Are planted troubles found? On real servers."),
    "doctor": Subcommand("harness.cli.doctor", "What is installed, what is missing."),
    "clean": Subcommand("harness.cli.clean", "What is kept of environments, and its removal."),
    "schema": Subcommand("harness.cli.schema", "JSON Schema of the YAML files, for editors."),
    "docs": Subcommand("harness.cli.docs", "The documentation, in the terminal."),
}


class LazyGroup(click.Group):
    """A group whose `--help` needs none of its subcommands' modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one subcommand's module, and no other's. TypeError if it has no `command`."""
        if cmd_name not in SUBCOMMANDS:
            return None
        command = importlib.import_module(SUBCOMMANDS[cmd_name].module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{SUBCOMMANDS[cmd_name].module}.command is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The table, without importing what it names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in SUBCOMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but an unknown command comes with a suggestion."""
        if args and args[0] not in SUBCOMMANDS and not args[0].startswith("-"):
            from harness.scenario.files.wording import did_you_mean  # noqa: PLC0415 - rare, so late

            guess = did_you_mean(args[0], SUBCOMMANDS)
            known = ", ".join(SUBCOMMANDS)
            raise click.UsageError(f'no command "{args[0]}"{guess}; commands: {known}', ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: harness run quickstart",
)
@click.version_option(__version__, prog_name="harness", message="%(prog)s %(version)s")
def cli() -> None:
    """Benchmark Celery configurations: brokers, result backends, settings, workers."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. No traceback for anything that a user can cause."""
    try:
        sys.exit(_told(exit_code_of(sys.argv[1:] if arguments is None else arguments)))
    finally:  # commands that measure leave by themselves
        try:
            sys.stderr.flush()
        except OSError:  # a terminal that has gone away, say: what was measured is kept
            _let_go(sys.stderr)


def _told(code: int) -> int:
    """The exit code, once all of standard output has been written or nobody reads it any more."""
    lost = code == PIPE_CLOSED
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code, lost = PIPE_CLOSED, True
    except OSError as error:
        code, lost = code or _no_room(error) or bug(error), True
    if lost:
        _let_go(sys.stdout)
    return code


def _let_go(stream: TextIO) -> None:
    """Python flushes once more at its end, and would complain there, with an exit code of its own
    (120; since 3.13 also for standard error)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def exit_code_of(arguments: Sequence[str]) -> int:
    """Run the command line without leaving the process; its exit code."""
    try:
        return _invoke(arguments)
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    except HarnessError as error:
        click.echo(_printable_lines(str(error)), err=True)
        return int(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("harness: interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - the last resort of the whole program
        return _no_room(error) or bug(error)


def _invoke(arguments: Sequence[str]) -> int:
    try:
        with cli.make_context("harness", list(arguments)) as context:
            return int(cli.invoke(context) or ExitCode.PASS)
    except click.exceptions.Exit as end:
        return end.exit_code


def _no_room(error: Exception) -> int:
    """The exit code for a full disk, which is nobody's bug; 0 for any other error."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return 0
    where = error.filename or "the output"
    click.echo(f"harness: cannot write {where}: {error.strerror}; make room first", err=True)
    return int(ExitCode.USAGE)


def _printable_lines(message: str) -> str:
    """Names of files and what servers say may hold what a terminal takes for a command."""
    from harness.scenario.files.wording import printable  # noqa: PLC0415 - `--help` stays fast

    return "\n".join(map(printable, message.split("\n")))


def bug(error: Exception) -> int:
    """One line on the terminal, the traceback in a file, or on the terminal with HARNESS_DEBUG."""
    from harness.services.redaction import strip_credentials  # noqa: PLC0415 - see above

    text = strip_credentials("".join(traceback.format_exception(error)))
    message = f"harness: this is a bug: {type(error).__name__}: {strip_credentials(str(error))}"
    if os.environ.get("HARNESS_DEBUG"):
        click.echo(text, err=True)
        return int(ExitCode.USAGE)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="harness-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError as no_file:
        click.echo(f"{text}\n{message}\nPlease report it with the traceback above", err=True)
        click.echo(f"harness: it could not be left in a file: {no_file}", err=True)
        return int(ExitCode.USAGE)
    click.echo(f"{message}\nPlease report it with the traceback in {file.name}", err=True)
    return int(ExitCode.USAGE)
