"""The load `backlog`: everything is published before anything runs."""

from __future__ import annotations

from typing import Literal

from harness.scenario.loads.base import LoadBase, Publish


class BacklogLoad(LoadBase):
    """Publish all units while the workers are held, then release them."""

    load: Literal["backlog"]
    publish: Publish = "api"
    """`api` is what users do; `batch` and `prebuilt` fill a queue faster, see docs/measuring.md."""

    @property
    def held(self) -> bool:
        """So that all start at once."""
        return True
