"""The one error tree. A message says what happened, where, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells the shell (documented in docs/exit-codes.md)."""

    PASS = 0
    REGRESSION = 1
    """A regression, a failed gate, or a unit that was lost, wrong or failed unmeant."""
    USAGE = 2
    """Bad input or missing infrastructure: nothing could be said about the configuration."""
    INCONCLUSIVE = 3


class HarnessError(Exception):
    """Base of every error that a user can cause. Printed as its message, never as a traceback."""

    exit_code = ExitCode.USAGE


class UsageError(HarnessError):
    """The command line asks for something that does not exist or cannot be."""


class ServiceError(HarnessError):
    """A server could not be provided, reached or cleaned up."""


class OutOfReachError(ServiceError):
    """A program is here, but the ordinary user who is to run it cannot get at it."""


class WorkerError(HarnessError):
    """A Celery worker did not start, did not get ready, or died."""


class ClientError(HarnessError):
    """The load generator did not start, or died."""


class RecordError(HarnessError):
    """A stored run cannot be written or read."""


class PluginError(HarnessError):
    """An installed plug-in cannot be used. The message names it and its package."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with an input file. `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class InvalidInput(HarnessError):  # noqa: N818 - reads as the sentence it is: raise InvalidInput(problems)
    """One or more problems in YAML files or `--set` values, all found in one pass."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))
