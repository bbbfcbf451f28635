"""Servers that are reached by TLS: whom to trust, and how Celery and its clients are told."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from harness.errors import ServiceError
from harness.scenario.vendors.base import TlsEndpoint
from harness.services.redaction import strip_url

_REQUIRED = "required"
HINT = "if its certificate is signed by an authority of your own, say `ca: FILE` beside `url:`"


def ca_of(endpoint: TlsEndpoint, url: str, scheme: str) -> str | None:
    """The endpoint's file of authorities, whole path. ServiceError if it is not there, holds no
    certificate, or goes with a URL without TLS."""
    if endpoint.ca is None:
        return None
    if urlsplit(url).scheme != scheme:
        raise ServiceError(
            f"`ca:` is for {scheme}:// only, and the URL is {strip_url(url)}: change one"
        )
    path = Path(endpoint.ca).expanduser().absolute()
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise ServiceError(
            f"cannot read certificates from {path} (`ca:`): {error.strerror or error}. It has to "
            "be a PEM file with the certificate of the authority"
        ) from error
    return str(path)


def redis_url(url: str, ca: str | None) -> str:
    """A `rediss://` URL with what redis-py, kombu and Celery's backend want to have in it. They
    verify the server's certificate unless the URL already says otherwise."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    query = {"ssl_cert_reqs": _REQUIRED, **dict(parse_qsl(parts.query))}
    if ca is not None:
        query["ssl_ca_certs"] = ca
    return parts._replace(query=urlencode(query)).geturl()


def amqp_options(url: str, ca: str | None) -> Mapping[str, Any] | None:
    """`broker_use_ssl` for an `amqps://` URL, plain values only; None for one without TLS.

    py-amqp checks the host's name only if it is told the name.
    """
    parts = urlsplit(url)
    if parts.scheme != "amqps":
        return None
    options: dict[str, Any] = {
        "cert_reqs": int(ssl.CERT_REQUIRED),
        "server_hostname": parts.hostname,
    }
    return options if ca is None else {**options, "ca_certs": ca}
