"""What a configuration says of a server that it only names: its URL."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import ServiceError
from harness.services.redaction import strip_credentials
from harness.services.settings import expand


def given_url(url: str | None, environ: Mapping[str, str], service: str, example: str) -> str:
    """The URL of an external server, with its variables expanded. ServiceError without one."""
    if url is None:
        raise ServiceError(
            f"an external {service} needs its URL: say `url: {example}` in the configuration"
        )
    return expand(url, environ, where=f"the {service} URL")


def malformed(url: str, service: str, form: str) -> ServiceError:
    """Says which form the URL should have."""
    return ServiceError(f"not a {service} URL: {strip_credentials(url)}. It has the form {form}")
