"""Messages and results that are larger than a server takes: known before anything is sent."""

from __future__ import annotations

from harness.errors import UsageError
from harness.scenario.files.document import Conflict
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Cell
from harness.scenario.settings.planned import transport_options
from harness.scenario.vendors.registry import BACKENDS, BROKERS, VENDORS
from harness.scenario.workloads.registry import Workload


def message_size_conflicts(configuration: Configuration, workload: Workload) -> list[Conflict]:
    """A payload that cannot get through: as large on the way as it is at least."""
    broker = configuration.broker.service
    return _too_large(configuration, workload, BROKERS[broker].max_message_bytes, broker)


def check_message_sizes(cell: Cell, version: str) -> None:
    """UsageError for messages that a broker of this version does not take by default. It is known
    only once the broker answers; whoever runs a server may have allowed it more."""
    service = cell.configuration.broker.service
    who, limit = f"{VENDORS[service].title} {version}", BROKERS[service].takes_bytes(version)
    for place, why in _too_large(cell.configuration, cell.workload, limit, who):
        raise UsageError(f"{cell.name}: {'.'.join(map(str, place[1:]))}: {why}")


def _too_large(
    configuration: Configuration, workload: Workload, limit: int | None, who: str
) -> list[Conflict]:
    row, settings = BROKERS[configuration.broker.service], configuration.settings
    if limit is None or settings.get("task_compression"):
        return []
    factor = row.growth(row.with_defaults(transport_options(settings)))
    base64 = ", base64 included," if factor > 1 else ""
    conflicts: list[Conflict] = []
    for place, size in workload.payloads():
        if size * factor > limit:
            message = (
                f"{size:,} bytes are a message of {size * factor:,.0f} bytes or more on {who}"
                f"{base64 or ','} and it takes {limit:,} at most: send up to "
                f"{int(limit / factor) // 1000 * 1000:,}"
            )
            conflicts.append((place, message))
    return conflicts


def result_size_conflicts(configuration: Configuration, workload: Workload) -> list[Conflict]:
    """A result that cannot be kept: every task gives back what it was sent, a chord's last one all
    of it."""
    backend, settings = configuration.backend, configuration.settings
    row = BACKENDS[backend.service]
    compressed = row.compresses_results and settings.get("result_compression")
    if row.max_result_bytes is None or compressed:
        return []
    if row.result_limit_is_set and getattr(backend, "provider", None) == "external":
        return []  # it may have been set to more
    instead = "send less, or use another backend"
    if row.result_limit_is_set:
        instead += " (one whose server takes more has provider: external)"
    return [
        (
            place,
            f"{size:,} bytes come back as a result, and {row.max_result_bytes:,} are what backend "
            f"{backend.service} can keep of one: {instead}",
        )
        for place, size in workload.result_payloads()
        if size > row.max_result_bytes
    ]
