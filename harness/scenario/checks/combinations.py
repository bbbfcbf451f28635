"""The combinations that cannot work, by the tables of what each broker and backend can do."""

from __future__ import annotations

from collections.abc import Iterator

from harness.extras import needs
from harness.scenario.checks.faulty_loads import network_conflicts
from harness.scenario.checks.groups import group_conflicts, missing_pools
from harness.scenario.checks.option_conflicts import option_conflicts
from harness.scenario.checks.queues import lost_conflicts, queue_conflicts
from harness.scenario.checks.results_left import results_left_conflict
from harness.scenario.checks.sizes import message_size_conflicts, result_size_conflicts
from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.fields import Frozen
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.files.wording import did_you_mean, listed
from harness.scenario.loads.base import Publish
from harness.scenario.loads.open_loop import OpenLoad
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import END_NAMES, Configuration, EndName, keeps_results
from harness.scenario.models.measure import Measure
from harness.scenario.plan.bounds import number_conflicts
from harness.scenario.settings.celery_sets import refusals
from harness.scenario.settings.named_modules import missing_modules
from harness.scenario.settings.planned import transport_options
from harness.scenario.settings.serializers import content_conflicts, content_installation
from harness.scenario.vendors.base import End, Endpoint, Provider
from harness.scenario.vendors.registry import BACKENDS, BROKERS, VENDORS, refusal
from harness.scenario.workloads.registry import WORKLOADS, Workload, comes_along

_DATABASE_OF_OTHERS = (
    "isolation: database is for servers that the harness starts itself: use prefix"
)


def configuration_conflicts(
    configuration: Configuration, provider: Provider | None, *, own_app: bool = False
) -> list[Conflict]:
    """What cannot work within one configuration. `provider` is the command line's, if any;
    `own_app`: an app of the user's own may add options to the worker's."""
    return [
        *as_far_as_known(_broker_conflicts, configuration, provider),
        *as_far_as_known(_backend_conflicts, configuration, provider),
        *as_far_as_known(_pair_conflicts, configuration),
        *as_far_as_known(group_conflicts, configuration, own_app=own_app),
        *as_far_as_known(queue_conflicts, configuration, provider),
        *as_far_as_known(lambda: content_conflicts(configuration.settings)),
        *_isolation_conflicts(configuration, provider),
        *as_far_as_known(network_conflicts, configuration),
    ]


def _pair_conflicts(configuration: Configuration) -> Iterator[Conflict]:
    if reason := refusal(configuration.broker.service, configuration.backend.service):
        yield ("backend", "service"), reason


def _isolation_conflicts(
    configuration: Configuration, provider: Provider | None
) -> Iterator[Conflict]:
    """A database of a block's own is emptied with it: for servers that the harness starts."""

    def of(role: EndName) -> Iterator[Conflict]:
        end: End = getattr(configuration, role)
        if getattr(end, "isolation", None) == "database" and _provider(end, provider) != "local":
            yield (role, "isolation"), _DATABASE_OF_OTHERS

    for role in END_NAMES:
        yield from as_far_as_known(of, role)


def stores_results(configuration: Configuration) -> bool:
    """Whether a caller can ask for results at all."""
    return keeps_results(configuration.backend.service, configuration.settings)


def installation_conflicts(
    configuration: Configuration, *, own_app: bool = False
) -> list[Conflict]:
    """What this Python lacks for a configuration to run. `own_app`: modules may lie in the folder
    of an app of the user's own."""
    return [
        *as_far_as_known(_environment_refusals, configuration),
        *as_far_as_known(_missing_content, configuration),
        *(() if own_app else as_far_as_known(_missing_modules, configuration)),
        *as_far_as_known(missing_pools, configuration),
        *(
            one
            for role in END_NAMES
            for one in as_far_as_known(_missing_clients, configuration, role)
        ),
    ]


def _environment_refusals(configuration: Configuration) -> Iterator[Conflict]:
    if configuration.celery is not None:
        for field, message in refusals(configuration.celery):
            yield ("celery", field), message


def _missing_content(configuration: Configuration) -> Iterator[Conflict]:
    if configuration.celery is None:  # an environment of its own brings what it needs
        yield from content_installation(configuration.settings)


def _missing_modules(configuration: Configuration) -> Iterator[Conflict]:
    if configuration.celery is None:
        yield from missing_modules(configuration.settings)


def _missing_clients(configuration: Configuration, role: EndName) -> list[Conflict]:
    end: End = getattr(configuration, role)
    service = end.service
    clients = VENDORS[service].clients
    modules = clients.modules if configuration.celery is None else clients.of_the_driver
    if not clients.extra or not (message := needs(f"{role} {service}", clients.extra, *modules)):
        return []
    return [((role, "service"), message)]


def unused_urls(
    configuration: Configuration, role: EndName, provider: Provider | None
) -> Iterator[Location]:
    """The URLs of one end that will not be used, because the harness runs the server itself."""
    end: End = getattr(configuration, role)
    if _provider(end, provider) != "external":
        yield from ((role, name) for name, who in end.read_by.items() if who == "external")


def cell_conflicts(
    configuration: Configuration, workload: Workload, load: Load, measure: Measure
) -> list[Conflict]:
    """What cannot work in one cell: locations begin with `workload` or `load`."""
    return [
        *as_far_as_known(load.conflicts, measure),
        *as_far_as_known(workload.conflicts, configuration, load, measure),
        *as_far_as_known(_plugged_in_conflicts, configuration, workload),
        *as_far_as_known(_publish_conflicts, configuration, workload, load),
        *as_far_as_known(lost_conflicts, configuration, workload),
        *as_far_as_known(message_size_conflicts, configuration, workload),
        *as_far_as_known(_result_size_conflicts, configuration, workload),
        *as_far_as_known(number_conflicts, workload, load, measure),
        *as_far_as_known(option_conflicts, configuration, workload, load),
    ]


def _plugged_in_conflicts(configuration: Configuration, workload: Workload) -> Iterator[Conflict]:
    if configuration.celery is not None and not comes_along(workload):
        yield (
            ("workload", "workload"),
            f"{workload.workload} is a plug-in, and another Celery has an environment "
            f'without it: leave `celery:` out of configuration "{configuration.name}"',
        )


def _result_size_conflicts(configuration: Configuration, workload: Workload) -> list[Conflict]:
    return result_size_conflicts(configuration, workload) if stores_results(configuration) else []


def nothing_stored(configuration: Configuration) -> tuple[Location, str]:
    """The place at which a configuration that stores no results says so, and what stands there."""
    if configuration.settings.get("task_ignore_result") is True:
        return ("settings", "task_ignore_result"), "task_ignore_result"
    return ("backend", "service"), f"backend {configuration.backend.service}"


def result_conflicts(
    configuration: Configuration, workload: Workload, load: Load, measure: Measure
) -> Iterator[Conflict]:
    """What of one cell needs results that nobody stores; locations as of `cell_conflicts`."""
    yield from as_far_as_known(_left_conflicts, configuration, measure)
    yield from as_far_as_known(_watching_conflicts, configuration, load)
    yield from as_far_as_known(_joining_conflicts, configuration, workload)


def _left_conflicts(configuration: Configuration, measure: Measure) -> Iterator[Conflict]:
    if reason := results_left_conflict(configuration, measure.results_left):
        yield ("load", "load"), reason


def _watching_conflicts(configuration: Configuration, load: Load) -> Iterator[Conflict]:
    if not load.watched or stores_results(configuration):
        return
    instead, (_, without) = "results: afterwards", nothing_stored(configuration)
    if not isinstance(load, OpenLoad):
        instead = f"load backlog, or load rate with {instead}"
    who = f'configuration "{configuration.name}"'
    message = f"{load.load} load waits for results, and {who} has {without}: use {instead}"
    yield ("load", "load"), message


def _joining_conflicts(configuration: Configuration, workload: Workload) -> Iterator[Conflict]:
    backend, who = BACKENDS[configuration.backend.service], f'configuration "{configuration.name}"'
    ignored = configuration.settings.get("task_ignore_result") is True
    _, without = nothing_stored(configuration)
    place: Location = ("workload", "workload")
    instead = "leave task_ignore_result out, or this workload" if ignored else ""
    if workload.joins and (ignored or not backend.joins):
        message = f"a group's results are joined, and {who} has {without}"
        yield place, f"{message}: {instead or 'use another backend'}"
    if workload.waits_for_header and (ignored or not backend.chords):
        message = f"a {workload.workload} waits for its header's results, and {who} has {without}"
        fit = " or ".join(name for name, row in BACKENDS.items() if row.chords)
        yield place, f"{message}: {instead or f'use backend {fit}'}"


def _publish_conflicts(
    configuration: Configuration, workload: Workload, load: Load
) -> list[Conflict]:
    """Of loads that say how they publish."""
    path: Publish = getattr(load, "publish", "api")
    if path == "api":
        return []
    where: Location = ("load", "publish")
    broker, settings = configuration.broker.service, configuration.settings
    paths = BROKERS[broker].publish_paths
    conflicts: list[Conflict] = []
    if path not in paths:
        conflicts.append((where, f"{broker} has no {path}: use {' or '.join(paths)}"))
    if path == "prebuilt" and not workload.prebuilt:
        fit = listed(name for name, model in WORKLOADS.items() if model.prebuilt)
        message = f"publish: prebuilt needs a workload of one message per unit: {fit}"
        conflicts.append((where, workload.not_prebuilt or message))
    if path == "batch" and workload.past_batches:
        message = f"Celery publishes a {workload.workload} past any batch: use publish: api"
        conflicts.append((where, message))
    if path == "prebuilt" and settings.get("task_send_sent_event") is True:
        message = "publish: prebuilt sends no events, and task_send_sent_event asks for them"
        conflicts.append((where, f"{message}: use publish: api"))
    option, client = BROKERS[broker].sends_twice or ("", "")
    if transport_options(settings).get(option):
        message = f"with {option}, {client} may send a whole {path} twice"
        conflicts.append((where, f"{message}: use publish: api"))
    return conflicts


def _provider(endpoint: Frozen, chosen: Provider | None) -> Provider | None:
    """Who will run the endpoint's server; None for what has no server of its own."""
    if not isinstance(endpoint, Endpoint):
        return None
    return chosen or endpoint.provider or "local"


def _broker_conflicts(configuration: Configuration, provider: Provider | None) -> list[Conflict]:
    broker = configuration.broker
    row = BROKERS[broker.service]
    return _url_conflicts("broker", broker, row.schemes, row.needs_url, provider)


def _backend_conflicts(configuration: Configuration, provider: Provider | None) -> list[Conflict]:
    backend = configuration.backend
    row = BACKENDS[backend.service]
    needs_url = row.needs_url and bool(row.schemes)
    conflicts = _url_conflicts("backend", backend, row.schemes, needs_url, provider)
    somewhere = _provider(backend, provider) == "external"
    if isinstance(backend, Endpoint) and somewhere and (lacking := backend.lacking()):
        message = f"external {backend.service} needs {lacking}"
        conflicts.append((("backend", "service"), message))
    return conflicts


def _url_conflicts(
    role: str,
    endpoint: Frozen,
    schemes: tuple[str, ...],
    needs_url: bool,
    provider: Provider | None,
) -> list[Conflict]:
    url = endpoint.url if isinstance(endpoint, Endpoint) else None
    if url is None:
        if needs_url and _provider(endpoint, provider) == "external":
            message = f'provider external needs a "url:", for example {schemes[0]}://host'
            return [((role, "provider"), message)]
        return []
    scheme, separator, _ = url.partition("://")
    if url.startswith("${") or (separator and scheme in schemes):
        return []
    guess = did_you_mean(scheme, schemes) if separator else ""
    return [((role, "url"), f"the url begins with one of {listed(schemes)}, then ://{guess}")]
