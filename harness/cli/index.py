"""`harness index`: an HTML page over all stored runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import store_option

_EPILOG = """\b
Example: harness index
         harness index --output public/index.html
"""


@click.command("index", epilog=_EPILOG)
@store_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the page goes. Default: index.html in the store. Its links lead to the runs beside "
    "it.",
)
def command(store: Path, output: Path | None) -> None:
    """Write a page with every run of the store, newest first, and each cell over time.

    One file that needs no network: it can be opened from disk, or kept by CI with the runs. Write
    it again when there are new runs.
    """
    from harness.cli.sql import tell_skipped  # noqa: PLC0415 - `--help` stays fast
    from harness.clock import utc_now  # noqa: PLC0415
    from harness.errors import UsageError  # noqa: PLC0415
    from harness.report.index.overview import overview  # noqa: PLC0415
    from harness.report.index.page import page  # noqa: PLC0415
    from harness.results.store.catalog import scan  # noqa: PLC0415

    catalog = scan(store)
    tell_skipped(catalog.skipped)
    target = output or store / "index.html"
    text = page(overview(catalog, target.parent), written_at=f"{utc_now():%Y-%m-%d %H:%M} UTC")
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise UsageError(
            f"cannot write {target}: {error.strerror}; choose another place with --output"
        ) from error
    count = len(catalog.runs)
    click.echo(f"wrote {target}: {count} {'run' if count == 1 else 'runs'}")
