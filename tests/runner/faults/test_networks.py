"""Networks by netem from the command line to the record and the report."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from harness.errors import ExitCode
from harness.probe.recording.events import Kind
from tests.runner.running import Ended, Site, wait_for
from tests.services.bad_network.wiring import devices, missing_netem, missing_wires, wires_of

pytestmark = pytest.mark.skipif(bool(missing_wires()), reason=missing_wires())
STAND_IN = r"""#!/bin/sh
sed -E 's/root netem .* rate ([0-9]+bit)/root tbf rate \1 burst 64kb latency 2s/
  s/root netem .*/root tbf rate 1gbit burst 64kb latency 2s/' | REAL "$@"
"""
"""A `tc` that puts tbf where netem is asked for: a limited rate, no delay, no loss."""


def with_stand_in(site: Site) -> None:
    """Every kernel then does as if it had netem."""
    folder = site.folder / "bin"
    folder.mkdir()
    tc = shutil.which("tc")
    assert tc is not None
    (folder / "tc").write_text(STAND_IN.replace("REAL", tc))
    (folder / "tc").chmod(0o755)
    site.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def wires(site: Site) -> set[str]:
    """Of the network that a run of the site has now."""
    proxies = [
        one for one in site.family() if "harness.services.bad_network.proxy" in one.cmdline()
    ]
    return {name for proxy in proxies for name in wires_of(proxy.pid)}


def test_a_run_by_netem_or_why_not(site: Site) -> None:
    """With netem: real packets, late and lost. Without: refused before anything is started."""
    missing = missing_netem()
    site.configuration(network={"by": "netem", "rtt": "20ms", "loss": "2%"})
    site.scenario(measure={"units": 60, "warmup": 0})
    ended = site.run()
    if missing:
        assert_refused(ended, f"the kernel has no netem (modprobe sch_netem); `tc` says: {missing}")
        return
    assert ended.code == ExitCode.PASS, ended.stderr
    network = ended.block.network
    assert (network["asked_rtt_s"], network["asked_loss"]) == (0.02, 0.02)
    assert network["rtt_s"] >= 0.02
    assert 0 < network["lost_packets"] < 0.1 * network["packets"]
    assert "netem 20.0 ms, 2%" in ended.words


def test_what_is_missing_is_said_before_anything_starts(site: Site) -> None:
    """Also where only a fault asks for it."""
    site.environ["PATH"] = str(site.modules)
    slow = {"fault": "slow_network", "at": "1s", "duration": "1s", "by": "netem", "loss": 0.01}
    site.scenario(loads=[{"load": "rate", "rate": 20}], measure={"duration": "3s"}, faults=[slow])
    assert_refused(site.run(), "there is no `ip` on PATH: apt-get install iproute2")


def assert_refused(ended: Ended, words: str) -> None:
    assert ended.code == ExitCode.USAGE
    (line,) = ended.stderr.strip().splitlines()
    assert f"network by: netem cannot be had here: {words}" in line
    assert "Say by: proxy, which needs nothing of that but cannot lose packets" in line
    assert not ended.results.exists()


def test_a_block_through_wires(site: Site) -> None:
    """Clients and workers reach their broker by wires of their own, a fault makes them slower,
    packets are counted; nothing is left. `tbf` stands in for netem."""
    with_stand_in(site)
    slow = {"fault": "slow_network", "at": "1.2s", "duration": "500ms", "by": "netem"}
    site.configuration(network={"by": "netem", "bandwidth": 1_000_000})
    site.scenario(
        workloads=[{"workload": "add", "payload_bytes": 2000}],
        loads=[{"load": "rate", "rate": 20}],
        measure={"duration": "3s", "warmup": 2},
        faults=[slow | {"bandwidth": 100_000}],
    )
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.PUBLISHED, 5)
        laid = wires(site)
        assert len(laid) == 2
        assert laid <= devices()
        ended = running.ended()
    assert not laid & devices()
    assert list(site.temporary.iterdir()) == []
    block = ended.block
    assert block.status == "complete", block.error
    assert ended.code == ExitCode.PASS, ended.stdout
    (fault,) = block.faults
    assert fault.parameters["by"] == "netem"
    assert fault.target == "clients to broker, workers to broker"
    assert fault.facts["rtt_s"] > 0
    assert block.network["packets"] > 2 * block.units
    assert block.network["lost_packets"] == 0
    assert "slow network (clients to broker, workers to broker, by netem" in ended.words
    assert "c netem 0.00 s" in ended.words


def test_nothing_outlives_a_harness_that_is_killed(site: Site) -> None:
    """Namespace and devices go with the processes, though workers and clients hold connections
    through them, with data under way."""
    with_stand_in(site)
    site.configuration(network={"by": "netem", "bandwidth": 20_000})
    site.scenario(
        workloads=[{"workload": "add", "payload_bytes": 5000}],
        loads=[{"load": "rate", "rate": 20}],
        measure={"duration": "60s", "warmup": 0},
    )
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.PUBLISHED, 5)
        laid = wires(site)
        assert len(laid) == 2
        assert laid <= devices()
        running.kill(signal.SIGKILL)
        wait_for(lambda: not laid & devices(), f"{laid} are gone")
