"""`harness doctor`: what is installed, what would run, what is missing."""

from __future__ import annotations

import os

import click

from harness.errors import ExitCode

_EPILOG = """\b
Examples:
  harness doctor
  harness doctor --fix
"""


@click.command("doctor", epilog=_EPILOG)
@click.option("--fix", "repair", is_flag=True, help="Install what is missing, and clean up.")
def command(repair: bool) -> ExitCode:
    """Say what is installed, which servers would run, and how to get what is missing.

    Starts no server; tries netem for a moment, on a link of its own. Exit code 2 if something is
    missing that the shipped scenarios need.
    """
    from harness.services import doctor  # noqa: PLC0415 - `--help` stays fast

    environ = dict(os.environ)
    findings = doctor.examine(environ)
    if repair:
        for sentence in doctor.fix(findings, environ):
            click.echo(sentence)
        findings = doctor.examine(environ)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        state = "ok" if finding.usable else "missing" if finding.required else "-"
        words = "  ".join(word for word in (finding.version, finding.note) if word)
        click.echo(f"{finding.name:{width}}  {state:7}  {words}".rstrip())
        if finding.fix is not None and not finding.usable:
            click.echo(f"{'':{width}}           to get it: {finding.fix}")
    missing = any(finding.required and not finding.usable for finding in findings)
    return ExitCode.USAGE if missing else ExitCode.PASS
