"""`harness clean`: what is kept of environments, and how to be rid of it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.environments.kept import Kept

_DAY_S = 86_400
_EPILOG = """\b
Examples:
  harness clean
  harness clean --unused 30
"""


@click.command("clean", epilog=_EPILOG)
@click.option(
    "--unused",
    metavar="DAYS",
    type=click.FloatRange(min=0),
    help="Remove the environments that no run has used for so many days.",
)
@click.option("--all", "everything", is_flag=True, help="Remove all of them.")
def command(unused: float | None, everything: bool) -> None:
    """Show the Python environments that are kept, and what they take; remove those that are told.

    A run builds anew what it needs and does not find, for which it asks the package index. What a
    run that is under way may be using is kept in any case. With either option the leavings of
    builds that were killed are removed, too.
    """
    from harness.environments.kept import all_kept, remove_kept  # noqa: PLC0415 - fast --help
    from harness.units import format_bytes  # noqa: PLC0415

    environ, now_s = dict(os.environ), time.time()
    kept = all_kept(environ)
    if unused is None and not everything:
        click.echo("\n".join(_shown(kept, environ, now_s)))
        return
    until_s = now_s - (0 if everything else (unused or 0) * _DAY_S)
    in_use_s = _first_run_began_s(environ)
    meant = [one for one in kept if one.used_s is None or one.used_s <= until_s]
    spared = [one for one in meant if one.used_s is not None and one.used_s >= in_use_s]
    removed = [one for one in meant if one not in spared and remove_kept(one)]
    freed = format_bytes(sum(one.size_bytes for one in removed))
    click.echo(f"removed {len(removed)} of {len(kept)}: {freed} freed")
    if spared:
        click.echo(f"kept {len(spared)}: a run is under way that may be using them")
    if others := [one for one in meant if one not in spared and one not in removed]:
        names = ", ".join(str(one.folder) for one in others)
        click.echo(f"not removed, as they are being built or cannot be: {names}")


def _first_run_began_s(environ: Mapping[str, str]) -> float:
    """When the first of all runs that are under way began: what was used since then may be
    theirs."""
    from harness.runner.prepare.preflight import workspaces_in_use  # noqa: PLC0415
    from harness.workspace import temporary_root  # noqa: PLC0415

    began_s = [time.time()]
    for path in workspaces_in_use(temporary_root(environ)):
        try:
            began_s.append((Path(path) / "owner.json").stat().st_mtime)
        except OSError:  # it has just ended
            continue
    return min(began_s)


def _shown(kept: Sequence[Kept], environ: Mapping[str, str], now_s: float) -> list[str]:
    from harness.cli.terminal import terminal_look  # noqa: PLC0415
    from harness.environments.kept import home_of  # noqa: PLC0415
    from harness.units import format_bytes  # noqa: PLC0415

    home = home_of(environ)
    if not kept:
        return [f"no environments are kept in {home}"]
    width = terminal_look().width
    rows = [(_last_used(one, now_s), format_bytes(one.size_bytes), one) for one in kept]
    lines = [f"{home}", f"{'last used':12} {'size':>10}  what"]
    for used, size, one in rows:
        line = f"{used:12} {size:>10}  {one.what}"
        lines.append(line if len(line) <= width else f"{line[: width - 3]}...")
    total = format_bytes(sum(one.size_bytes for one in kept))
    month = [one for one in kept if one.used_s is None or one.used_s <= now_s - 30 * _DAY_S]
    frees = format_bytes(sum(one.size_bytes for one in month))
    lines.append(f"{len(kept)}, {total} in all; `harness clean --unused 30` frees {frees}")
    return lines


def _last_used(one: Kept, now_s: float) -> str:
    if one.used_s is None:
        return "never"
    days = int((now_s - one.used_s) / _DAY_S)
    return "today" if days < 1 else f"{days} days ago" if days > 1 else "yesterday"
