"""Which loads have which faults, and the faults that cannot work or cannot be measured there."""

from __future__ import annotations

from collections.abc import Iterator

from harness.scenario.files.document import Conflict
from harness.scenario.files.fields import Frozen
from harness.scenario.files.unknown import as_far_as_known, entries, in_full, is_known, only, told
from harness.scenario.files.wording import did_you_mean, listed, shown
from harness.scenario.loads.rate import RateLoad
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import END_NAMES, Configuration, EndName, group_of
from harness.scenario.models.faults import (
    Fault,
    KillPoolChild,
    Means,
    Network,
    NetworkFault,
    RollingRestart,
    Slowness,
    SlowNetwork,
    Stop,
    WorkerFault,
)
from harness.scenario.vendors.base import Endpoint
from harness.scenario.vendors.registry import BACKENDS, BROKERS, share_server
from harness.scenario.vendors.without_server import NoBackend, RpcBackend

LEVEL_S = 1.0
"""What is usual is measured before the first fault: at least for so long."""
_MOST_NETEM_JITTER_S = 4.0
"""Half of it is a signed number of 32 bits in the kernel, in nanoseconds."""


def with_faults(load: Load, faults: tuple[Fault, ...] | None) -> Load:
    """A load `rate` without faults of its own takes the scenario's; None if they are not known."""
    if not isinstance(load, RateLoad) or told(load).get("faults", ()) is not None:
        return load
    if faults is None:
        return only(load, {name: one for name, one in told(load).items() if name != "faults"})
    return load if faults == () and is_known(faults) else load.model_copy(update={"faults": faults})


def faults_of(load: Load) -> tuple[Fault, ...]:
    """What is broken under a load."""
    return (load.faults or ()) if isinstance(load, RateLoad) else ()


def fault_words(load: Load) -> str:
    """The faults of a load for a cell's name: `faults=kill_worker+stop_worker`; empty without
    any."""
    names = dict.fromkeys(map(_fault_word, faults_of(load)))
    return f"faults={'+'.join(names)}"[:80] if names else ""


def _fault_word(fault: Fault) -> str:
    how = fault.how if isinstance(fault, Stop) else "warm"
    return fault.fault if how == "warm" else f"{fault.fault}-{how}"


def uses_network(configuration: Configuration, load: Load) -> bool:
    """Whether connections of the block lead through a network that the harness disturbs."""
    disturbed = any(isinstance(fault, NetworkFault) for fault in faults_of(load))
    return disturbed or configuration.network is not None


def linked_ends(configuration: Configuration) -> tuple[EndName, ...]:
    """The ends to which a connection of their own leads that a network can disturb."""
    return END_NAMES if BACKENDS[configuration.backend.service].through_proxy else ("broker",)


def network_by(configuration: Configuration, load: Load) -> Means:
    """Who makes the network of a block that uses one."""
    slow = [fault for fault in faults_of(load) if isinstance(fault, SlowNetwork)]
    return next((one.by for one in (configuration.network, *slow) if one is not None), "proxy")


def network_conflicts(configuration: Configuration) -> list[Conflict]:
    """What cannot work with the configuration's own network."""
    if configuration.network is None:
        return []
    found = _network_conflict(configuration, configuration.network)
    conflicts: list[Conflict] = [(("network",), found)] if found else []
    return conflicts + [
        (("network", *place), message) for place, message in _means_conflicts(configuration.network)
    ]


def load_conflict(load: Load, faults: tuple[Fault, ...]) -> str:
    """Why the scenario's faults cannot be measured under a load; empty if they can."""
    if not faults or isinstance(load, RateLoad):
        return ""
    return (
        f"the scenario has faults, and load {load.load} waits for whatever is broken, so it cannot "
        "show how long: use load rate, or give the faults to the loads that are to have them"
    )


def fault_conflicts(
    configuration: Configuration, load: Load, length_s: float | None
) -> Iterator[Conflict]:
    """What cannot work: locations begin with the index of the fault. `length_s` of the load, None
    where it does not say so in advance."""
    for index, fault in enumerate(entries(faults_of(load))):
        for judge, judged in (
            (_moment_conflicts, (fault, length_s)),
            (_broken_conflicts, (configuration, fault)),
            (_slowness_conflicts, (configuration, load, fault)),
        ):
            for place, message in as_far_as_known(judge, *judged):
                yield (index, *place), message


def _moment_conflicts(fault: Fault, length_s: float | None) -> Iterator[Conflict]:
    if fault.earliest_s < LEVEL_S:
        when = "at" if fault.at is not None else "between"
        yield (when,), f"what is usual is measured before: no fault before {LEVEL_S:g}s"
    if length_s is not None and fault.latest_s >= length_s:
        yield (), f"the load is over after {length_s:g} s: nobody would see this fault"


def _broken_conflicts(configuration: Configuration, fault: Fault) -> Iterator[Conflict]:
    if problem := _problem(configuration, fault):
        yield (), f"{fault.fault}: {problem}"


def _slowness_conflicts(
    configuration: Configuration, load: Load, fault: Fault
) -> Iterator[Conflict]:
    if isinstance(fault, SlowNetwork):
        yield from _means_conflicts(fault, network_by(configuration, load))


def _problem(configuration: Configuration, fault: Fault) -> str:
    who = f'configuration "{configuration.name}"'
    if isinstance(fault, Stop) and (problem := _stop_problem(configuration, fault, who)):
        return problem
    if isinstance(fault, WorkerFault):
        return _worker_problem(configuration, fault, who)
    if isinstance(fault, RollingRestart):
        return _group_problem(configuration, fault.group, who) if fault.group else ""
    if isinstance(fault, NetworkFault):
        return _network_conflict(configuration, fault)
    if fault.kind.place == "backend":
        return _backend_problem(configuration)
    return _broker_problem(configuration) if fault.kind.place == "broker" else ""


def _worker_problem(configuration: Configuration, fault: WorkerFault, who: str) -> str:
    groups = configuration.groups
    if fault.group is None:
        group, count, where = group_of(configuration, fault.worker), configuration.worker_count, ""
    elif problem := _group_problem(configuration, fault.group, who):
        return problem
    else:
        count, where = groups[fault.group].count, f" in group {fault.group}"
        group = groups[fault.group] if fault.worker <= count else None
    if group is None:
        return f"there is no worker {fault.worker}{where}: {who} has {count}"
    if isinstance(fault, KillPoolChild) and group.pool != "prefork":
        return f"{who} has pool {group.pool}, and only prefork has child processes"
    return ""


def _group_problem(configuration: Configuration, group: str, who: str) -> str:
    if not configuration.workers:
        return f"there is no group {shown(group)}: {who} has no groups of workers"
    if group not in configuration.groups:
        guess = did_you_mean(group, list(configuration.groups))
        other = guess or f": it has {listed(configuration.groups)}"
        return f"{who} has no group {shown(group)}{other}"
    return ""


def _stop_problem(configuration: Configuration, fault: Stop, who: str) -> str:
    """One signal is two kinds of shutdown: a setting decides which."""
    timeout_s = configuration.settings.get("worker_soft_shutdown_timeout")
    if fault.how == "soft" and not timeout_s:
        return f"{who} has no worker_soft_shutdown_timeout, so SIGQUIT is a cold shutdown: set it"
    if fault.how == "cold" and timeout_s:
        return (
            f"{who} has worker_soft_shutdown_timeout, so SIGQUIT is a soft shutdown: say how: soft"
        )
    return ""


def _broker_problem(configuration: Configuration) -> str:
    broker = configuration.broker
    if not BROKERS[broker.service].restarts:
        able = " and ".join(name for name, row in BROKERS.items() if row.restarts)
        return f"this works with {able}, not with {broker.service}"
    return _ownership_problem(broker)


def _backend_problem(configuration: Configuration) -> str:
    backend = configuration.backend
    if isinstance(backend, NoBackend):
        return "there is no result backend"
    if isinstance(backend, RpcBackend):
        return "results are in the broker: use restart_broker or kill_broker"
    if shares_server(configuration):
        return (
            "broker and backend are one server: use restart_broker or kill_broker, or another "
            "server for the results (backend: {service: redis, apart: true})"
        )
    return _ownership_problem(backend)


def shares_server(configuration: Configuration) -> bool:
    """Whether broker and backend are the same server."""
    broker, backend = configuration.broker, configuration.backend
    whole = [in_full(one).model_dump(mode="json") for one in (broker, backend)]
    return share_server(*whole)


def _ownership_problem(endpoint: Frozen) -> str:
    if isinstance(endpoint, Endpoint) and endpoint.provider not in (None, "local"):
        return (
            f"the harness stops only servers that it started itself, and provider is "
            f"{endpoint.provider}: use provider local"
        )
    return ""


def _network_conflict(configuration: Configuration, network: Network | NetworkFault) -> str:
    reason = BROKERS[configuration.broker.service].beyond_proxy
    if reason and network.to != "backend":
        able = " or ".join(name for name, row in BROKERS.items() if not row.beyond_proxy)
        return f"{reason}: use {able}, or to: backend"
    if network.to == "broker" or "backend" in linked_ends(configuration):
        return ""
    backend = configuration.backend
    if isinstance(backend, NoBackend):
        return "there is no result backend: use to: broker"
    if isinstance(backend, RpcBackend):
        return "results go through the broker: use to: broker"
    return f"a backend of {backend.service} cannot be reached through a proxy: use to: broker"


def _means_conflicts(slow: Slowness, means: Means | None = None) -> Iterator[Conflict]:
    """What its maker cannot do. `means`: who makes the block's network, if that is known."""
    if slow.by == "proxy" and slow.loss:
        yield ("loss",), "a proxy has no packets to lose: say by: netem, or leave loss out"
    if slow.by == "netem" and slow.jitter > _MOST_NETEM_JITTER_S:
        yield ("jitter",), f"netem has no jitter beyond {_MOST_NETEM_JITTER_S:g} s"
    if means not in (None, slow.by):
        message = f"a block has one network, and this one's is made by {means}: say by: {means}"
        yield ("by",), message
