"""The meter where things go wrong: a server that dies, and one that is asked twice."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import pytest
import redis

from harness.results.costs.idle_traffic import idle_traffic
from harness.runner.measuring import costs
from harness.runner.measuring.costs import CostMeter
from harness.scenario.vendors.prices import list_prices
from harness.services.provide import Services, provide
from harness.workspace import Workspace
from tests.runner.running import wait_for
from tests.services.cases import REDIS, REDIS_SERVER, SQS


def label() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def test_a_server_that_dies_leaves_the_rest_of_the_costs(
    workspace: Workspace, session_environ: dict[str, str], tmp_path: Path
) -> None:
    """What cannot be known is unknown and said to be; nothing is raised at the block's end."""
    with provide(
        [REDIS],
        provider="local",
        workspace=workspace,
        log_dir=tmp_path,
        environ=session_environ,
        project_dir=tmp_path,
    ) as services:
        service, backend = services.of(REDIS)
        namespace = service.open_namespace(label(), {}, REDIS.broker)
        meter = CostMeter(service, backend, namespace)
        meter.begin()
        (pid,) = service.pids()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not _serves(pid), "its end")
        found = meter.end()
        meter.close()
        meter.close()
    assert found.broker.peak_rss_bytes is None
    assert (found.broker.cpu_ns or 0) < 1e9, "what it used before it died, or nothing"
    assert found.backend is None
    assert found.traffic == {}
    assert "cannot use redis" in found.unread
    assert "counters_unread" in [one.code for one in costs.warnings(found)]
    fields = costs.fields(found, 10, tmp_path, list_prices())
    assert fields["broker_peak_rss_bytes"] is None
    assert fields["traffic"] == {}


def _serves(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/status").read_text().split("State:\t")[1][0] != "Z"
    except OSError:
        return False


def test_without_an_execution_nothing_is_divided(local: Services, tmp_path: Path) -> None:
    service, backend = local.of(REDIS)
    namespace = service.open_namespace(label(), {}, REDIS.broker)
    meter = CostMeter(service, backend, namespace)
    meter.begin()
    fields = costs.fields(meter.end(), 0, tmp_path, list_prices())
    namespace.close()
    assert fields["broker_cpu_ms_per_task"] is None
    assert (fields["broker_peak_rss_bytes"] or 0) > 1e6
    assert fields["traffic"] == {}
    assert not any(costs.fields(None, 5, tmp_path, list_prices()).values())


def test_an_idle_block_costs_no_command_and_no_byte(local: Services) -> None:
    """The meter's own questions, and the looks at the queue, are nobody's traffic."""
    service, backend = local.of(SQS)
    assert backend is not None
    namespace = service.open_namespace(label(), {}, SQS.broker)
    meter = CostMeter(service, backend, namespace)
    meter.begin()
    found = meter.end()
    namespace.close()
    assert found.traffic == {"redis.commands": 0, "redis.bytes_in": 0, "redis.bytes_out": 0}
    assert not found.shared
    assert found.depth_failed == 0
    assert [depth for _, depth in found.depth] == [0]
    assert set(found.looks) == {"redis", "sqs"}
    assert all(look.figures["commands"] >= 0 for look in found.looks["redis"])
    assert found.looks["sqs"] == ()
    assert found.backend is not None
    assert found.backend.cpu_ns is not None


def test_what_an_idle_server_is_asked_is_seen_meanwhile(local: Services, tmp_path: Path) -> None:
    """Ten commands between two looks, and no task far and wide."""
    service, backend = local.of(REDIS)
    namespace = service.open_namespace(label(), {}, REDIS.broker)
    meter = CostMeter(service, backend, namespace)
    with redis.Redis.from_url(service.target.url) as client:
        client.ping()  # connects
        meter.begin()
        looked(meter, 1)
        for _ in range(10):
            client.ping()
        looked(meter, 2)
    found = meter.end()
    namespace.close()
    idle = idle_traffic(tmp_path, found.looks, (found.begin_ns, found.end_ns))
    assert idle["redis.command.ping"] == idle["redis.commands"] == 10
    assert costs.fields(found, 5, tmp_path, list_prices(), idle)["idle_traffic"] == {
        name: count / 5 for name, count in sorted(idle.items())
    }


def looked(meter: CostMeter, more: int) -> None:
    """Wait until it has looked so often again."""
    enough = len(meter.looks["redis"]) + more
    wait_for(lambda: len(meter.looks["redis"]) >= enough, "its looks")


@pytest.mark.parametrize("kind", ["same", "other"])
def test_two_servers_of_one_kind_have_names_of_their_own(local: Services, kind: str) -> None:
    service, _ = local.of(REDIS)
    other = local.of(REDIS if kind == "same" else REDIS_SERVER)[0]
    namespace = service.open_namespace(label(), {}, REDIS.broker)
    meter = CostMeter(service, other, namespace)
    meter.begin()
    found = meter.end()
    namespace.close()
    assert ("backend.redis.commands" in found.traffic) == (kind == "other")
    assert (found.backend is None) == (kind == "same")
