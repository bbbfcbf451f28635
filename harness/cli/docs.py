"""`harness docs`: the documentation, in the terminal."""

from __future__ import annotations

import sys

import click


@click.command("docs", epilog="Example: harness docs verdicts")
@click.argument("page", required=False)
def command(page: str | None) -> None:
    """Show a PAGE of the documentation; without PAGE, which there are.

    Plain text; a terminal gets it in its pager, where it is longer than a screen.
    """
    from harness.cli.pages import index, text_of  # noqa: PLC0415
    from harness.cli.terminal import terminal_look  # noqa: PLC0415 - `--help` stays fast

    width = terminal_look().width
    text = index(width) if page is None else text_of(page, width)
    if page is not None and sys.stdout.isatty():
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)
