"""Pure parts: expansion, merging, labels, redaction."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ServiceError
from harness.scenario.models.configuration import Configuration
from harness.scenario.vendors.redis import RedisBroker
from harness.scenario.vendors.without_server import NoBackend
from harness.services.base import CeleryEnd
from harness.services.labels import identifier
from harness.services.redaction import address_of, password_of, redact, strip_credentials
from harness.services.settings import block_settings, expand, merge, secrets_of

SECRETS = st.text(min_size=4, max_size=30).filter(lambda text: "*" not in text)


def configuration(**settings: object) -> Configuration:
    return Configuration(
        name="c",
        broker=RedisBroker(service="redis"),
        backend=NoBackend(service="none"),
        settings=settings,
    )


def test_settings_are_merged_key_by_key_and_the_configuration_wins() -> None:
    broker = CeleryEnd(
        "redis://b", {"task_default_queue": "q", "broker_transport_options": {"a": 1, "b": 1}}
    )
    backend = CeleryEnd("redis://r", {"result_backend_transport_options": {"p": "x"}})
    own = configuration(broker_transport_options={"b": 2, "c": "${SIZE}"}, task_acks_late=True)
    assert block_settings(own, broker, backend, {"SIZE": "7"}) == {
        "broker_url": "redis://b",
        "result_backend": "redis://r",
        "task_default_queue": "q",
        "broker_transport_options": {"a": 1, "b": 2, "c": "7"},
        "result_backend_transport_options": {"p": "x"},
        "task_acks_late": True,
    }


def test_merge_changes_neither_side() -> None:
    below, above = {"a": {"x": 1}}, {"a": {"y": 2}}
    assert merge(below, above) == {"a": {"x": 1, "y": 2}}
    assert (below, above) == ({"a": {"x": 1}}, {"a": {"y": 2}})


def test_all_missing_variables_are_named() -> None:
    with pytest.raises(ServiceError, match=r"the URL needs the environment variables A, B: export"):
        expand("${B}${A}${C}", {"C": "1"}, where="the URL")


def test_long_values_from_the_environment_are_secrets() -> None:
    own = configuration(a="${PASSWORD}", b={"c": ["${PORT}"]})
    assert secrets_of(own, {"PASSWORD": "correct horse", "PORT": "6379"}) == ("correct horse",)


@given(st.text(max_size=80))
def test_identifiers_fit_every_server(label: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{0,40}", identifier(label))


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_labels_stay_different(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    text = redact(f"{before}{secret}{after} {quote(secret, safe='')}", [secret])
    assert secret not in text


URLS = st.sampled_from(
    (
        "redis://:{}@127.0.0.1:6379/0",
        "amqps://user:{}@host/vhost?heartbeat=5",
        "http://{}:{}@127.0.0.1:9324",
        "redis://host:6379/0?password={}",
        "rediss://host/?ssl_cert_reqs=required&password={}&db=3",
        "sqs://?aws_secret_access_key={}",
        "postgresql://u:{}@h/d?sslpassword={}",
        "redis://host/0?auth={}",
        "https://queue.example/q?X-Amz-Signature={}&x=1",
        "redis://host/0?x=1#password={}",
        "amqp://host/v?credential={}",
    )
)
PRINTED: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    (str, repr, json.dumps, quote, lambda text: json.dumps({"url": text}), lambda text: f"<{text}>")
)


@given(SECRETS, URLS, PRINTED, st.text(max_size=10))
def test_no_password_survives_in_any_place_of_a_url(
    secret: str, url: str, printed: Callable[[str], str], around: str
) -> None:
    """Whoever wrote the log: the URL as it was given, the password taken out of it, or both."""
    whole = url.replace("{}", quote(secret, safe=""))
    text = f"{around}{printed(whole)} {printed(secret)} {whole}{around}"
    redacted = redact(text, password_of(whole))
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert form not in redacted
    assert f"={secret}" not in strip_credentials(whole)
    assert f":{quote(secret, safe='')}@" not in strip_credentials(whole)


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("redis://h/0?password=pw&db=1", "redis://h/0?password=***&db=1"),
        ("at redis://h/?x=1&Token=t, said h", "at redis://h/?x=1&Token=*** said h"),
        ("redis://:p%40ss@h:1/0", "redis://***@h:1/0"),
        ("see amqp://u:p@h and http://h", "see amqp://***@h and http://h"),
        ("sqs://", "sqs://"),
        ("mail me@example.org", "mail me@example.org"),
    ],
)
def test_credentials_leave_urls(text: str, stripped: str) -> None:
    assert strip_credentials(text) == stripped


def test_addresses() -> None:
    assert address_of("redis://:p@h/0", 6379) == "h:6379"
    assert address_of("amqp://u:p@[::1]:1/") == "[::1]:1"
