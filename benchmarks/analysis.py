"""How long from event logs to a finished record, and in how much memory?

Made-up logs of one block, as a client with a pacer, a worker's main process and two pool
processes write them: nine records per sample, a sample being a unit of one task. Each size is
analysed in fresh processes, the two in turn. Holds if BENCH_SAMPLES (a million) samples take at
most 5 s and 1 GB, and ten times as many at most 11 times that and 2 GB: medians, of pairs of
neighbouring turns where it is a ratio. CPU time, which a noisy neighbour moves less, is shown
beside. The logs are in the page cache, as they are when a block ends.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import HEADER, HEADER_BYTES, MAGIC, Kind, Outcome
from harness.probe.recording.ids import namer, new_tag
from harness.results.block.ledger import BlockEnd
from harness.results.block.summary import digest
from harness.results.block.timeline import timeline
from harness.results.events.eventlog import EVENT, Events
from harness.results.events.merge import merge
from harness.results.events.unit_shape import UnitShape
from harness.results.record.run import BlockRecord
from harness.results.samples import writing as samples

SAMPLES = int(os.environ.get("BENCH_SAMPLES", "1000000"))
SHAPE = UnitShape(
    sequential=False,
    grouped=False,
    watched=True,
    held=False,
    stores_results=True,
    tasks_per_unit=1,
)
LOGS = ("client", "worker", "child-0", "child-1")
ROUNDS = 5
GB = 1e9


def make_logs(folder: Path, count: int, seed: int = 1) -> None:
    """Write the logs of `count` samples, a stretch of them at a time."""
    random = np.random.default_rng(seed)
    first_id = int(namer(new_tag())(0, 0).replace("-", ""), 16)
    identity = {"monotonic_ns": 0, "wall_ns": 0, "host": "made-up", "pid": 1}
    for name in LOGS:
        text = json.dumps(identity | {"role": name.partition("-")[0]}).encode()
        header = (HEADER.pack(MAGIC, len(text)) + text).ljust(HEADER_BYTES, b"\0")
        (folder / f"{name}.evt").write_bytes(header)
    begin_ns = 10**15
    for first in range(0, count, 200_000):
        units = np.arange(first, min(first + 200_000, count), dtype=np.uint32)
        for name, events in _stretch(random, units, first_id, begin_ns).items():
            with (folder / f"{name}.evt").open("ab") as file:
                in_order = events[np.argsort(events["time_ns"], kind="stable")]
                in_order.astype(EVENT).tofile(file)  # concatenating lost the byte order


def _stretch(
    random: np.random.Generator, units: npt.NDArray[np.uint32], first_id: int, begin_ns: int
) -> dict[str, Events]:
    """Units due every 100 us, their events in the logs that they belong to."""

    def after(stamp: npt.NDArray[np.int64], mean_us: float) -> npt.NDArray[np.int64]:
        return stamp + (random.lognormal(0, 1, len(units)) * mean_us * 1000).astype(np.int64)

    def events(kind: Kind, at_ns: npt.NDArray[np.int64], flags: int = 0) -> Events:
        made = np.zeros(len(units), dtype=EVENT)
        made["hi"], made["lo"] = first_id >> 64, lo
        made["time_ns"], made["flags"], made["kind"] = at_ns, flags, kind
        return made

    lo = np.uint64(first_id & (2**64 - 1)) + (units.astype(np.uint64) << np.uint64(32))
    due = begin_ns + units.astype(np.int64) * 100_000
    publish = after(due, 20)
    received = after(publish, 2000)
    started = after(received, 500)
    finished = after(started, 100)
    storing = after(finished, 50)
    stored = after(storing, 300)
    client = [
        events(Kind.DUE, due),
        events(Kind.PUBLISH, publish),
        events(Kind.PUBLISHED, after(publish, 200)),
        events(Kind.SEEN, after(storing, 200), Outcome.OK),
    ]
    for part in client:
        part["unit"] = units
    ran = [
        events(Kind.STARTED, started),
        events(Kind.FINISHED, finished),
        events(Kind.STORING, storing),
        events(Kind.STORED, stored),
    ]
    odd = random.integers(0, 2, len(units)).astype(bool)
    return {
        "client": np.concatenate(client),
        "worker": events(Kind.RECEIVED, received),
        "child-0": np.concatenate([part[~odd] for part in ran]),
        "child-1": np.concatenate([part[odd] for part in ran]),
    }


def analyse(folder: Path) -> None:
    """What the harness does when a block is over. Prints seconds, peak bytes and the counts."""
    began, cpu_began_s = time.monotonic(), time.process_time()
    merged = merge(folder / "events", SHAPE.tasks_per_unit, grouped=SHAPE.grouped)
    merged_s = time.monotonic() - began
    result = digest(merged, SHAPE, BlockEnd())
    digested_s = time.monotonic() - began
    samples.write(folder, result.merged, result.ledger, result.phases)
    seconds = timeline(merged, result.ledger, result.phases, interval_s=1.0)
    assert seconds is not None
    samples.write_timeline(folder, seconds)
    block = BlockRecord(
        number=0, cell=0, repetition=0, status="complete", started_at="", **result.fields
    )
    (folder / "block.json").write_text(block.model_dump_json(), encoding="utf-8")
    elapsed_s = time.monotonic() - began
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    answer = {
        "s": elapsed_s,
        "cpu_s": time.process_time() - cpu_began_s,
        "merge_s": merged_s,
        "digest_s": digested_s - merged_s,
    }
    answer |= {"bytes": int(peak_kib) * 1024, "ok": block.outcomes.ok}
    answer |= {"timed": block.latency_s.count, "foreign": merged.foreign_tasks}
    print(json.dumps(answer))


@dataclass(frozen=True)
class Turn:
    """One analysis."""

    elapsed_s: float
    cpu_s: float
    peak_bytes: int


def measure(folder: Path, count: int) -> Turn:
    """Analyse the logs in `folder` in a process of its own, and check what it found."""
    command = [sys.executable, __file__, "--analyse", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    answer = json.loads(done.stdout)
    assert answer["ok"] == answer["timed"] == count, answer
    assert answer["foreign"] == 0, answer
    print(
        f"{count:,} samples: {answer['s']:.2f} s "
        f"(merge {answer['merge_s']:.2f}, digest {answer['digest_s']:.2f}; "
        f"CPU {answer['cpu_s']:.2f}), "
        f"{answer['bytes'] / GB:.2f} GB",
        flush=True,
    )
    return Turn(answer["s"], answer["cpu_s"], answer["bytes"])


def main() -> None:
    """Print both sizes and whether the limits hold."""
    turns: dict[int, list[Turn]] = {SAMPLES: [], 10 * SAMPLES: []}
    with tempfile.TemporaryDirectory(prefix="analysis-") as name:
        for count in turns:
            (Path(name) / str(count) / "events").mkdir(parents=True)
            make_logs(Path(name) / str(count) / "events", count)
        os.sync()  # what is still written back would be read against
        for _ in range(ROUNDS):
            for count, taken in turns.items():
                taken.append(measure(Path(name) / str(count), count))
    small, large = turns.values()
    small_s = statistics.median(turn.elapsed_s for turn in small)
    pairs = list(zip(small, large, strict=True))
    times = statistics.median(b.elapsed_s / a.elapsed_s for a, b in pairs)
    cpu_times = statistics.median(b.cpu_s / a.cpu_s for a, b in pairs)
    small_bytes, large_bytes = (max(turn.peak_bytes for turn in taken) for taken in (small, large))
    holds = [
        _claim(f"{SAMPLES:,} samples in 5 s", f"{small_s:.2f} s", small_s <= 5),
        _claim("within 1 GB", f"{small_bytes / GB:.2f} GB", small_bytes <= GB),
        _claim(
            "ten times as many in 11 times that",
            f"{times:.1f} times ({cpu_times:.1f} times the CPU time)",
            times <= 11,
        ),
        _claim("within 2 GB", f"{large_bytes / GB:.2f} GB", large_bytes <= 2 * GB),
    ]
    sys.exit(0 if all(holds) else 1)


def _claim(what: str, found: str, it_holds: bool) -> bool:
    print(f"{what}: {found} {'holds' if it_holds else 'DOES NOT HOLD'}")
    return it_holds


if __name__ == "__main__":
    if sys.argv[1:2] == ["--analyse"]:
        analyse(Path(sys.argv[2]))
    else:
        main()
