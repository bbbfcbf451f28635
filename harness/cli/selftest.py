"""`harness selftest`: does this installation measure the truth?"""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from harness.errors import ExitCode

_EPILOG = """\b
Example: harness selftest
         harness selftest --short --broker redis
"""


@click.command("selftest", epilog=_EPILOG)
@click.option(
    "--broker",
    "brokers",
    type=click.Choice(["redis", "rabbitmq"]),
    multiple=True,
    help="Check on this broker, on a private server. Repeatable. Default: all that are installed.",
)
@click.option("--short", is_flag=True, help="About a minute, as in CI, instead of several.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the runs in this folder. Default: they are removed.",
)
@click.option("--quiet", is_flag=True, help="No progress lines, only the findings.")
def command(
    brokers: tuple[str, ...], short: bool, as_json: bool, out: Path | None, quiet: bool
) -> ExitCode:
    """Plant stalls, losses, duplicates, wrong results on real servers, and see them found.

    A line per check: what was planted, expected, measured, and whether they agree. Exit code:
    0 if all do, 1 if not, 2 if a check could not be run.
    """
    from harness.selftest.bench import BROKERS  # noqa: PLC0415 - `--help` stays fast
    from harness.selftest.checks import left_out, selftest  # noqa: PLC0415

    def say(words: str) -> None:
        if not quiet:
            click.echo(words, err=True)

    environ = dict(os.environ)
    missing = left_out(environ, brokers)
    chosen = [name for name in dict.fromkeys(brokers or BROKERS) if name not in missing]
    findings = []
    checks = selftest(chosen, short=short, results=out, environ=environ, say=say)
    with closing(checks):
        for finding in checks:
            findings.append(finding)
            if not as_json:
                click.echo(str(finding))
    for name, why in missing.items():
        click.echo(f"--- {name:8} left out: {why}", err=as_json)
    if as_json:
        document = {"findings": [asdict(one) for one in findings], "left_out": missing}
        click.echo(json.dumps(document, indent=1))
    return ExitCode.PASS if all(one.ok for one in findings) else ExitCode.REGRESSION
