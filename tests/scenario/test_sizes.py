"""Messages that are too large for the version of a broker that answers."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.scenario.checks.sizes import check_message_sizes
from tests.scenario.project import Project

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("version", "mebibytes"), [("3.10.8", 128), ("3.13.7", 128), ("4.0.5", 16), ("4.2.1", 16)]
)
def test_rabbitmq_takes_less_from_version_4_on(
    project: Project, version: str, mebibytes: int
) -> None:
    """By its defaults: `max_message_size` of 128 MiB before, of 16 MiB since."""
    project.configuration("name: c\nbroker: {service: rabbitmq}\nbackend: {service: redis}\n")
    project.change("loads: [backlog]")
    project.change(
        f"workloads: [{{workload: add, payload_bytes: {16 * MIB}}}, "
        f"{{workload: add, payload_bytes: {16 * MIB + 1}}}, "
        f"{{workload: chord, size: 3, payload_bytes: {6 * MIB}}}]"
    )
    least, larger, together = project.plan().cells
    check_message_sizes(least, version)
    if mebibytes == 128:
        check_message_sizes(larger, version)
        return
    with pytest.raises(UsageError) as raised:
        check_message_sizes(larger, version)
    assert str(raised.value) == (
        f"{larger.name}: payload_bytes: 16,777,217 bytes are a message of 16,777,217 bytes or more "
        f"on RabbitMQ {version}, and it takes 16,777,216 at most: send up to 16,777,000"
    )
    with pytest.raises(UsageError, match="18,874,368 bytes"):  # the body gets all of them
        check_message_sizes(together, version)


@pytest.mark.parametrize(
    ("broker", "version", "settings"),
    [
        ("rabbitmq", "unknown", ""),
        ("rabbitmq", "4.0.5", "settings: {task_compression: gzip}\n"),
        ("redis", "8.0.2", ""),
    ],
)
def test_nothing_is_said_of_what_is_not_known(
    project: Project, broker: str, version: str, settings: str
) -> None:
    project.configuration(
        f"name: c\nbroker: {{service: {broker}}}\nbackend: {{service: redis}}\n{settings}"
    )
    project.change(f"workloads: [{{workload: add, payload_bytes: {40 * MIB}}}]")
    (cell,) = project.plan().cells
    check_message_sizes(cell, version)


def test_memory_that_a_machine_has_not_is_refused_unless_it_has_a_most(project: Project) -> None:
    """Of a median of 1 KiB with a p99 of 1 GiB one in ten thousand is 4 TiB."""

    def refused(memory: str) -> list[str]:
        project.change(f"workloads: [{{workload: work, memory: {memory}}}]")
        return [one.split(": ", 1)[1] for one in project.problems()]

    (drawn,) = refused("{lognormal: {median: 1KiB, p99: 1GiB}}")
    assert drawn.startswith("one task in 10,000 takes 4,")
    assert drawn.endswith('give "max:", or lower it')
    assert refused("{lognormal: {median: 1KiB, p99: 10MiB, max: 10MiB}}") == []
    (fixed,) = refused("5000GiB")
    assert fixed.startswith("a task takes 5,000 GiB or more, and this machine has ")
