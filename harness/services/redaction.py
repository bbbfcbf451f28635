"""Passwords stay out of every text that leaves the harness."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@'\"<>]+@")
_NAMES = "passw|pwd|secret|token|key|auth|credential|signature"
_QUERY = re.compile(
    rf"(?P<key>[?&;#][^=&\s'\"<>]*(?:{_NAMES})[^=&\s'\"<>]*=)[^&\s'\"<>]+",
    re.IGNORECASE,
)
_SECRET_KEY = re.compile(_NAMES, re.IGNORECASE)
_NO_SECRET = frozenset(
    {"global_keyprefix", "ssl_keyfile", "ssl_key", "sslkey", "auth_plugin", "auth_plugin_map"}
)
"""Parameters of URLs whose names look like a secret's: a prefix, paths of files, plugins."""
_MASK = "***"
_SHORTEST = 4
"""A shorter secret would mask half of any text; inside a URL it is masked all the same."""


def strip_credentials(text: str) -> str:
    """`text` with user and password of every URL in it replaced, and parameters that are named
    like passwords."""
    return _QUERY.sub(rf"\g<key>{_MASK}", _USERINFO.sub(rf"\g<scheme>{_MASK}@", text))


def strip_url(url: str) -> str:
    """What may be shown of a URL that perhaps is none: nothing before its last `@`, where a
    password may be that was not percent-encoded, and nothing of query and fragment."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" in scheme:
        scheme, separator, rest = "", "", url
    _, at, place = rest.rpartition("@")
    login = f"{_MASK}@" if at else ""
    return f"{scheme}{separator}{login}{re.split('[?#]', place)[0]}"


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets, however they are written in it, and without credentials in
    URLs."""
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):  # a secret may contain another
        if len(form) >= _SHORTEST:
            text = text.replace(form, _MASK)
    return strip_credentials(text)


def password_of(url: str) -> tuple[str, ...]:
    """The secrets in a URL, plain: its password, and parameters that are named like one."""
    parts = urlsplit(url)
    found = [unquote(parts.password)] if parts.password else []
    found += [
        value
        for key, value in [*parse_qsl(parts.query), *parse_qsl(parts.fragment)]
        if _SECRET_KEY.search(key) and key not in _NO_SECRET
    ]
    return tuple(dict.fromkeys(found))


def address_of(url: str, default_port: int | None = None) -> str:
    """`host:port` of a URL, for people."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    port = parts.port or default_port
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{port}" if port else name


def _forms(secret: str) -> Iterator[str]:
    """As it is, as a URL has it, and as logs print it: JSON and Python."""
    yield secret
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield repr(secret.encode())[2:-1]
