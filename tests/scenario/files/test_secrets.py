"""`${NAME}`: expansion, and what counts as a password in plain text."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.scenario.files.document import Mark
from harness.scenario.files.secrets import expand, expand_tree, secret_problems, variables
from harness.scenario.files.yaml12 import parse

ENVIRON = {"A": "1", "B_2": "two ${A}"}


def test_expand() -> None:
    assert expand("x${A}y${B_2}${A}", ENVIRON) == "x1ytwo ${A}1"
    assert expand("$A {A} $ $$", ENVIRON) == "$A {A} $ $$"
    assert variables("${A}-${B_2}") == ("A", "B_2")


def test_expand_names_what_is_missing() -> None:
    with pytest.raises(UsageError, match="set the environment variable GONE"):
        expand("${GONE}", ENVIRON)


def test_expand_tree_keeps_the_shape() -> None:
    tree = {"${A}": ["${A}", 1, None, ("${A}",)], "b": {"c": "${A}"}}
    assert expand_tree(tree, ENVIRON) == {"${A}": ["1", 1, None, ("1",)], "b": {"c": "1"}}
    assert tree["b"] == {"c": "${A}"}


@pytest.mark.parametrize(
    "line",
    [
        "broker: {url: 'redis://:pw@host'}",
        "broker: {url: 'redis://user:p@w/x@host/0'}",
        "broker: {url: 'amqp://user:${PW}x@host'}",
        "broker: {url: 'redis://a;redis://:pw@b'}",
        "broker: {url: 'redis://host/?password=pw'}",
        "settings: {broker_transport_options: {sentinel_kwargs: {password: pw}}}",
        "settings: {security_key_password: pw}",
        "worker: {options: ['--broker=redis://:pw@host']}",
        "celery: {install: ['-i https://me:pw@host/simple .']}",
        "celery: {prepare: ['psql postgres://me:pw@host']}",
    ],
)
def test_passwords_in_plain_text(line: str) -> None:
    document = parse(line, Mark("f", 1, 1), [])
    assert document is not None
    (problem,) = secret_problems(document)
    assert problem.message == "a password in plain text: secrets come in through ${NAME} only"


@pytest.mark.parametrize(
    "line",
    [
        "broker: {url: 'redis://:${PW}@host'}",
        "broker: {url: 'redis://user@host:6379/0'}",
        "broker: {url: 'amqp://guest:${A}${B}@host//'}",
        "broker: {url: '${URL}'}",
        "broker: {url: 'redis://:@host'}",
        "settings: {security_key_password: '${PW}'}",
        "celery: {prepare: ['cp ${HARNESS_PROJECT}/${file%.py} .']}",
    ],
)
def test_no_passwords_in_plain_text(line: str) -> None:
    document = parse(line, Mark("f", 1, 1), [])
    assert document is not None
    assert secret_problems(document) == []
