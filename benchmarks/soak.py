"""One run for half an hour: three brokers, workers killed and stopped at random moments.

Holds if every block was measured and every unit has an outcome, if nothing is left over, and if the
memory of the harness itself is flat: the median of the last quarter at most 1.1 times that of the
second one, when everything has been loaded once. What the faults cost is not judged: see
docs/faults.md. SOAK_MINUTES shortens it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

from harness.results.record import RunRecord
from harness.results.store import read_run
from harness.workspace import MARK

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
MOST = 1.1
LOOK_S = 2.0
ENDS_S = 180.0
WORKERS = {"concurrency": 2, "count": 2}
REDIS = {"service": "redis"}
BROKERS: dict[str, dict[str, object]] = {
    "redis": {"broker": REDIS, "backend": REDIS},
    "rabbitmq": {"broker": {"service": "rabbitmq"}, "backend": REDIS},
    "sqs": {
        "broker": {"service": "sqs"},
        "backend": REDIS,
        "settings": {"broker_transport_options": {"polling_interval": 0, "visibility_timeout": 5}},
    },
}
FAULTS = [
    {"fault": "kill_worker", "between": ["1s", "2s"], "restart": "300ms", "worker": 1},
    {"fault": "stop_worker", "between": ["3s", "4s"], "duration": "500ms", "worker": 2},
    {"fault": "kill_pool_child", "between": ["5s", "6s"], "worker": 1},
]


def project(folder: Path) -> None:
    """The configurations and the scenario, as files."""
    (folder / "configs").mkdir()
    for name, fields in BROKERS.items():
        text = {"name": name, "worker": WORKERS, **fields}
        (folder / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(text))
    scenario = {
        "name": "soak",
        "configurations": list(BROKERS),
        "workloads": [{"workload": "heavy_task", "n": 7}],
        "loads": [{"load": "rate", "rate": "10/s"}],
        "faults": FAULTS,
        "measure": {"duration": "8s", "warmup": 8, "timeout": "15s", "blocks": 1000},
    }
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "soak.yaml").write_text(yaml.safe_dump(scenario))


def watched(folder: Path) -> tuple[int, list[int]]:
    """Run it for so long, then end it as a user would; exit code, and memory every two seconds."""
    command = [sys.executable, "-m", "harness", "run", "scenarios/soak.yaml", "--seed", "1"]
    own = {**os.environ, "TMPDIR": str(folder / "tmp")}
    (folder / "tmp").mkdir()
    rss_bytes: list[int] = []
    with subprocess.Popen(command, cwd=folder, env=own, stdout=subprocess.DEVNULL) as process:
        end_s = time.monotonic() + MINUTES * 60
        while time.monotonic() < end_s and process.poll() is None:
            with contextlib.suppress(psutil.Error):
                rss_bytes.append(psutil.Process(process.pid).memory_info().rss)
            time.sleep(LOOK_S)
        process.send_signal(signal.SIGINT)
        return process.wait(ENDS_S), rss_bytes


def left_over(folder: Path) -> list[str]:
    """Processes that carry the mark of the run, and temporary files."""
    found = [str(path) for path in (folder / "tmp").iterdir()]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK, "").startswith(f"{folder}/"):
                found.append(f"process {process.pid}")
    return found


def told(record: RunRecord) -> bool:
    """Print what each configuration went through; whether every unit has an outcome."""
    whole = True
    for cell in record.cells:
        blocks = [block for block in cell.blocks if block.status == "complete"]
        failed = [block.error for block in cell.blocks if block.status == "failed"]
        units = sum(block.units for block in blocks)
        ended = sum(block.outcomes.total for block in blocks)
        names = ("ok", "failed", "wrong", "lost", "timed_out")
        counts = {name: sum(getattr(b.outcomes, name) for b in blocks) for name in names}
        again = sum(block.duplicated for block in blocks)
        print(
            f"{cell.config['name']}: {len(blocks)} blocks, {units} units, {counts}, {again} twice"
        )
        for reason in failed:
            print(f"  could not be measured: {reason}")
        whole = whole and units == ended and not failed and bool(blocks)
    return whole


def main() -> int:
    """Exit code 0 if it holds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder)
        code, rss_bytes = watched(folder)
        (run,) = (folder / "results").iterdir()
        whole, rest = told(read_run(run)), left_over(folder)
    quarter = max(1, len(rss_bytes) // 4)
    early = statistics.median(rss_bytes[quarter : 2 * quarter] or rss_bytes)
    late = statistics.median(rss_bytes[-quarter:])
    print(f"exit code {code}; left over: {rest or 'nothing'}")
    print(f"memory of the harness: {early / 2**20:.1f} MiB, then {late / 2**20:.1f} MiB")
    holds = whole and not rest and late <= MOST * early
    print("holds" if holds else "does not hold")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
