"""The table of drivers."""

from __future__ import annotations

import subprocess
import sys

from harness.services.registry import drivers


def test_every_driver_has_the_name_it_is_found_by() -> None:
    known = drivers()
    assert [driver.name for driver in known.values()] == list(known)
    assert len(known) == 10
    assert known["redis"] is known["redis"]


def test_a_run_on_redis_does_not_wait_for_amazons_library() -> None:
    """It is what a run would import, in a process that has imported nothing yet."""
    code = """
import sys
import harness.runner.run
from harness.services.registry import drivers
drivers()["redis"]
print([name for name in ("botocore", "boto3", "sqlalchemy", "pymysql") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
