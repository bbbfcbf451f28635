"""`harness copy`: a shipped configuration or scenario to edit."""

from __future__ import annotations

from pathlib import Path

import click

_EPILOG = """\b
Examples:
  harness copy redis
  harness copy compare-brokers bench
"""

_SAID = {
    "wrote": "wrote {}",
    "same": "there already, as shipped: {}",
    "differs": "kept yours: {} differs from the shipped one",
}


@click.command("copy", epilog=_EPILOG)
@click.argument("name")
@click.argument(
    "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("benchmarks")
)
def command(name: str, folder: Path) -> None:
    """Write a copy of the shipped configuration or scenario of that NAME into FOLDER (benchmarks).

    A configuration goes to FOLDER/configs, a scenario to FOLDER/scenarios, with the configurations
    that it names. From the folder that holds benchmarks/ (or configs/ and scenarios/ themselves)
    both are found by their names, before the shipped ones. Nothing is ever overwritten.
    """
    from harness.scenario.files.yaml12 import shown_path  # noqa: PLC0415 - `--help` stays fast
    from harness.scenario.plan.copying import copy_shipped  # noqa: PLC0415

    for target, became in copy_shipped(name, folder):
        click.echo(_SAID[became].format(shown_path(target)))
