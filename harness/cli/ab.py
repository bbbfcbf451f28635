"""`harness ab`: two revisions, versions or settings side by side in one run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import (
    margin_option,
    out_option,
    seed_option,
    share,
    strict_option,
    watching_options,
)
from harness.scenario.files.wording import printable
from harness.units import format_number

if TYPE_CHECKING:
    from harness.runner.run import RunOptions
    from harness.runner.telling.events import Event
    from harness.scenario.models.scenario import Plan

_EPILOG = """\b
A REF is one of
  a git revision   main, HEAD, v1.2, 3fa9c1b: of the project in the current folder
  pins:LIST        pins:celery==5.6.3   pins:celery==5.7.0,redis<6
  set:PATH=VALUE   set:settings.task_acks_late=true   set:worker.concurrency=4
--base and --head can be repeated: settings add up, with a revision or with pins.

\b
What a revision changes: the packages that its lock file, requirements or pyproject.toml install, so
its Celery, kombu and client libraries; and its own modules, if the configuration's settings.imports
names one for the workers to load. What is measured is the scenario's workload: with workload task,
the project's own tasks as each revision has them.
Scenario and configurations are read
from the folder as it is, uncommitted changes of the project are not part of any revision.

\b
Examples:
  harness ab --base "$(git merge-base origin/main HEAD)" --head HEAD scenarios/smoke.yaml
  harness ab --base pins:celery==5.6.3 --head pins:celery==5.7.0 scenarios/quickstart.yaml
  harness ab --base-python .venv --head-python .venv-upgraded scenarios/quickstart.yaml
  harness ab --base main --head HEAD --prepare 'python manage.py migrate' scenarios/smoke.yaml
  harness ab --base set:settings.task_acks_late=false --head set:settings.task_acks_late=true \\
      scenarios/smoke.yaml --config rabbitmq
"""

_NOTHING_TOLD_APART = (
    "Note: both revisions ran the same Celery, kombu and client libraries, and settings.imports "
    "names no module of theirs, so what differs between them was not measured; any verdict is "
    "about noise."
)


def _pairs(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """(10, 30) from `10..30`, (12, 12) from `12`."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,4})(?:\.\.(\d{1,4}))?", value)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 6 <= low <= high <= 1000:
        raise click.BadParameter(
            "expected a number of pairs such as 12, or of at least and at most as many such as "
            "6..30; from 6 (fewer carry no verdict) to 1000"
        )
    return low, high


@click.command("ab", epilog=_EPILOG)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--base", metavar="REF", multiple=True, help="What is compared with.")
@click.option("--head", metavar="REF", multiple=True, help="What is judged.")
@click.option(
    "--base-python",
    metavar="PATH",
    help="An environment of yours (its interpreter or its folder) as the base, with what is "
    "installed there.",
)
@click.option("--head-python", metavar="PATH", help="The same as the head.")
@click.option(
    "--install",
    metavar="WORDS",
    multiple=True,
    help="How revisions are installed, where their files do not say it: the words of a call of "
    "pip, e.g. '-r deploy/requirements.txt'. Can be repeated.",
)
@click.option(
    "--prepare",
    metavar="COMMAND",
    multiple=True,
    help="Run in each revision's copy of the project before anything is measured, with its "
    "environment active, e.g. 'python manage.py migrate'. Can be repeated.",
)
@margin_option
@click.option(
    "--pairs",
    metavar="MIN[..MAX]",
    callback=_pairs,
    help="Pairs of blocks per cell: so many, and more up to MAX while the verdict is open. "
    "Default: the scenario's, else 6..30.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, 10_000, min_open=True),
    help="Add no more pairs when measuring has taken this long.",
)
@click.option(
    "--effect",
    metavar="SHARE",
    callback=share,
    help="The slowdown that is to be found within --minutes, e.g. 10%: the first look says whether "
    "this machine can. Default: the scenario's.",
)
@click.option(
    "--loads",
    type=click.Choice(["both", "own"]),
    default="both",
    show_default=True,
    help="both: speed (throughput) at the scenario's closed loads and backlogs, and costs (CPU per "
    "task, latency) of the same work at one rate that both sides hold, found by a trial. "
    "own: the scenario's loads only.",
)
@strict_option
@click.option("--config", "configs", metavar="NAME", multiple=True, help="As for `harness run`.")
@click.option(
    "--provider",
    type=click.Choice(["local", "compose", "external"]),
    help="As for `harness run`.",
)
@click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="For both sides alike.")
@out_option
@seed_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "json"]),
    default="text",
    show_default=True,
    help="How the report is printed; `harness report` shows it again in any other format.",
)
@click.option("--baseline", metavar="NAME", help="What `baseline` in gates means.")
@click.option(
    "--force",
    is_flag=True,
    help="Measure two sides that are the same, or use a baseline of an unlike environment.",
)
@watching_options
def command(scenario: Path, **options: Any) -> None:
    """Measure SCENARIO for two REFs, interleaved block by block, and say which is slower.

    Both sides run in one session on the same servers, in mirrored pairs (AB BA), so that a
    drift of the machine hits both alike. What goes as fast as it can is measured twice: as it
    is, for speed, and at one rate that both sides hold, for costs (CPU per task, latency). Each
    revision or version gets a Python environment of its own, built before anything is measured
    and kept for the next time.

    Exit code: 0 no regression, 1 a regression, a failed gate or a unit that did not end as it
    should, 2 if something could not be run, 3 with --strict if something cannot be
    told, 130 interrupted.
    """
    from harness.cli.ending import leave, load_report, show_report  # noqa: PLC0415 - stays fast
    from harness.cli.terminal import tell_shadowed  # noqa: PLC0415
    from harness.cli.verdict import baseline_for  # noqa: PLC0415
    from harness.cli.watching import watching  # noqa: PLC0415
    from harness.runner.prepare.ab import nothing_told_apart  # noqa: PLC0415
    from harness.runner.run import RunOptions, run  # noqa: PLC0415

    environ, project = dict(os.environ), Path.cwd()
    provider, out, force = options["provider"], options["out"], options["force"]
    quiet, json_lines = options["quiet"], options["json_lines"]
    plan = _plan(scenario, options, project, environ)
    tell_shadowed(plan.shadowed)
    compared = baseline_for(plan.scenario, options["baseline"], out)
    run_options = RunOptions(provider, out, options["seed"], project, environ, compared, force)
    if options["loads"] == "both":
        plan = _at_equal_rates(plan, run_options, silent=quiet or json_lines)
    files, form = options["files"], options["form"]
    run_options = replace(run_options, meanwhile=partial(load_report, files=files))
    with watching(quiet=quiet, json_lines=json_lines) as listener:
        record, folder = run(plan, run_options, listener)
    show_report(record, folder.path, quiet=quiet, json_lines=json_lines, files=files, form=form)
    if not force and nothing_told_apart(record):
        click.echo(_NOTHING_TOLD_APART, err=True)
    leave(record, strict=options["strict"])


def _at_equal_rates(plan: Plan, options: RunOptions, *, silent: bool) -> Plan:
    """The plan with costs at equal rates. Ends the process where the trial was interrupted;
    one that could not be measured adds nothing, as the run will say what is wrong."""
    from harness.cli import INTERRUPTED  # noqa: PLC0415 - `--help` stays fast
    from harness.cli.verdict import was_interrupted  # noqa: PLC0415
    from harness.runner.prepare import equal_rates  # noqa: PLC0415
    from harness.runner.run import run  # noqa: PLC0415

    trying = replace(options, kept=False, baseline=None)
    listener = _TrialListener(silent=silent)
    try:
        return equal_rates.with_equal_rates(plan, lambda trial: run(trial, trying, listener)[0])
    except equal_rates.TrialBrokenOffError as error:
        if was_interrupted(error.record):
            click.echo("Interrupted in the trial: nothing is kept of it", err=True)
            raise SystemExit(INTERRUPTED) from error
        return plan


class _TrialListener:
    """Says on standard error what a trial does: its run is nobody's, and has no view."""

    tick_s = None

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def hear(self, event: Event, at_ns: int) -> None:  # noqa: ARG002 - a listener is told when
        from harness.cli.watching.lines import beforehand  # noqa: PLC0415 - `--help` stays fast
        from harness.runner.telling import events  # noqa: PLC0415

        if self._silent:
            return
        with suppress(OSError):  # a terminal that went away is no reason to end a measurement
            match event:
                case events.EnvironmentBuilds() | events.CopyPrepares():
                    click.echo(beforehand(event), err=True)
                case events.BlockEnded(block, cell):
                    rate = f"{format_number(block.throughput_per_s or 0)} units/s"
                    click.echo(f"trial: {printable(cell.name)}: {rate}", err=True)


def _plan(
    scenario: Path, options: Mapping[str, Any], project: Path, environ: Mapping[str, str]
) -> Plan:
    """Every cell of the scenario twice, as the two sides have it."""
    from harness.runner.prepare import ab  # noqa: PLC0415 - `--help` stays fast

    told = {name: options[name] for name in ("install", "prepare")}
    if any(told.values()):
        ab.check_revisions([*options["base"], *options["head"]])
    base, head = (
        ab.variant_of(options[side], project, environ, options[f"{side}_python"], told)
        for side in (ab.BASE, ab.HEAD)
    )
    if not options["force"]:
        ab.check_unlike(base, head)
    frame = ab.Frame(scenario, options["configs"], options["sets"], options["provider"], environ)
    effort = ab.Effort(options["margin"], options["pairs"], options["minutes"], options["effect"])
    return ab.paired_plan(frame, base, head, effort)
