"""`harness show-config`: a configuration or scenario as it is written."""

from __future__ import annotations

import click


@click.command("show-config", epilog="Example: harness show-config redis")
@click.argument("name")
def command(name: str) -> None:
    """Print the YAML of the configuration or scenario of that NAME: yours, else the shipped one.

    Standard error names the file. `harness list` shows which there are; `harness copy` writes a
    copy to edit.
    """
    from harness.errors import InvalidInput, Problem, UsageError  # noqa: PLC0415 - fast --help
    from harness.scenario.files.yaml12 import shown_path  # noqa: PLC0415
    from harness.scenario.plan.finding import SUFFIXES, find_either, unknown_either  # noqa: PLC0415

    found = find_either(name.removesuffix(SUFFIXES[0]))
    if found is None:
        raise UsageError(unknown_either(name))
    try:
        text = found.path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput([Problem(str(found.path), 1, 1, f"cannot be read: {error}")]) from error
    click.echo(text, nl=False)
    click.echo(f"# {shown_path(found.path)}", err=True)
