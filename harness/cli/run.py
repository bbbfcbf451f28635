"""`harness run`: load, check, plan, run, report."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

import click

from harness.cli.options import (
    baseline_option,
    out_option,
    seed_option,
    strict_option,
    watching_options,
)

_EPILOG = """\b
Examples:
  harness run quickstart
  harness run compare-brokers --config redis --config rabbitmq
  harness run scenarios/ours.yaml --json-lines | jq -c 'select(.event == "tick")'
  harness run smoke --set measure.blocks=3 --set config.worker.concurrency=4
"""


class Further(TypedDict):
    """The options that say where it runs, and what the figures are held against."""

    affinity: str | None
    baseline: str | None
    force: bool
    strict: bool
    quiet: bool
    json_lines: bool
    files: bool


@click.command("run", epilog=_EPILOG)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--config",
    "configs",
    metavar="NAME",
    multiple=True,
    help="Run these configurations (names or paths) instead of the scenario's. Repeatable.",
)
@click.option(
    "--provider",
    type=click.Choice(["local", "compose", "external"]),
    help="Who runs the servers. Default: as the configuration says, else local.",
)
@click.option(
    "--set",
    "sets",
    metavar="PATH=VALUE",
    multiple=True,
    help="Change one value of the scenario, or of all configurations (config.PATH). Repeatable.",
)
@out_option
@seed_option
@baseline_option
@click.option(
    "--force", is_flag=True, help="Use a baseline that was measured in an unlike environment."
)
@click.option(
    "--affinity",
    metavar="ROLE=CORES,...",
    help="Keep client, broker (all local servers) and workers to cores: "
    "client=0,broker=0,workers=1-3+5. Linux.",
)
@strict_option
@watching_options
def command(
    scenario: Path,
    configs: tuple[str, ...],
    provider: str | None,
    sets: tuple[str, ...],
    out: Path,
    seed: int | None,
    **further: Unpack[Further],
) -> None:
    """Run a SCENARIO, a file or a name, and print its report; report.html and report.md are left in
    its folder.

    Exit code: 0 if every unit ended as it was meant to and every gate holds, 1 if not, or for a
    regression, 2 if something could not be run, 3 with --strict if what is
    compared cannot be told, 130 if it was interrupted.
    """
    from harness.affinity import ANYWHERE, parse  # noqa: PLC0415 - `--help` stays fast
    from harness.cli.ending import leave, load_report, show_report  # noqa: PLC0415
    from harness.cli.terminal import tell_shadowed  # noqa: PLC0415
    from harness.cli.verdict import baseline_for  # noqa: PLC0415
    from harness.cli.watching import watching  # noqa: PLC0415
    from harness.runner.run import RunOptions, run  # noqa: PLC0415
    from harness.scenario.plan.loader import load_plan  # noqa: PLC0415
    from harness.scenario.vendors.base import Provider  # noqa: PLC0415

    environ = dict(os.environ)
    chosen: Provider | None = provider  # type: ignore[assignment] # click.Choice has checked it
    plan = load_plan(scenario, only=configs, sets=sets, environ=environ, provider=chosen)
    tell_shadowed(plan.shadowed)
    pinned = parse(further["affinity"]) if further["affinity"] is not None else ANYWHERE
    compared = baseline_for(plan.scenario, further["baseline"], out)
    quiet, json_lines = further["quiet"], further["json_lines"]
    force, files = further["force"], further["files"]
    options = RunOptions(
        *(chosen, out, seed, Path.cwd(), environ, compared, force, pinned),
        meanwhile=partial(load_report, files=files),
    )
    with watching(quiet=quiet, json_lines=json_lines) as listener:
        record, folder = run(plan, options, listener)
    show_report(record, folder.path, quiet=quiet, json_lines=json_lines, files=files)
    leave(record, strict=further["strict"])
