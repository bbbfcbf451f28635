"""What a configuration says of a server that it only names: its URL."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from harness.errors import ServiceError
from harness.services.redaction import strip_url
from harness.services.settings import expand


def given_url(url: str | None, environ: Mapping[str, str], service: str, example: str) -> str:
    """The URL of an external server, with its variables expanded. ServiceError without one."""
    if url is None:
        raise ServiceError(
            f"an external {service} needs its URL: say `url: {example}` in the configuration"
        )
    return readable(expand(url, environ, where=f"the {service} URL"), f"a {service} URL")


def readable(url: str, what: str) -> str:
    """The URL. ServiceError if it cannot be taken apart, or would be at a place that was not meant:
    a raw `/`, `?` or `#` in a password ends the part of a URL that has user and host."""
    try:
        parts = urlsplit(url)
        torn = "@" in parts.path + parts.fragment
        broken = torn or (parts.port is not None and not parts.hostname)
    except ValueError:
        broken = True
    if broken:
        # Not the ValueError: it may quote a piece of the password.
        raise ServiceError(
            f"not {what}: {strip_url(url)}. Its port has to be a number up to 65535, and in user, "
            "password and path write / as %2F, ? as %3F, # as %23, @ as %40, [ as %5B"
        )
    return url


def malformed(url: str, service: str, form: str) -> ServiceError:
    """Says which form the URL should have."""
    return ServiceError(f"not a {service} URL: {strip_url(url)}. It has the form {form}")
