"""Passwords stay out of every text that leaves the harness."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@'\"<>]+@")
_MASK = "***"
_SHORTEST = 4
"""A shorter secret would mask half of any text; inside a URL it is masked all the same."""


def strip_credentials(text: str) -> str:
    """`text` with user and password of every URL in it replaced."""
    return _USERINFO.sub(rf"\g<scheme>{_MASK}@", text)


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets, plain or percent-encoded, and without credentials in URLs."""
    forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
    for form in sorted(forms, key=len, reverse=True):  # a secret may contain another
        if len(form) >= _SHORTEST:
            text = text.replace(form, _MASK)
    return strip_credentials(text)


def password_of(url: str) -> tuple[str, ...]:
    """The password in a URL as a tuple of none or one, plain."""
    password = urlsplit(url).password
    return (unquote(password),) if password else ()


def address_of(url: str, default_port: int | None = None) -> str:
    """`host:port` of a URL, for people."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    port = parts.port or default_port
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{port}" if port else name
