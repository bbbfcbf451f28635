"""Vega, Vega-Lite and vega-embed as one script, from vl-convert, which ships them."""

from __future__ import annotations

import re
from functools import cache

from harness.errors import RecordError


@cache
def libraries() -> str:
    """A script that defines `vegaEmbed`; it loads nothing, and needs no `eval` with `ast: true`.

    RecordError where vl-convert is not installed.
    """
    try:
        import vl_convert  # noqa: PLC0415 - of one report in many
    except ImportError as error:
        raise RecordError(
            f"charts need vl-convert-python ({error}): pip install vl-convert-python"
        ) from error
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # In a function of its own, for its names are many and short.
    return f"(()=>{{{within_script(bundle)}}})();"


def within_script(script: str) -> str:
    """A script that no end tag or comment inside of a string can cut off."""
    return re.sub(r"<(?=/script|!--|script)", r"\\x3C", script, flags=re.IGNORECASE)
