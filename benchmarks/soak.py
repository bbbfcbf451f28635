"""One run for half an hour: three brokers, and faults at random moments.

Workers are killed, stopped, shut down; the Redis that has the results is killed and restarted, the
way to it cut and slowed. Holds if every block was measured and every unit has an outcome, if
nothing is left over, and if the memory of the harness itself is flat: the median of the last
quarter at most 1.1 times that of the second one, when everything has been loaded once. What the
faults cost is not judged: see docs/faults.md. SOAK_MINUTES shortens it.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import yaml

from harness.results.record.run import RunRecord
from harness.results.store.run_folders import read_run
from harness.workspace import MARK

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
MOST = 1.1
LOOK_S = 2.0
ENDS_S = 180.0
WORKERS = {"concurrency": 2, "count": 2}
REDIS = {"service": "redis"}
BROKERS: dict[str, dict[str, object]] = {
    "redis": {"broker": REDIS, "backend": {**REDIS, "apart": True}},
    "rabbitmq": {"broker": {"service": "rabbitmq"}, "backend": REDIS},
    "sqs": {
        "broker": {"service": "sqs"},
        "backend": REDIS,
        "settings": {"broker_transport_options": {"polling_interval": 0, "visibility_timeout": 5}},
    },
}
LOADS = 30
"""Different ones: each with faults and moments of its own."""
OF_WORKERS: dict[str, dict[str, object]] = {
    "kill_worker": {"restart": "300ms"},
    "shutdown_worker": {"restart": "300ms"},
    "stop_worker": {"duration": "500ms"},
    "kill_pool_child": {},
}
OF_THE_BACKEND: dict[str, dict[str, object]] = {
    "restart_backend": {"down": "300ms"},
    "kill_backend": {"down": "300ms"},
    "reset_network": {"duration": "300ms", "to": "backend"},
    "black_hole": {"duration": "500ms", "to": "backend"},
    "slow_network": {"duration": "1s", "rtt": "20ms", "jitter": "5ms", "to": "backend"},
}
"""All have a Redis for results. Of their brokers only two can be restarted, or be cut off."""


def load_of(number: int) -> dict[str, object]:
    """A load with three faults, drawn for this number: any kind, to either worker; in every other
    load the second one strikes the backend, or the way to it."""
    chance = random.Random(number)  # noqa: S311 - a moment, not a secret
    faults: list[dict[str, object]] = []
    for earliest_s in (1, 3, 5):
        at = f"{chance.uniform(earliest_s, earliest_s + 1):.3f}s"
        if earliest_s == 3 and number % 2:
            kind = chance.choice(list(OF_THE_BACKEND))
            faults.append({"fault": kind, "at": at, **OF_THE_BACKEND[kind]})
            continue
        kind = chance.choice(list(OF_WORKERS))
        worker = chance.choice((1, 2))
        faults.append({"fault": kind, "at": at, "worker": worker, **OF_WORKERS[kind]})
    # The rate tells the loads apart, which have to differ by more than their faults' moments.
    return {"load": "rate", "rate": f"{10 + number / 100}/s", "faults": faults}


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
        "loads": [load_of(number) for number in range(LOADS)],
        "measure": {"duration": "8s", "warmup": 8, "timeout": "15s", "blocks": 30},
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
    for name in BROKERS:
        every = [b for cell in record.cells if cell.config["name"] == name for b in cell.blocks]
        blocks = [block for block in every if block.status == "complete"]
        failed = [block.error for block in every if block.status == "failed"]
        units = sum(block.units for block in blocks)
        ended = sum(block.outcomes.total for block in blocks)
        outcomes = ("ok", "failed", "wrong", "lost", "timed_out")
        counts = {one: sum(getattr(b.outcomes, one) for b in blocks) for one in outcomes}
        again = sum(block.duplicated for block in blocks)
        kinds = Counter(fault.fault for block in blocks for fault in block.faults)
        print(
            f"{name}: {len(blocks)} blocks, {dict(kinds)}, {units} units, {counts}, {again} twice"
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
