"""All checks, in their order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

from harness.runner.telling.interrupts import Interrupts
from harness.selftest import counters, duration, histogram, planted, stall
from harness.selftest.bench import opened
from harness.selftest.check_result import CheckResult
from harness.services.rabbitmq.node import find_epmd, find_server
from harness.workspace import open_workspace


def selftest(
    brokers: Sequence[str],
    *,
    short: bool,
    results: Path | None,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> Generator[CheckResult, None, None]:
    """Every check on each broker, as it is done. `results` keeps the runs; else they go.

    Close it if it is not used up: it holds servers. Raises HarnessError where a server or a block
    cannot be run: then nothing is known. KeyboardInterrupt if the user ends it.
    """
    with Interrupts(), open_workspace(environ) as workspace:
        kept = results or workspace.folder("results")
        with opened(brokers, workspace, kept, environ, say) as bench:
            for broker in brokers:
                # The stalls take longest, and are about no broker in particular.
                if broker == brokers[0] or not short:
                    yield from stall.check(bench, broker, short=short)
                    if not histogram.lacking():
                        yield from histogram.check(bench.taken[-2], workspace.path)
                witness = counters.Witness(bench, broker, short=short)
                yield from duration.judge(witness.taken)
                yield from planted.check(bench, broker, short=short)
                # Last: RabbitMQ's counters lag, and nothing else touches what they count.
                yield counters.judge(witness.taken, witness.grown())
                if not short:
                    duration.measure_canvases(bench, broker)
            yield duration.judge_sums(bench.taken)


def left_out(environ: Mapping[str, str], brokers: Sequence[str]) -> dict[str, str]:
    """What cannot be checked here -> why: the exports' histogram, and where nobody asked for
    particular `brokers` each of those that the local provider cannot run."""
    found = {}
    if not brokers and (find_server(environ) is None or find_epmd(environ) is None):
        found["rabbitmq"] = "RabbitMQ is not installed; harness doctor --fix installs it"
    if lacking := histogram.lacking():
        found["histogram"] = lacking
    return found
