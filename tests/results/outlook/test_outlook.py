"""The rules by which a plan is looked ahead at: minutes, cores, slots, memory, effects."""

from __future__ import annotations

import pytest

from harness.results.judge.compare import compare_run
from harness.results.outlook import outlook as assumed
from harness.results.outlook.asked import TASK_CPU_S, Machine
from harness.results.outlook.keys import keys_of
from harness.results.outlook.last_runs import LastRuns
from harness.results.outlook.outlook import Outlook
from harness.results.record.faults import FaultRecord
from harness.scenario.loads.saturate import SaturateLoad
from harness.scenario.models.compare import Compare
from harness.scenario.models.configuration import CelerySet, Worker
from harness.scenario.models.measure import Measure
from harness.scenario.vendors.rabbitmq import RabbitmqBroker
from harness.scenario.vendors.registry import VENDORS
from harness.scenario.workloads.registry import WORKLOADS
from harness.scenario.workloads.work import WorkWorkload
from harness.stats.looks import confidence_of
from harness.stats.paired import visible_effect
from tests.compare.runs import ratio_run
from tests.results.outlook.plans import (
    MACHINE,
    MIB,
    PAIRS,
    ahead,
    closed,
    heavy,
    judged,
    one_run,
    own,
    worked,
)


def test_minutes_are_those_of_the_last_run_of_the_cell() -> None:
    found = ahead(closed(), blocks=10, runs=LastRuns([one_run(closed())]))
    [cell] = found.cells
    assert (cell.overhead_s.value, cell.measured_s.value) == (3.0, 2.0)
    assert (cell.measured_s.planned, cell.overhead_s.runs[0][-6:]) == (True, "4f1a9c")
    assert found.expected_s == 1.0 + 10 * 5.0


def test_blocks_with_faults_tell_nothing_of_others() -> None:
    fault = FaultRecord(number=0, fault="kill_worker", planned_at_s=1.0)
    runs = LastRuns([one_run(heavy(20, 10), faults=(fault,))])
    assert ahead(closed(), runs=runs).cells[0].overhead_s.runs == ()
    assert ahead(heavy(20, 10), runs=runs).cells[0].overhead_s.value == 3.0


def test_minutes_are_assumed_where_nothing_ran_here() -> None:
    found = ahead(closed(), blocks=10)
    start_s = VENDORS["redis"].own_server.start_s
    assert found.expected_s == start_s + 10 * (assumed.OVERHEAD_S + 2.0)
    assert (found.cells[0].overhead_s.runs, found.cells[0].overhead_s.planned) == ((), False)


def test_units_last_as_long_as_they_did_or_as_their_rate_says() -> None:
    units = Measure(units=1000, warmup=5)
    cell = closed(measure=units)
    runs = LastRuns([one_run(cell, window_s=2.5)])
    assert ahead(cell, runs=runs).cells[0].measured_s.value == 2.5
    twice = closed(measure=Measure(units=2000, warmup=5))
    assert ahead(twice, runs=runs).cells[0].measured_s.value == 2000 / 500
    guessed = ahead(cell).cells[0].measured_s
    assert guessed.value == pytest.approx(1000 * TASK_CPU_S / MACHINE.cores)
    one_caller = ahead(closed(1, measure=units)).cells[0].measured_s
    assert one_caller.value == pytest.approx(1000 * assumed.ROUND_TRIP_S), "callers are few"


def test_a_search_ends_by_its_time_at_the_latest() -> None:
    quick, long = (
        closed().model_copy(update={"load": SaturateLoad(load="saturate", step=5, time=time_s)})
        for time_s in (30, 600)
    )
    assert ahead(quick).cells[0].measured_s.value == 30.0
    assert ahead(long).cells[0].measured_s.value == 5 * assumed.SEARCH_STEPS


def test_environments_that_may_have_to_be_built_are_counted_once() -> None:
    cell = closed()
    old, new = (
        cell.model_copy(
            update={"configuration": cell.configuration.model_copy(update={"celery": version})}
        )
        for version in (CelerySet(version="5.3.1"), CelerySet(version="5.4.0"))
    )
    assert ahead(cell, old, new, old).environments == 2
    assert ahead(cell).environments == 0


def test_pairs_are_added_until_the_last_look_or_the_time_that_is_given() -> None:
    found = ahead(closed(), closed(name="b"), blocks=10, most_blocks=30, compare=PAIRS)
    begin_s = VENDORS["redis"].own_server.start_s
    assert (found.blocks, found.most_blocks) == (20, 60)
    assert found.most_s == begin_s + 60 * (assumed.OVERHEAD_S + 2.0)
    limited = PAIRS.model_copy(update={"minutes": 3.0})
    short = ahead(closed(), closed(name="b"), blocks=10, most_blocks=30, compare=limited)
    assert short.most_s == 180.0
    hopeless = PAIRS.model_copy(update={"minutes": 0.1})
    least = ahead(closed(), closed(name="b"), blocks=10, most_blocks=30, compare=hopeless)
    assert least.most_s == least.expected_s, "the first look is waited for all the same"


def _asked(found: Outlook) -> list[tuple[str, str, float, bool]]:
    return [
        (cell.name, one.sum.what, round(one.sum.needed, 3), one.sum.short)
        for cell, one in found.asked
    ]


def test_a_sleep_needs_slots_and_no_cores() -> None:
    """48 steps of 10 ms; two slots of one worker."""
    [slots, cores] = _asked(ahead(heavy(50, 10)))
    assert slots == ("redis/heavy_task-50/rate-10", "slots", 4.8, True)
    assert cores == ("redis/heavy_task-50/rate-10", "cores", 10 * TASK_CPU_S, False)


def test_a_group_lacks_slots_while_those_of_another_are_free() -> None:
    """A tenth of 10/s sleeps for 2.5 s in the two slots of a group of its own; in the mean of all
    units that would be 2.5 of ten slots."""
    fast, slow = {"workload": "add", "weight": 9}, {"workload": "work", "sleep": "2500ms"}
    both = {
        "fast": Worker(queues=("celery",), concurrency=8),
        "slow": Worker(queues=("reports",)),
    }
    cell = heavy(2, 10)
    told = cell.configuration.model_copy(update={"workers": both})

    def asked(queue: str) -> dict[str, tuple[float, int]]:
        mix = {"workload": "mix", "parts": [fast, {**slow, "queue": queue}]}
        work = WORKLOADS["mix"].model_validate(mix)
        found = ahead(cell.model_copy(update={"configuration": told, "workload": work}))
        slots = [one for _, one in found.asked if one.sum.what == "slots"]
        return {one.sum.group: (round(one.sum.needed, 3), one.sum.there) for one in slots}

    assert asked("reports") == {"slow": (2.5, 2), "": (2.5, 10)}
    assert list(asked("reports")) == ["slow", ""]
    assert asked("celery") == {"fast": (2.5, 8), "": (2.5, 10)}


def test_costs_of_the_last_run_count_and_the_largest_share_comes_first() -> None:
    measured = one_run(heavy(2, 300), worker_cpu_ms_per_task=20.0)  # 22 ms with client and broker
    found = ahead(heavy(2, 10), heavy(2, 300), runs=LastRuns([measured]))
    assert _asked(found)[0] == ("redis/heavy_task-2/rate-300", "cores", 6.6, True)
    cost = found.asked[0][1].cost
    assert (cost.runs[0][-6:], cost.at_per_s) == ("4f1a9c", None)


def test_a_load_that_takes_what_it_gets_asks_for_nothing() -> None:
    assert ahead(closed()).asked == ()


def test_what_own_tasks_cost_is_not_made_up() -> None:
    [cell] = ahead(own(100)).cells
    assert cell.own_code
    assert [one.sum.what for one in cell.asked] == ["cores"], "nobody knows how long they run"
    measured = LastRuns([one_run(own(50))])
    assert {one.sum.what for one in ahead(own(100), runs=measured).cells[0].asked} == {
        "cores",
        "slots",
    }


def test_memory_is_that_of_the_largest_cell_and_of_all_servers() -> None:
    small, large = closed(concurrency=2), closed(name="b", concurrency=4, count=2)
    threads = closed(name="c", pool="threads", concurrency=64)
    runs = LastRuns([one_run(small)])
    found = ahead(small, large, threads, runs=runs)
    assert [cell.processes for cell in found.cells] == [3, 10, 1]
    assert found.largest == found.cells[1]
    assert found.memory_bytes == (10 * 50 + 40 + 10) * MIB
    assert found.cells[2].worker_bytes.runs == (), "no thread pool was ever measured here"
    assert ahead(small).memory_bytes == (
        3 * assumed.WORKER_BYTES + assumed.CLIENT_BYTES + VENDORS["redis"].own_server.memory_bytes
    )


def test_two_servers_count_twice_and_one_elsewhere_not_at_all() -> None:
    cell = closed()
    rabbitmq = cell.configuration.model_copy(update={"broker": RabbitmqBroker(service="rabbitmq")})
    both = ahead(cell, cell.model_copy(update={"name": "b", "configuration": rabbitmq}))
    assert list(both.server_bytes) == ["redis", "rabbitmq"]
    far = RabbitmqBroker(service="rabbitmq", provider="external", url="amqp://there")
    there = rabbitmq.model_copy(update={"broker": far})
    assert list(ahead(cell.model_copy(update={"configuration": there})).server_bytes) == ["redis"]


def test_what_pairs_see_is_the_formula_at_the_spread_of_the_last_runs() -> None:
    record = judged(ratio_run(1.0))
    runs = LastRuns([record])
    found = ahead(closed(), closed(name="b"), blocks=10, compare=PAIRS, runs=runs)
    assert found.pairs == PAIRS.look_sizes
    assert found.confidence == confidence_of(PAIRS.look_sizes)
    spread = runs.spread("throughput", keys_of(record.cells[0]).work, "closed")
    assert spread is not None
    seen = {one.pairs: one for one in found.sights if one.metric == "throughput"}
    assert list(seen) == [10, 30]
    effect = visible_effect(spread.value, 10, found.confidence)
    assert seen[10].effect == pytest.approx(effect)
    assert seen[10].regression == pytest.approx(1 - 0.95 * (1 - effect))
    [comparison] = [
        one for one in compare_run(ratio_run(1.0)).comparisons if one.metric == "throughput"
    ]
    fixed = ahead(closed(), closed(name="b"), blocks=10, compare=Compare(), runs=runs)
    [before] = [one for one in fixed.sights if one.metric == "throughput"]
    assert before.effect == pytest.approx(comparison.smallest_effect), "said before as after"


def test_noise_that_nobody_measured_is_unknown() -> None:
    found = ahead(closed(), closed(name="b"), blocks=10, compare=PAIRS)
    assert {(one.spread, one.effect) for one in found.sights} == {(None, None)}


def test_a_given_rate_is_no_throughput_to_be_seen() -> None:
    found = ahead(heavy(2, 50), heavy(2, 50, name="b"), blocks=10, compare=PAIRS)
    assert {one.metric for one in found.sights} == {"latency.total.p50", "worker_cpu"}


@pytest.mark.parametrize("blocks", [1, 5])
def test_few_pairs_see_nothing(blocks: int) -> None:
    found = ahead(closed(), closed(name="b"), blocks=blocks, compare=Compare())
    assert (found.pairs, found.sights) == ((blocks,), ())


def test_work_needs_what_its_amounts_come_to_in_the_mean() -> None:
    amounts = {"cpu": "20ms", "sleep": {"choice": [{"value": 0, "weight": 9}, {"value": "1s"}]}}
    [cores, slots] = sorted(_asked(ahead(worked(10, **amounts))), key=lambda one: one[1])
    assert (cores[1], slots[1]) == ("cores", "slots")
    assert cores[2] == pytest.approx(10 * (TASK_CPU_S + 0.02))
    assert slots[2] == pytest.approx(10 * (0.02 + 0.1))


def test_a_machine_of_many_cores_has_enough() -> None:
    measured = LastRuns([one_run(heavy(2, 300), worker_cpu_ms_per_task=20.0)])
    found = ahead(heavy(2, 300), runs=measured, machine=Machine(64, MIB))
    assert ("redis/heavy_task-2/rate-300", "cores", 6.6, False) in _asked(found)
    assert found.memory_bytes > found.machine.free_bytes


def test_looks_that_there_is_no_time_for_are_not_counted_on() -> None:
    """5 s a block, one of each side: twelve pairs in two minutes and the start of a server."""
    runs = LastRuns([one_run(closed())])
    limited = PAIRS.model_copy(update={"minutes": 121 / 60})
    cells = closed(), closed(name="b")
    assert ahead(*cells, blocks=10, compare=limited, runs=runs).pairs == (10, 12)
    alone = ahead(closed(), blocks=10, compare=limited, runs=runs, by_ab=True)
    assert alone.pairs == (10, 12), "the other side takes as long"
    hopeless = PAIRS.model_copy(update={"minutes": 0.1})
    assert ahead(*cells, blocks=10, compare=hopeless, runs=runs).pairs == (10,)


def test_twins_wait_at_the_end_of_each_slice() -> None:
    """Tasks of 200 ms have two slices of 1 s in 2 s, two of which are waited for."""
    works = closed().model_copy(
        update={"workload": WorkWorkload.model_validate({"workload": "work", "sleep": "200ms"})}
    )
    short, long = (ahead(one, twins=True).cells[0].overhead_s.value for one in (closed(), works))
    assert long - short == pytest.approx(2 * 0.2)
    assert ahead(works).cells[0].overhead_s == ahead(closed()).cells[0].overhead_s


def test_twins_are_up_at_once() -> None:
    """So they take the memory of both; a pair takes what a pair of twins took."""
    one, both = ahead(closed()).cells[0], ahead(closed(), twins=True).cells[0]
    assert (both.processes, both.clients) == (2 * one.processes, 2 * one.clients)
    assert both.memory_bytes == 2 * one.memory_bytes
    slices, later = one_run(closed(), "aaaaaa", slices=8), one_run(closed(), "bbbbbb")
    runs = LastRuns([later, slices])
    assert ahead(closed(), runs=runs).cells[0].overhead_s.runs == (later.run_id,)
    assert ahead(closed(), runs=runs, twins=True).cells[0].overhead_s.runs == (slices.run_id,)
