"""Asking stores by SQL, and a store with real samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from harness.results.store.catalog import scan
from harness.results.store.database import answered
from tests.cli.project import ROOT

REFERENCE = ROOT / "results/reference"


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with answered(scan(folder), query) as answer:
        assert answer.skipped == ()
        return list(answer.rows)


def copied(folder: Path, name: str, **changes: Any) -> Path:
    """The reference run with its samples, under another name."""
    target = folder / name
    shutil.copytree(REFERENCE, target)
    path = target / "run.json"
    record = json.loads(path.read_text(encoding="utf-8")) | {"run_id": f"id of {name}"} | changes
    path.write_text(json.dumps(record), encoding="utf-8")
    return target
