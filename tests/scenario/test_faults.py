"""Faults in YAML: what is read, what is refused and where, when they are to happen."""

from __future__ import annotations

import pytest

from harness.runner.faults.planned import planned
from harness.scenario.checks.faulty_loads import faults_of, network_by
from harness.scenario.models.faults import KillWorker, StopWorker
from tests.scenario.project import Project

RATE = "loads: [{load: rate, rate: 50/s}]"
MEASURE = "measure: {duration: 10s}"
KILL = "faults: [{fault: kill_worker, at: 3s, restart: 500ms}]"
REDIS = "name: c\nbroker: {service: redis%s}\nbackend: {service: %s}\n"


def with_faults(project: Project, faults: str, *lines: str) -> list[str]:
    for line in (RATE, MEASURE, f"faults: [{faults}]", *lines):
        project.change(line)
    return [problem.partition("scenarios/s.yaml:")[2] for problem in project.problems()]


def test_a_rate_takes_the_scenarios_faults_and_is_named_after_them(project: Project) -> None:
    for line in (MEASURE, KILL):
        project.change(line)
    project.change(
        "loads: [{load: rate, rate: 50/s}, {load: rate, rate: 60/s, faults: []}, "
        "{load: rate, rate: 70/s, faults: [{fault: stop_worker, between: [2s, 4s], duration: 1s}]}]"
    )
    first, without, own = project.plan().cells
    assert faults_of(first.load) == (KillWorker(fault="kill_worker", at=3.0, restart=0.5),)
    assert first.name == "c/add/rate-50,faults=kill_worker"
    assert (faults_of(without.load), without.name) == ((), "c/add/rate-60")
    stop = StopWorker(fault="stop_worker", between=(2.0, 4.0), duration=1.0)
    assert faults_of(own.load) == (stop,)
    assert own.name == "c/add/rate-70,faults=stop_worker"


@pytest.mark.parametrize("load", ["closed", "backlog", "{load: saturate}"])
def test_other_loads_have_no_faults(project: Project, load: str) -> None:
    for line in (f"loads: [{load}]", KILL, "measure: {units: 50}"):
        project.change(line)
    problem = project.problems()[0]
    assert problem.startswith("scenarios/s.yaml:4:9: the scenario has faults, and load ")
    assert "use load rate" in problem


@pytest.mark.parametrize(
    ("fault", "place", "words"),
    [
        ("{fault: kill_worker}", "6:10", "say when: give at, or between"),
        ("{fault: kill_worker, at: 2s, between: [2s, 3s]}", "6:10", "say when"),
        ("{fault: kill_worker, between: [3s, 2s]}", "6:10", "an earlier and a later time"),
        ("{fault: kil_worker, at: 2s}", "6:18", 'did you mean "kill_worker"'),
        ("{fault: kill_worker, at: 2s, duration: 1s}", "6:39", 'unknown key "duration"'),
        ("{fault: kill_worker, at: 500ms}", "6:35", "no fault before 1s"),
        ("{fault: kill_worker, between: [5s, 12s]}", "6:10", "the load is over after 10 s"),
        ("{fault: kill_worker, at: 2s, worker: 2}", "6:10", 'no worker 2: configuration "c" has 1'),
        ("{fault: slow_network, at: 2s, duration: 1s}", "6:10", "what is slow?"),
        ("{fault: kill_backend, at: 2s}", "6:10", "broker and backend are one server"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(
    project: Project, fault: str, place: str, words: str
) -> None:
    (problem,) = with_faults(project, fault)
    assert problem.startswith(f"{place}: ")
    assert words in problem


@pytest.mark.parametrize(
    ("broker", "backend", "fault", "words"),
    [
        (
            ", provider: external, url: redis://h",
            "redis",
            "kill_broker, at: 2s",
            "use provider local",
        ),
        ("", "none", "restart_backend, at: 2s", "there is no result backend"),
    ],
)
def test_only_the_harness_own_servers_are_broken(
    project: Project, broker: str, backend: str, fault: str, words: str
) -> None:
    project.configuration(REDIS % (broker, backend))
    rate = "loads: [{load: rate, rate: 50/s, results: afterwards}]"
    (problem,) = with_faults(project, f"{{fault: {fault}}}", rate)
    assert words in problem


@pytest.mark.parametrize(
    ("fault", "backend", "provider", "words"),
    [
        ("restart_broker", "redis, url: redis://b", None, ""),
        ("restart_broker", "redis, url: redis://b", "external", "and provider is external"),
        ("restart_broker", "redis, url: redis://b", "compose", "and provider is compose"),
        ("kill_backend", "redis, url: redis://b", None, "broker and backend are one server"),
        ("kill_backend", "redis, url: redis://b", "external", "and provider is external"),
        ("kill_worker, worker: 1", "redis, url: redis://b", "external", ""),
    ],
)
def test_faults_are_those_of_the_provider_that_runs_the_servers(
    project: Project, fault: str, backend: str, provider: str | None, words: str
) -> None:
    """`--provider` of the command line, too."""
    project.configuration(
        f"name: c\nbroker: {{service: redis, url: 'redis://a'}}\nbackend: {{service: {backend}}}\n"
    )
    for line in (RATE, MEASURE, f"faults: [{{fault: {fault}, at: 2s}}]"):
        project.change(line)
    found = project.problems(provider=provider)
    assert [words in one for one in found] == ([True] if words else [])


def test_pools_without_processes(project: Project) -> None:
    project.configuration(REDIS % ("", "redis") + "worker: {pool: threads}\n")
    (problem,) = with_faults(project, "{fault: kill_pool_child, at: 2s}")
    assert "only prefork has child processes" in problem


GROUPS = (
    "workers: {fast: {queues: [a], pool: threads, count: 2}, "
    "slow: {queues: [celery], concurrency: 2}}\n"
)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("kill_worker, worker: 3", ""),
        ("kill_worker, worker: 4", 'there is no worker 4: configuration "c" has 3'),
        ("kill_worker, group: fast, worker: 2", ""),
        ("stop_worker, group: slow, duration: 1s, worker: 2", "no worker 2 in group slow: "),
        ("shutdown_worker, group: slwo", 'has no group "slwo" (did you mean "slow"?)'),
        ("shutdown_worker, group: x", 'configuration "c" has no group "x": it has fast, slow'),
        ("kill_pool_child, worker: 1", "has pool threads, and only prefork has child processes"),
        ("kill_pool_child, group: fast", "has pool threads, and only prefork has child processes"),
        ("kill_pool_child, worker: 3", ""),
        ("kill_pool_child, group: slow", ""),
        ("rolling_restart, group: fast", ""),
        ("rolling_restart, group: x", 'configuration "c" has no group "x": it has fast, slow'),
        ("shutdown_worker, how: cold", ""),
        ("rolling_restart, how: soft", "has no worker_soft_shutdown_timeout, so SIGQUIT is a cold"),
    ],
)
def test_workers_are_named_over_all_groups_or_within_one(
    project: Project, fault: str, words: str
) -> None:
    project.configuration(REDIS % ("", "redis") + GROUPS)
    found = with_faults(project, f"{{fault: {fault}, at: 2s}}")
    assert [words in one for one in found] == ([True] if words else [])


def test_a_group_is_named_only_where_there_are_groups(project: Project) -> None:
    (problem,) = with_faults(project, "{fault: kill_worker, group: worker, at: 2s}")
    assert 'there is no group "worker": configuration "c" has no groups of workers' in problem


def test_queues_of_sqs_are_not_led_through_a_network(project: Project) -> None:
    project.configuration(
        "name: c\nbroker: {service: sqs}\nbackend: {service: redis}\nnetwork: {rtt: 5ms}\n"
    )
    (problem,) = project.problems()
    assert problem.startswith("configs/c.yaml:4:10: the queues' own URLs lead past a proxy on SQS")


def test_the_network_is_an_axis(project: Project) -> None:
    project.change("matrix: {network.rtt: [0ms, 5ms]}")
    networks = [cell.configuration.network for cell in project.plan().cells]
    assert [network and network.rtt for network in networks] == [0.0, 0.005]


NETWORK = "name: c\nbroker: {service: redis}\nbackend: {service: redis}\nnetwork: %s\n"


def test_networks_by_netem_lose_packets(project: Project) -> None:
    project.configuration(NETWORK % "{by: netem, rtt: 5ms}")
    project.change("matrix: {network.loss: [0, 1%, 0.025]}")
    networks = [cell.configuration.network for cell in project.plan().cells]
    assert [network and network.loss for network in networks] == [0.0, 0.01, 0.025]
    assert {network and network.by for network in networks} == {"netem"}


@pytest.mark.parametrize(
    ("network", "place", "words"),
    [
        ("{loss: 1%}", "4:17", "a proxy has no packets to lose: say by: netem"),
        ("{by: netem, loss: 30%}", "4:28", "at most 20%"),
        ("{by: netem, loss: some}", "4:28", "expected a share such as 5% or 0.05"),
        ("{by: netem, jitter: 5s}", "4:30", "netem has no jitter beyond 4 s"),
        ("{by: nettem}", "4:15", '"netem"'),
    ],
)
def test_networks_that_cannot_be(project: Project, network: str, place: str, words: str) -> None:
    project.configuration(NETWORK % network)
    (problem,) = project.problems()
    assert problem.startswith(f"configs/c.yaml:{place}: ")
    assert words in problem


def test_a_loss_on_an_axis_is_refused_where_it_stands(project: Project) -> None:
    project.change("matrix: {network.loss: [0%, 2%]}")
    (problem,) = project.problems()
    assert problem.startswith("scenarios/s.yaml:6:29: a proxy has no packets to lose")


@pytest.mark.parametrize(
    ("network", "faults", "place", "words"),
    [
        ("{rtt: 1ms}", "by: netem, loss: 2%", "6:58", "made by proxy: say by: proxy"),
        ("{by: netem}", "rtt: 5ms", "6:10", "made by netem: say by: netem"),
        ("null", "loss: 2%", "6:60", "a proxy has no packets to lose"),
    ],
)
def test_a_block_has_one_network(
    project: Project, network: str, faults: str, place: str, words: str
) -> None:
    """The configuration's and the faults' are made by the same means."""
    project.configuration(NETWORK % network)
    fault = f"{{fault: slow_network, at: 2s, duration: 1s, {faults}}}"
    (problem,) = with_faults(project, fault)
    assert problem.startswith(f"{place}: ")
    assert words in problem


def test_loss_alone_is_slow(project: Project) -> None:
    slow = "{fault: slow_network, at: 2s, duration: 1s, by: netem, loss: 2%}"
    assert with_faults(project, f"{slow}, {{fault: black_hole, at: 4s, duration: 1s}}") == []
    (cell,) = project.plan().cells
    assert network_by(cell.configuration, cell.load) == "netem"


def test_random_moments_come_from_the_seed() -> None:
    """The same for the same seed, others for another, each fault's independent of its neighbours;
    within the stretch, and in the order of time."""
    stop = StopWorker(fault="stop_worker", between=(2.0, 8.0), duration=1.0)
    kill = KillWorker(fault="kill_worker", at=5.0)
    moments = [planned([stop, kill, stop], seed) for seed in range(50)]
    assert moments == [planned([stop, kill, stop], seed) for seed in range(50)]
    drawn = [next(one.at_s for one in found if one.number == 0) for found in moments]
    assert len(set(drawn)) == 50
    assert all(2.0 <= moment < 8.0 for moment in drawn)
    assert max(drawn) - min(drawn) > 4.0
    alone = [planned([stop], seed)[0].at_s for seed in range(50)]
    assert drawn == alone
    for found in moments:
        assert [one.at_s for one in found] == sorted(one.at_s for one in found)
        assert {one.number: one.at_s for one in found}[1] == 5.0
