"""What a `celery:` of a configuration asks pip for, and what it may not say."""

from __future__ import annotations

import pytest

from harness.scenario.models.configuration import CelerySet, Configuration
from harness.scenario.models.configuration import Worker as WorkerModel
from harness.scenario.settings.celery_sets import HERE, KNOWN, Python, refusals, requirements, title
from harness.scenario.vendors.redis import RedisBackend, RedisBroker
from harness.scenario.vendors.sqs import SqsBroker
from tests.scenario.project import Project, make_project

PYTHONS: tuple[Python, ...] = ((3, 11), (3, 12), (3, 13), (3, 14))


def configuration(**changes: object) -> Configuration:
    plain = Configuration(
        name="c", broker=RedisBroker(service="redis"), backend=RedisBackend(service="redis")
    )
    return plain.model_copy(update=changes)


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"))


def test_the_tutorials_version_brings_the_libraries_of_its_time() -> None:
    assert requirements(CelerySet(version="5.3.1"), configuration(), (3, 11)) == (
        "packaging",
        "redis==4.6.0",
        "celery==5.3.1",
        "kombu==5.3.1",
        "amqp==5.1.1",
        "vine==5.0.0",
        "billiard==4.1.0",
    )


def test_where_these_do_not_run_the_oldest_that_do_take_their_place() -> None:
    """Each tried with a worker: see FLOORS. The rest stays what it was."""
    on = {
        python: requirements(CelerySet(version="5.3.1"), configuration(), python)
        for python in PYTHONS
    }
    of_its_time = set(on[3, 11])
    assert set(on[3, 12]) - of_its_time == {"kombu==5.3.3"}
    assert set(on[3, 13]) - of_its_time == {"kombu==5.3.3", "billiard==4.2.1"}
    assert on[3, 14] == on[3, 13]
    assert "billiard==4.2.1" in requirements(CelerySet(version="5.4.0"), configuration(), (3, 13))
    newest = {
        requirements(CelerySet(version="5.7.0"), configuration(), python) for python in PYTHONS
    }
    assert len(newest) == 1


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("version", list(KNOWN))
def test_every_known_version_runs_on_every_python(version: str, python: Python) -> None:
    known = CelerySet(version=version)
    assert refusals(known, python) == []
    pins = tuple(pin for pin in requirements(known, configuration(), python) if "==" in pin)
    assert refusals(CelerySet(pins=pins), python) == []


REFUSED = {
    "celery==5.2.7": ("take 5.3.0 or newer (5.3.1, ", "or run the harness under Python 3.11"),
    "celery<5.3": ("take 5.3.0 or newer",),
    "billiard==4.1.0": ("take billiard==4.2.1 or newer, or leave", "under Python 3.12"),
    "billiard<4.2": ("_acquireLock",),
    "billiard<=4.2.0": ("_acquireLock",),
    "billiard~=4.1.0": ("_acquireLock",),
    "billiard==4.1.*": ("_acquireLock",),
    "Billiard>=4,<4.2.1": ("_acquireLock",),
}
ADMITTED = (
    *("billiard==4.2.1", "billiard~=4.2.0", "billiard==4.*", "billiard>=4.1", "billiard<5"),
    *(
        "billiard<=4.2.1",
        "billiard!=4.3",
        "billiard",
        "celery==5.3",
        "celery==5.7.0",
        "kombu==5.3.1",
    ),
)


@pytest.mark.parametrize("pin", list(REFUSED))
def test_what_cannot_run_is_refused_and_says_what_can(pin: str) -> None:
    pins = (pin,) if "celery" in pin else ("celery==5.3.1", pin)
    ((field, message),) = refusals(CelerySet(pins=pins), (3, 13))
    assert field == "pins"
    assert message.startswith(f"{pin} does not run on Python 3.13: ")
    assert all(words in message for words in REFUSED[pin]), message
    if "billiard" in pin:
        assert refusals(CelerySet(pins=pins), (3, 12)) == []


@pytest.mark.parametrize("pin", ADMITTED)
def test_what_may_run_is_not(pin: str) -> None:
    pins = (pin,) if "celery" in pin else ("celery==5.3.1", pin)
    assert refusals(CelerySet(pins=pins), (3, 13)) == []


def test_a_celery_for_no_python_of_ours_names_none() -> None:
    ((_, message),) = refusals(CelerySet(version="4.4.7"), (3, 13))
    assert "celery==4.4.7 does not run on Python 3.13" in message
    assert "run the harness under" not in message


def test_refused_before_anything_is_built(project: Project) -> None:
    """With the other problems of the plan, at its place in the file."""
    project.change('matrix: {celery: ["4.4.7", "5.7.0"]}')
    (problem,) = project.problems(environ={})
    here = ".".join(map(str, HERE))
    assert problem.startswith("scenarios/")
    assert f"celery==4.4.7 does not run on Python {here}" in problem


@pytest.mark.parametrize("version", list(KNOWN))
def test_known_sets_pin_all_that_decides_speed(version: str) -> None:
    names = {pin.partition("==")[0] for pin in KNOWN[version].pins}
    assert names == {"kombu", "amqp", "vine", "billiard", "redis"}
    assert KNOWN[version].why


def test_a_pin_replaces_the_versions_own_whatever_its_spelling() -> None:
    celery = CelerySet(version="5.3.1", pins=("Kombu==5.7.0", "vine==5.1.0", "uvloop"))
    found = requirements(celery, configuration())
    assert "Kombu==5.7.0" in found
    assert "kombu==5.3.1" not in found
    assert found.count("vine==5.1.0") == 1
    assert "vine==5.0.0" not in found
    assert "uvloop" in found
    assert "amqp==5.1.1" in found


def test_other_versions_take_bounds_of_their_series() -> None:
    found = requirements(CelerySet(version="5.5.0"), configuration())
    assert found == ("packaging", "redis<=5.2.1", "celery==5.5.0", "kombu~=5.5.0")
    unknown = requirements(CelerySet(version="9.1.0"), configuration())
    assert unknown == ("packaging", "redis", "celery==9.1.0")


def test_pins_alone_are_all_there_is_but_for_what_the_broker_needs() -> None:
    celery = CelerySet(pins=("celery==5.6.0", "redis<6"))
    assert requirements(celery, configuration()) == ("packaging", "redis<6", "celery==5.6.0")
    on_sqs = configuration(
        broker=SqsBroker(service="sqs"), worker=WorkerModel(pool="gevent", concurrency=2)
    )
    assert requirements(celery, on_sqs) == (
        *("packaging", "redis<6", "boto3", "pycurl", "urllib3", "gevent", "celery==5.6.0"),
    )


def test_serializers_and_compression_bring_their_libraries() -> None:
    used = {
        "task_serializer": "msgpack",
        "result_serializer": "msgpack",
        "task_compression": "zstd",
    }
    found = requirements(CelerySet(version="5.6.3"), configuration(settings=used))
    assert {"msgpack", "zstandard", "backports.zstd; python_version < '3.14'"} <= set(found)


def test_titles() -> None:
    assert title(CelerySet(version="5.3.1")) == "celery 5.3.1"
    assert title(CelerySet(version="5.3.1", pins=("kombu==5.7.0",))) == "celery 5.3.1, kombu==5.7.0"
    assert title(CelerySet(name="swap", version="5.3.1")) == "swap"
    assert title(CelerySet(name="3fa9", revision="3fa9c1b")) == "revision 3fa9"


MALFORMED = {
    "celery: 5.4": "in quotes",
    "celery: latest": "version in full",
    "celery: {}": "which Celery?",
    "celery: {name: x, pins: [kombu==5.7.0]}": "which Celery?",
    "celery: {version: 5.3.1, pins: [celery==5.4.0]}": "pinned twice",
    "celery: {revision: main, version: 5.3.1}": "give it alone",
    'celery: {version: "5.7.0", prepare: [make]}': "install and prepare are about a revision",
    'celery: {revision: main, install: ["-r \'a.txt"]}': "cannot be read as a shell would",
    "celery: {revision: main, install: [' ']}": "expected words of pip install",
    "celery: {revision: --upload-pack=x}": "a git revision",
    "celery: {version: 5.3.1, pins: [--index-url=http://evil]}": "not a requirement",
    "celery: {version: 5.3.1, pins: [-r x.txt]}": "not a requirement",
    "celery: {version: 5.3.1, pins: kombu==5.7.0}": "list",
    "celery: {version: 5.3.1, pin: [kombu==5.7.0]}": "pins",
}


@pytest.mark.parametrize("line", list(MALFORMED))
def test_malformed(project: Project, line: str) -> None:
    project.configuration(
        f"name: c\nbroker: {{service: redis}}\nbackend: {{service: redis}}\n{line}\n"
    )
    problems = project.problems()
    assert problems
    assert all(problem.startswith("configs/c.yaml:4:") for problem in problems), problems
    assert any(MALFORMED[line] in problem for problem in problems), problems


def test_as_an_axis(project: Project) -> None:
    project.change(
        'matrix: {celery: ["5.3.1", "5.7.0", {name: swap, version: 5.3.1, pins: [kombu==5.7.0]}]}'
    )
    cells = project.plan().cells
    assert [cell.name for cell in cells] == [
        "c[celery=5.3.1]/add/closed-8",
        "c[celery=5.7.0]/add/closed-8",
        "c[celery=swap]/add/closed-8",
    ]
    assert cells[0].configuration.celery == CelerySet(version="5.3.1")
    assert cells[2].configuration.celery == CelerySet(
        name="swap", version="5.3.1", pins=("kombu==5.7.0",)
    )
