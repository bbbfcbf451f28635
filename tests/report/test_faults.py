"""What reports and the exit code say of faults."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from harness.cli.verdict import exit_code, failures
from harness.errors import ExitCode
from harness.report.exports.rounds import healthy, troubles_of
from harness.report.formats.as_text import as_text
from harness.report.registry import RENDERERS
from harness.report.view.cells import view_of
from harness.report.words.faults import kind_words, promise_words
from harness.report.words.look import Look
from harness.results.block.unfinished import Unfinished
from harness.results.faults.promises import SUBJECTS, promise_for
from harness.results.record.faults import FaultRecord, Trouble
from harness.results.record.run import RecordedWarning, RunRecord
from harness.scenario.models.faults import FAULT_KINDS
from tests.report.made.faulted import CONFIRMED, EARLY, KILLED, SLOW, faulty_block, faulty_run
from tests.report.made.records import block, cell, run
from tests.results.faults.made_blocks import CONFIG

NOTHING = Trouble()


def words(record: RunRecord) -> str:
    view = view_of(record, Path("results/example"), {}, being_written=False)
    return " ".join(as_text(view, Look()).split())


def test_a_fault_is_told_with_what_it_did() -> None:
    shown = words(faulty_run())
    assert "worker killed (worker1)" in shown
    assert "2 lost" in shown
    assert "1/1 new" in shown
    assert "OperationalError x 140" in shown
    assert "slow network (workers to broker, by netem, rtt 20.0 ms, measured 21.2 ms)" in shown
    assert "as usual" in shown
    assert "not done, worker 1 does not run" in shown
    assert "unattributed" in shown


def test_a_worker_that_fell_is_told_with_the_fault_in_every_format() -> None:
    """Under Warnings alone nobody looks for why nothing came back."""
    fell = KILLED.model_copy(
        update={
            "fault": "reset_network",
            "target": "workers to broker",
            "trouble": Trouble(timed_out=92),
            "first_back_s": None,
            "p99_back_s": None,
            "fell": {"worker1": "AttributeError"},
        }
    )
    record = run(cell("redis/add/rate-25", faulty_block(0, 0, faults=(fell,))))
    shown = view_of(record, Path("results/example"), {}, being_written=False)
    whole = (
        "connections reset: 92 timed out; worker1 ended by itself (AttributeError), and nobody "
        "started it again; no later unit was over within 5.00 s"
    )
    for name in ("text", "md", "html", "md-summary", "md-comment", "junit"):
        text = html.unescape(RENDERERS[name](shown, Look())).replace("\\", "")
        assert whole in " ".join(text.split()), name
    assert "92 timed out, worker1 ended by itself (AttributeError)" in words(record)
    (stored,) = json.loads(RENDERERS["json"](shown, Look()))["cells"][0]["blocks"][0]["faults"]
    assert stored["fell"] == {"worker1": "AttributeError"}


def test_lost_packets_are_told() -> None:
    """As asked for, beside a fault; as counted, in the table of networks."""
    lossy = SLOW.model_copy(update={"parameters": SLOW.parameters | {"loss": 0.015}})
    shown = words(run(cell("redis/add/rate-25", faulty_block(0, 0, faults=(lossy,)))))
    assert "by netem, rtt 20.0 ms, 1.5% lost, measured 21.2 ms" in shown
    networks = words(faulty_run()).partition("Networks")[2]
    assert "redis[rtt=20ms] proxy 20.0 ms 21.3 ms 100 us 16.0 ms 0.00" in networks
    assert "redis[loss=1%] netem 20.0 ms, 1% 21.3 ms 100 us 1.06% 16.0 ms" in networks


def test_how_workers_ended_has_a_table_and_leaves_the_faults_theirs() -> None:
    """In 100 columns each fault stays a line. Records without `how` had one way, and no table."""
    took = {"shutdown_s": 2.88, "ready_s": 1.25}
    turn = KILLED.model_copy(
        update={
            "fault": "rolling_restart",
            "target": ", ".join(f"worker{n} (mainly-reports)" for n in range(1, 5)),
            "parameters": {"at": 3.0, "how": "grace", "grace": 10.0, "pause": 0.0},
            "facts": took | {"killed": 1.0},
            "workers": 4,
            "back_restarted": 4,
        }
    )
    soft = {"fault": "shutdown_worker", "parameters": {"at": 3.0, "worker": 1, "how": "soft"}}
    cold = KILLED.model_copy(update=soft | {"facts": {"shutdown_s": 0.5}})
    old = cold.model_copy(update={"parameters": {"at": 3.0, "worker": 1}})

    def shown(*faults: FaultRecord) -> str:
        record = run(cell("redis/add/rate-25", faulty_block(0, 0, faults=faults)))
        return as_text(view_of(record, Path("results/example"), {}, being_written=False), Look())

    text = shown(turn, cold)
    faults, _, ended = text.partition("\nFaults\n")[2].partition("\nHow workers ended\n")
    (line,) = (one for one in faults.splitlines() if "rolling restart, grace (4 workers)" in one)
    assert line.split()[-6:] == ["2.10", "s", "4/4", "new", "2", "lost"]
    assert " ".join(ended.split()).startswith(
        "ended back in grace killed in redis/add/rate-25 rolling restart, grace (4 workers) "
        "2.88 s 10.0 s 1 1.25 s soft shutdown (worker1) 500 ms ended in: "
    )
    assert "How workers ended" not in shown(old)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ExitCode.REGRESSION),
        ({"unattributed": NOTHING}, ExitCode.REGRESSION),  # the promise of the broker is broken
        ({"unattributed": NOTHING, "promises": (EARLY,)}, ExitCode.PASS),
        ({"promises": (EARLY,)}, ExitCode.REGRESSION),
        ({"unattributed": Trouble(late=9), "promises": ()}, ExitCode.PASS),
    ],
)
def test_losses_that_a_promise_allows_do_not_fail_a_run(
    changes: dict[str, object], code: ExitCode
) -> None:
    record = run(cell("redis/add/rate-25", faulty_block(0, 0, **changes)))
    assert exit_code(record) == code
    assert any("34 lost" in line for line in words(record).splitlines())  # and still are shown


def test_a_broken_promise_is_said_last() -> None:
    (said,) = failures(run(cell("redis/add/rate-25", faulty_block(0, 0))))
    assert said.startswith("BROKEN PROMISE: redis/add/rate-25, block 0: a broker that restarts: ")
    assert said.endswith("confirm_publish true): 31 lost")


@pytest.mark.parametrize(
    ("code", "data", "fields", "said"),
    [
        (
            "worker_fell",
            {"text": "worker1 ended with exit code 1: amqp: no"},
            {"fallen_workers": 1},
            "WORKER ENDED: {}: worker1 ended with exit code 1: amqp: no",
        ),
        (
            "beat_fell",
            {"text": "beat ended with exit code -9 (SIGKILL)"},
            {"beat_fell": True},
            "BEAT ENDED: {}: beat ended with exit code -9 (SIGKILL)",
        ),
        (
            "silent_worker",
            {"pid": 7, "silent_s": 16.0, "units": 20},
            {"silent_workers": 1},
            "SILENT WORKER: {}: process 7: nothing for 16.0 s, while 20 units waited",
        ),
        (
            "never_at_rest",
            {"tasks": {"shop.poll": {"executions": 5, "messages": 1, "never_run": 0}}},
            {"unfinished": {"shop.poll": Unfinished(executions=5, messages=1)}},
            "UNFINISHED: {}: shop.poll",
        ),
    ],
)
def test_what_counts_do_not_show_is_said_last(
    code: str, data: dict[str, Any], fields: dict[str, Any], said: str
) -> None:
    """Each unit ended well, and the exit code is 1 all the same: one line says why."""
    warned = RecordedWarning(code=code, data=data)
    well = block(0, 0, warnings=(warned,), **fields)
    record = run(cell("redis/add/rate-25", well))
    assert exit_code(record) == ExitCode.REGRESSION
    (line,) = failures(record)
    assert line.startswith(said.format("redis/add/rate-25, block 0"))
    detail = line.partition("block 0: ")[2]
    assert detail in words(record).partition("What went wrong")[2].partition("Warnings")[0]
    shown = view_of(record, Path("r"), {}, being_written=False).cells[0]
    assert not healthy(shown)
    (trouble,) = troubles_of(shown)
    assert trouble.startswith("block 0: ")
    assert trouble.endswith(detail)


def test_every_kind_and_every_promise_has_words() -> None:
    assert kind_words("of_tomorrow\x1b") == "of_tomorrow\\x1b"
    assert all(kind_words(name) not in (name, "") for name in FAULT_KINDS)
    ways = [kind_words(name, how) for name, kind in FAULT_KINDS.items() for how in kind.ways]
    assert len(set(ways)) == len(ways) == 8
    assert kind_words("shutdown_worker", "of_tomorrow") == kind_words("shutdown_worker")
    for about in SUBJECTS:
        for late in (False, True):
            promise = promise_for(CONFIG | {"settings": {"task_acks_late": late}}, about)
            assert promise.code not in promise_words(about, promise.code)
    assert CONFIRMED.kept in get_args(type(CONFIRMED).model_fields["kept"].annotation)
