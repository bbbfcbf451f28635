"""Serializers and compression: what the harness adds, and what it asks to install."""

from __future__ import annotations

from typing import Any

import kombu.compression
import kombu.serialization
import pytest
from kombu.exceptions import SerializerNotInstalled

from harness.scenario.settings.serializers import added_settings, content_installation
from tests.scenario.project import CONFIGURATION, Project


@pytest.mark.parametrize(
    ("settings", "added"),
    [
        ({}, {}),
        ({"task_serializer": "json"}, {}),
        ({"task_serializer": "msgpack"}, {"accept_content": ["json", "msgpack"]}),
        (
            {"task_serializer": "msgpack", "result_serializer": "yaml"},
            {"accept_content": ["json", "msgpack", "yaml"]},
        ),
        ({"task_serializer": "yaml", "accept_content": ["yaml"]}, {}),
        ({"task_serializer": "pickle"}, {}),
    ],
)
def test_what_is_accepted(settings: dict[str, Any], added: dict[str, Any]) -> None:
    assert added_settings(settings) == added


def test_a_matrix_over_serializers_is_one_line(project: Project) -> None:
    project.change(
        "matrix: {settings.task_serializer+settings.result_serializer: [json, msgpack, yaml]}"
    )
    settings = [cell.configuration.settings for cell in project.plan().cells]
    assert settings == [
        {"task_serializer": name, "result_serializer": name} for name in ("json", "msgpack", "yaml")
    ]


def test_a_missing_library_is_named_with_its_extra(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_such(*_: Any, **__: Any) -> None:
        raise SerializerNotInstalled

    def no_encoder(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(kombu.serialization, "dumps", none_such)
    monkeypatch.setattr(kombu.compression, "get_encoder", no_encoder)
    project.configuration(
        CONFIGURATION + "settings:\n  task_serializer: msgpack\n  task_compression: zstd\n"
    )
    assert project.problems() == []
    assert project.problems(environ={}) == [
        "configs/c.yaml:5:20: serializer msgpack needs a library that is not installed:"
        " pip install 'celery-config-bench[msgpack]'",
        "configs/c.yaml:6:21: compression zstd needs a library that is not installed:"
        " pip install 'celery-config-bench[zstd]'",
    ]


def test_names_that_kombu_does_not_know() -> None:
    settings = {"task_serializer": "own", "result_compression": "own"}
    messages = [message for _, message in content_installation(settings)]
    assert messages == [
        'kombu has no serializer "own"; known: json, msgpack, pickle, yaml',
        'kombu has no compression "own"; known: gzip, zlib, bzip2, bzip, lzma, xz, brotli, zstd,'
        " zstandard",
    ]
