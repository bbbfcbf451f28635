"""Requests to SQS as the probe counts them, against a proxy that sees each of them on the wire."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.probe.recording.events import NO_ID, SQS_REQUESTS, Kind
from harness.probe.recording.recorder import Recorder
from harness.results.costs.requests import requests_in
from harness.results.events.eventlog import all_of_kind
from harness.runner.measuring.costs import Costs, ServerCost, fields
from harness.scenario.vendors.prices import list_prices
from harness.services.provide import Services
from tests.probe.live import Site, client, valkey, wait_for, worker
from tests.services.cases import SQS, target_of

FOREVER_NS = 2**62
CHUNK = 64 * 1024


class Seen:
    """What went over the wire, by the name in each request's header."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.asked_bytes: Counter[str] = Counter()
        self.answered_bytes: Counter[str] = Counter()
        self.refusals = 0
        """So many of the next messages to be sent are answered by 503, which botocore repeats."""
        self.lock = threading.Lock()


def proxy_handler(target: str, seen: Seen) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name = self.headers["X-Amz-Target"].rpartition(".")[2]
            with seen.lock:
                refused = name == "SendMessage" and seen.refusals > 0
                seen.refusals -= refused
            if refused:
                status, answer = 503, b"{}"
            else:
                connection = http.client.HTTPConnection(target, timeout=60)
                with contextlib.closing(connection):
                    connection.request("POST", self.path, body, dict(self.headers))
                    answered = connection.getresponse()
                    status, answer = answered.status, answered.read()
            with seen.lock:
                seen.requests[name] += 1
                seen.asked_bytes[name] += len(body)
                seen.answered_bytes[name] += len(answer)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

    return Handler


@contextlib.contextmanager
def proxy(target: str) -> Iterator[tuple[str, Seen]]:
    seen = Seen()
    server = ThreadingHTTPServer(("127.0.0.1", 0), proxy_handler(target, seen))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"sqs://x:x@127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_request_is_counted_and_none_twice(local: Services, tmp_path: Path) -> None:
    """Both ways to SQS, boto3's and the hub's; repeated attempts; bytes; and nothing is lost when
    worker and pool are killed."""
    (tmp_path / "events").mkdir()
    emulator = urlsplit(target_of(local, SQS).url)
    with (
        valkey(tmp_path) as results,
        proxy(f"{emulator.hostname}:{emulator.port}") as (broker, seen),
    ):
        options = {
            "region": "us-east-1",
            "queue_name_prefix": f"test-{uuid.uuid4().hex[:12]}-",
            "is_secure": False,
            "wait_time_seconds": 1,
            "polling_interval": 0,
        }
        settings = {
            "broker_url": broker,
            "result_backend": results,
            "worker_enable_remote_control": False,
            "broker_transport_options": options,
        }
        site = Site(tmp_path, settings)
        workload = {"workload": "add", "x": None, "y": None, "payload_bytes": 70_000}
        with (
            worker(site, "prefork", 1) as pid,
            client(site, "client", units=20, workload=workload) as talk,
        ):
            seen.refusals = 3
            assert talk.ask("measure")["unresolved"] == 0
            # Its answer, too: the worker is not to die between the two.
            wait_for(lambda: _answers(site.events, "DeleteMessage") == 20, "the last delete")
            os.killpg(pid, signal.SIGKILL)
        assert seen.refusals == 0
    found = requests_in(site.events, 0, FOREVER_NS, CHUNK)
    assert seen.requests["SendMessage"] == 23
    assert seen.requests["ReceiveMessage"] > 0
    open_ends = {"ReceiveMessage": 1}  # one may be under way when the worker dies
    for name in {*found.by_kind, *seen.requests}:
        missing = found.by_kind.get(name, 0) - seen.requests[name]
        assert 0 <= missing <= open_ends.get(name, 0), (name, found.by_kind, seen.requests)
    asked = _bytes(site.events, Kind.REQUEST)
    answered = _bytes(site.events, Kind.ANSWER)
    for name in ("SendMessage", "DeleteMessage"):
        assert asked[name] == seen.asked_bytes[name]
        assert answered[name] == seen.answered_bytes[name]
    assert 0 <= seen.answered_bytes["ReceiveMessage"] - answered["ReceiveMessage"] < 100
    assert found.billed > found.total, "a message of more than 64 KiB is two chunks"


def _answers(events: Path, name: str) -> int:
    answers = all_of_kind(events, Kind.ANSWER)
    return int((answers["position"] == SQS_REQUESTS.index(name)).sum())


def _bytes(events: Path, kind: Kind) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for event in all_of_kind(events, kind):
        sizes[SQS_REQUESTS[event["position"]]] += int(event["unit"])
    return sizes


SENT, RECEIVED = SQS_REQUESTS.index("SendMessage"), SQS_REQUESTS.index("ReceiveMessage")


@pytest.mark.parametrize(
    ("kind", "number", "size", "billed"),
    [
        (Kind.REQUEST, SENT, 0, 1),
        (Kind.REQUEST, SENT, CHUNK, 1),
        (Kind.REQUEST, SENT, CHUNK + 1, 2),
        (Kind.REQUEST, SENT, 4 * CHUNK, 4),
        (Kind.ANSWER, RECEIVED, CHUNK, 0),
        (Kind.ANSWER, RECEIVED, CHUNK + 1, 1),
        (Kind.ANSWER, SENT, 10 * CHUNK, 0),
    ],
)
def test_chunks_are_billed(tmp_path: Path, kind: Kind, number: int, size: int, billed: int) -> None:
    """What a request carries, or a receive brings; not what a send is answered."""
    recorder = Recorder(str(tmp_path), "client")
    for time_ns in (99, 100, 200, 201):
        recorder.record(kind, NO_ID, time_ns, size, number)
    recorder.close()
    found = requests_in(tmp_path, 100, 200, CHUNK)
    assert found.billed == 2 * billed
    assert found.total == (2 if kind == Kind.REQUEST else 0)
    assert found.sent_bytes + found.received_bytes == 2 * size


def test_receives_that_bring_nothing(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "worker")
    for size in (0, 2, 250, 1200):
        recorder.record(Kind.ANSWER, NO_ID, 1, size, RECEIVED)
    recorder.record(Kind.ANSWER, NO_ID, 1, 250, SENT)
    recorder.close()
    found = requests_in(tmp_path, 0, 2, CHUNK)
    assert (found.empty, found.empty_received_bytes, found.empty_sent_bytes) == (3, 252, 0)


def test_receives_that_bring_nothing_take_their_bytes_with_them(tmp_path: Path) -> None:
    """Three of four receives of 120 bytes and more; a message sent and brought stays."""
    recorder = Recorder(str(tmp_path), "worker")
    for asked, answered in ((120, 2), (121, 250), (120, 2), (120, 1200)):
        recorder.record(Kind.REQUEST, NO_ID, 1, asked, RECEIVED)
        recorder.record(Kind.ANSWER, NO_ID, 1, answered, RECEIVED)
    recorder.record(Kind.REQUEST, NO_ID, 1, 900, SENT)
    recorder.record(Kind.ANSWER, NO_ID, 1, 90, SENT)
    recorder.close()
    spent = Costs(0, 2, ServerCost(), None, {}, shared=False)
    found = fields(spent, 2, tmp_path, list_prices())
    assert found["idle_traffic"] == {
        "sqs.requests": 1.5,
        "sqs.requests.ReceiveMessage": 1.5,
        "sqs.bytes_in": 180.0,
        "sqs.bytes_out": 127.0,
    }
    assert found["traffic"]["sqs.bytes_in"] == (481 + 900) / 2
    assert found["traffic"]["sqs.bytes_out"] == (254 + 1200 + 90) / 2


def test_a_kind_that_this_version_does_not_know_is_named(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path), "client")
    recorder.record(Kind.REQUEST, NO_ID, 1, 0, 500)
    recorder.record(Kind.REQUEST, NO_ID, 1, 0, 0)
    recorder.close()
    assert requests_in(tmp_path, 0, 2, CHUNK).by_kind == {"Kind500": 1, "Other": 1}
    assert requests_in(tmp_path, 2, 3, CHUNK).total == 0
