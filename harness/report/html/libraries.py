"""Vega, Vega-Lite and vega-embed as one script, from vl-convert, which ships them.

A wheel brings the script along (`setup.py` makes it when the wheel is built), so that whoever
installs the harness need not have vl-convert; a checkout has vl-convert make it once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from harness.environments.kept import cache_folder
from harness.errors import RecordError
from harness.extras import needs

SHIPPED = Path(__file__).with_name("vega.bundle")
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@cache
def libraries() -> str:
    """A script that defines `vegaEmbed`; it loads nothing, and needs no `eval` with `ast: true`.

    RecordError in a checkout without vl-convert.
    """
    if SHIPPED.is_file():
        return _on_its_own(SHIPPED.read_text(encoding="utf-8"))
    if lacking := needs("the page of a report", "charts", "vl_convert"):
        raise RecordError(lacking)
    kept = kept_script(version("vl-convert-python"), os.environ)
    script = _read(kept)
    if script is None:
        import vl_convert  # noqa: PLC0415 - of the first report of all

        script = _on_its_own(vl_convert.javascript_bundle(_SNIPPET))
        _keep(kept, script)
    return script


def _on_its_own(bundle: str) -> str:
    """In a function, for its names are many and short."""
    return f"(()=>{{{within_script(bundle)}}})();"


def kept_script(release: str, environ: Mapping[str, str]) -> Path:
    """File in which the bundle of a version of vl-convert is kept: to bundle takes a second each
    time."""
    return cache_folder(environ) / f"vega-{release}.js"


def within_script(script: str) -> str:
    """A script that no end tag or comment inside of a string can cut off."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3C", script, flags=re.IGNORECASE)


def _read(path: Path) -> str | None:
    """What was kept, if it is whole: its first line is the digest of the rest."""
    try:
        digest, _, script = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return script if digest == f"// {_digest(script)}" else None


def _keep(path: Path, script: str) -> None:
    """Where nothing can be kept, it is made anew each time."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"// {_digest(script)}\n{script}")
            Path(partial).replace(path)
        except OSError:
            Path(partial).unlink(missing_ok=True)


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()
