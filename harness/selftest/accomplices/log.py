"""What an accomplice did: one JSON object per line, beside the event logs and unknown to them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.probe.app_variables import SPEC_VARIABLE

LOG_FILE = "accomplice.jsonl"


def opened() -> Callable[..., None]:
    """A function that writes its keywords as one line. One write each: processes may share it."""
    spec = json.loads(Path(os.environ[SPEC_VARIABLE]).read_text(encoding="utf-8"))
    path = Path(spec["events"]).parent / LOG_FILE
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(**what: Any) -> None:
        os.write(handle, json.dumps(what).encode() + b"\n")

    return write
