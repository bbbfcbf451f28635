"""The app of the real worker in the contract suite: settings from a file, one task."""

from __future__ import annotations

import json
import os
from pathlib import Path

from celery import Celery

app = Celery("contract")
app.conf.update(json.loads(Path(os.environ["CONTRACT_SETTINGS"]).read_text()))


@app.task(name="contract.add")  # type: ignore[untyped-decorator]  # Celery has no types
def add(x: int, y: int) -> int:
    """The tutorial's first task."""
    return x + y
