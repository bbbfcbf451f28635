"""The flight recorder: what `record` returned for is on disk, whatever happens next."""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from harness.errors import RecordError
from harness.probe.recording import recorder as recorder_module
from harness.probe.recording.events import HEADER_BYTES, NO_ID, RECORD_BYTES, Kind
from harness.probe.recording.recorder import Recorder
from harness.results.events.eventlog import Tail, chunks, logs_in, read

FIRST_BYTES = HEADER_BYTES + (1 << 13) * RECORD_BYTES
"""Size of a fresh file: room for the first 8192 records."""


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*.evt")
    return path


def ident(number: int) -> bytes:
    return number.to_bytes(16, "big")


def identifiers(path: Path) -> list[int]:
    events = read(path).events
    return [(int(hi) << 64) | int(lo) for hi, lo in zip(events["hi"], events["lo"], strict=True)]


def test_layout_is_the_documented_one(tmp_path: Path) -> None:
    """Read with `struct` and literal numbers only: no definition is shared with the writer."""
    recorder = Recorder(str(tmp_path), "client")
    recorder.record(Kind.PUBLISH, bytes(range(16)), 1_234_567_890_123, 7, 513, 2)
    recorder.record(Kind.SEEN, b"\xff" * 16, -5, 2**32 - 1, 65535, 255)
    data = only_file(tmp_path).read_bytes()

    magic, length = struct.unpack_from("<8sI", data)
    assert magic == b"HRNEVT01"
    identity = json.loads(data[12 : 12 + length])
    assert identity["role"] == "client"
    assert identity["pid"] == os.getpid()
    assert identity["ppid"] == os.getppid()
    assert identity["python"] == ".".join(map(str, sys.version_info[:3]))
    assert identity["wall_ns"] - identity["monotonic_ns"] > 0
    assert data[12 + length : 4096].strip(b"\0") == b""
    assert data[4096:4128] == bytes(range(16)) + struct.pack(
        "<qIHBB", 1_234_567_890_123, 7, 513, 2, 2
    )
    assert data[4128:4160] == b"\xff" * 16 + struct.pack("<qIHBB", -5, 2**32 - 1, 65535, 255, 11)
    assert data[4160:].strip(b"\0") == b""
    assert len(data) == FIRST_BYTES


def test_reader_gives_back_every_field(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "worker")
    recorder.record(Kind.FINISHED, bytes(range(16)), 42, 7, 513, 1)
    (event,) = read(only_file(tmp_path)).events
    assert int(event["hi"]).to_bytes(8, "big") + int(event["lo"]).to_bytes(8, "big") == bytes(
        range(16)
    )
    assert tuple(int(event[name]) for name in ("time_ns", "unit", "position", "flags", "kind")) == (
        *(42, 7, 513, 1),
        Kind.FINISHED,
    )


def test_many_units_at_once_are_as_many_records(tmp_path: Path) -> None:
    """Across growth, and mixed with records of one: nothing is lost, and nothing moved."""
    count = 20_000
    idents = [number.to_bytes(16, "big") for number in range(count)]
    one_by_one, at_once = Recorder(str(tmp_path), "one"), Recorder(str(tmp_path), "many")
    for number, ident in enumerate(idents):
        one_by_one.record(Kind.PUBLISH, ident, number * 3, number, 0, 1)
    at_once.record_units(Kind.PUBLISH, idents[:7], range(0, 21, 3), range(7), 1)
    at_once.record(Kind.PUBLISH, idents[7], 21, 7, 0, 1)
    at_once.record_units(Kind.PUBLISH, idents[8:], range(24, 3 * count, 3), range(8, count), 1)
    one_by_one.close()
    at_once.close()
    (one,), (many,) = tmp_path.glob("one-*"), tmp_path.glob("many-*")
    assert one.read_bytes()[HEADER_BYTES:] == many.read_bytes()[HEADER_BYTES:]
    assert many.stat().st_size == HEADER_BYTES + count * RECORD_BYTES


def test_files_are_private(tmp_path: Path) -> None:
    """Ids of tasks are nobody else's business."""
    Recorder(str(tmp_path), "worker").open()
    assert only_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_open_twice_makes_one_file(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "worker")
    recorder.open()
    recorder.open()
    assert len(read(only_file(tmp_path)).events) == 0


def test_growth_keeps_order_over_many_steps(tmp_path: Path) -> None:
    """Beyond several steps of growth every record stands once, in the order of writing."""
    count = 100_000  # 8192 doubles four times on the way
    recorder = Recorder(str(tmp_path), "client")
    for number in range(count):
        recorder.record(Kind.PUBLISH, ident(number), number, number)
    path = only_file(tmp_path)
    events = read(path).events
    assert np.array_equal(events["unit"], np.arange(count))
    assert np.array_equal(events["time_ns"], np.arange(count))
    assert path.stat().st_size == HEADER_BYTES + (1 << 17) * RECORD_BYTES


def test_close_gives_the_unused_tail_back(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "client")
    for number in range(10_000):
        recorder.record(Kind.PUBLISH, ident(number))
    recorder.close()
    recorder.close()
    path = only_file(tmp_path)
    assert path.stat().st_size == HEADER_BYTES + 10_000 * RECORD_BYTES
    assert identifiers(path) == list(range(10_000))


def test_close_without_a_record_makes_no_file(tmp_path: Path) -> None:
    Recorder(str(tmp_path), "client").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first_records", [1, 1 << 13], ids=["grows-all-the-time", "as-shipped"])
def test_threads_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_records: int
) -> None:
    """Eight threads, switched as often as Python allows, while the file grows under them."""
    monkeypatch.setattr(recorder_module, "_FIRST_RECORDS", first_records)
    monkeypatch.setattr(recorder_module, "_MOST_RECORDS_PER_STEP", 1024)
    threads, each = 8, 15_000
    recorder = Recorder(str(tmp_path), "client")
    together = threading.Barrier(threads)
    failures: list[BaseException] = []

    def write(first: int) -> None:
        together.wait()
        try:
            for number in range(first, first + each):
                recorder.record(Kind.PUBLISH, ident(number), number)
        except BaseException as error:  # whatever it is fails the test  # noqa: BLE001
            failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        running = [threading.Thread(target=write, args=(n * each,)) for n in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    recorder.close()
    assert failures == []
    path = only_file(tmp_path)
    assert path.stat().st_size == HEADER_BYTES + threads * each * RECORD_BYTES
    written = identifiers(path)
    assert sorted(written) == list(range(threads * each))
    for first in range(0, threads * each, each):  # each thread's own order is kept
        mine = [number for number in written if first <= number < first + each]
        assert mine == sorted(mine)


def test_fork_gives_the_child_a_file_of_its_own(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "worker", child_role="child")
    recorder.record(Kind.RECEIVED, ident(1))
    parents = only_file(tmp_path)
    child = os.fork()
    if child == 0:
        for number in range(100, 10_100):
            recorder.record(Kind.STARTED, ident(number))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    recorder.record(Kind.RECEIVED, ident(2))

    assert identifiers(parents) == [1, 2]
    (childs,) = set(tmp_path.glob("*.evt")) - {parents}
    log = read(childs)
    assert (log.identity["role"], log.identity["pid"]) == ("child", child)
    assert log.identity["ppid"] == os.getpid()
    assert identifiers(childs) == list(range(100, 10_100))


def test_fork_of_a_silent_child_makes_no_file(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "worker", child_role="child")
    recorder.record(Kind.RECEIVED, ident(1))
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert identifiers(only_file(tmp_path)) == [1]


def test_fork_while_another_thread_grows(tmp_path: Path) -> None:
    """The lock of `_grow` may be held at the moment of the fork: the child must not inherit it."""
    recorder = Recorder(str(tmp_path), "worker", child_role="child")
    recorder.open()
    recorder._lock.acquire()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        recorder.record(Kind.STARTED, ident(5))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    recorder._lock.release()
    assert status == 0
    (childs,) = (path for path in tmp_path.glob("child-*.evt"))
    assert identifiers(childs) == [5]


WRITER = """
import sys
from harness.probe.recording.recorder import Recorder
recorder = Recorder(sys.argv[1], "client")
number = 0
while True:
    for _ in range(1000):
        recorder.record(2, number.to_bytes(16, "big"), number, number)
        number += 1
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("announced", [1, 40, 90])
def test_kill_keeps_what_record_returned_for(tmp_path: Path, announced: int) -> None:
    """SIGKILL in the middle of writing: all that the writer had announced is on disk, and the
    rest is a whole number of intact records."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(announced):
            returned = int(writer.stdout.readline())
        writer.kill()
        for line in writer.stdout.read().splitlines():
            returned = int(line)
    written = read(only_file(tmp_path)).events["unit"]
    assert len(written) >= returned
    assert np.array_equal(written, np.arange(len(written)))


def test_reader_takes_a_file_cut_at_every_byte(tmp_path: Path) -> None:
    """A tail that was cut off anywhere costs the cut record, never an earlier one."""
    recorder = Recorder(str(tmp_path), "client")
    for number in range(1, 6):
        recorder.record(Kind.PUBLISH, ident(number), number)
    recorder.close()
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for size in range(HEADER_BYTES, len(whole) + 1):
        path.write_bytes(whole[:size])
        kept = (size - HEADER_BYTES) // RECORD_BYTES
        assert identifiers(path) == list(range(1, kept + 1))
        assert [unit for chunk in chunks(path) for unit in chunk["time_ns"]] == identifiers(path)
        tail = Tail(tmp_path)
        tail.refresh()
        assert tail.count(Kind.PUBLISH) == kept
    for size in (*range(0, HEADER_BYTES, 97), HEADER_BYTES):  # killed before the first record
        path.write_bytes(whole[:size])
        assert [len(chunk) for log in logs_in(tmp_path) for chunk in chunks(log)] == []


@pytest.mark.parametrize(
    "data",
    [b"", b"HRNEVT01", b"not an event log at all", b"HRNEVT01" + struct.pack("<I", 40) + b'{"a'],
    ids=["empty", "magic-only", "foreign", "cut-identity"],
)
def test_reader_refuses_what_is_no_event_log(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.evt"
    path.write_bytes(data)
    with pytest.raises(RecordError, match=r"x\.evt"):
        read(path)


def test_a_record_under_way_is_left_out(tmp_path: Path) -> None:
    """A kill between taking a slot and writing it leaves zeros: not a record, and no wall."""
    recorder = Recorder(str(tmp_path), "client")
    recorder.record(Kind.PUBLISH, ident(1))
    next(recorder._slots)
    recorder.record(Kind.PUBLISH, ident(3))
    assert identifiers(only_file(tmp_path)) == [1, 3]


def test_tail_counts_beyond_an_open_gap(tmp_path: Path) -> None:
    """A writer that died between two threads' records must not blind whoever watches."""
    recorder = Recorder(str(tmp_path), "client")
    recorder.record(Kind.PUBLISH, ident(1))
    gap = next(recorder._slots)
    recorder.record(Kind.PUBLISH, ident(3))
    tail = Tail(tmp_path)
    tail.refresh()
    assert tail.count(Kind.PUBLISH) == 2
    recorder.record(Kind.PUBLISH, ident(4))
    tail.refresh()
    assert tail.count(Kind.PUBLISH) == 3
    recorder._slots = iter((gap, *range(4, 100)))  # type: ignore[assignment]  # the gap closes
    recorder.record(Kind.PUBLISH, ident(2))
    tail.refresh()
    tail.refresh()
    assert tail.count(Kind.PUBLISH) == 4


def test_tail_counts_each_record_once_while_it_grows(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "worker")
    tail = Tail(tmp_path)
    for number in range(30_000):
        recorder.record(Kind.STARTED if number % 3 else Kind.FINISHED, ident(number))
        if number % 997 == 0:
            tail.refresh()
            assert tail.count(Kind.STARTED) + tail.count(Kind.FINISHED) == number + 1
    tail.refresh()
    assert (tail.count(Kind.STARTED), tail.count(Kind.FINISHED)) == (20_000, 10_000)
    assert tail.writers(Kind.STARTED) == 1
    assert tail.writers(Kind.STORED) == 0


DISK_FULL = """
import errno, os, resource, sys
from harness.probe.recording.recorder import Recorder
recorder = Recorder(sys.argv[1], "client")
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
refused = written = 0
for number in range(40_000):
    try:
        recorder.record(2, number.to_bytes(16, "big"), number, number)
        written += 1
    except OSError as error:
        assert error.errno in (errno.ENOSPC, errno.EFBIG), error
        refused += 1
    if refused > 200:
        break
print(written, refused, len(os.listdir("/proc/self/fd")))
"""


def starve(folder: Path, *limit: str) -> tuple[int, int, int]:
    command = [sys.executable, "-c", DISK_FULL, str(folder), *limit]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"  # SIGBUS would be -7
    written, refused, descriptors = map(int, done.stdout.split())
    return written, refused, descriptors


def test_file_size_limit_is_an_error_not_a_signal(tmp_path: Path) -> None:
    written, refused, _ = starve(tmp_path, str(FIRST_BYTES + 100))
    assert (written, refused) == (1 << 13, 201)
    assert identifiers(only_file(tmp_path)) == list(range(1 << 13))


def test_full_disk_from_the_start_leaks_no_descriptor(tmp_path: Path) -> None:
    """Not even the header fits: every record is refused, and each leaves no file open."""
    written, refused, descriptors = starve(tmp_path, "10")
    assert (written, refused) == (0, 201)
    assert descriptors < 20
    assert [len(chunk) for log in logs_in(tmp_path) for chunk in chunks(log)] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system takes root")
def test_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    """A real file system that runs full while the file grows."""
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, check=False).returncode != 0:
        pytest.skip("this root may not mount (a container): RLIMIT_FSIZE covers it elsewhere")
    try:
        written, refused, _ = starve(tmp_path)
        assert (written, refused) == (1 << 14, 201)
        assert identifiers(only_file(tmp_path)) == list(range(1 << 14))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)  # noqa: S607 - found on PATH


def test_records_taken_while_the_disk_was_full_leave_no_wall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When there is room again, recording goes on, and readers see both sides of the gap."""
    monkeypatch.setattr(recorder_module, "_FIRST_RECORDS", 4)
    recorder = Recorder(str(tmp_path), "client")
    for number in range(4):
        recorder.record(Kind.PUBLISH, ident(number))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER_BYTES + 5 * RECORD_BYTES, limits[1]))
    try:
        for number in (4, 5):
            with pytest.raises(OSError, match="File too large"):
                recorder.record(Kind.PUBLISH, ident(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    recorder.record(Kind.PUBLISH, ident(6))
    recorder.close()
    assert identifiers(only_file(tmp_path)) == [0, 1, 2, 3, 6]
    tail = Tail(tmp_path)
    tail.refresh()
    assert tail.count(Kind.PUBLISH) == 5


def test_no_id_is_sixteen_zero_bytes() -> None:
    assert bytes(16) == NO_ID
