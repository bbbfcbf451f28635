"""How Amazon's services are reached: one code path, an endpoint is all the difference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import ServiceError
from harness.services.aws.emulators import FAKE_KEY, ask_emulator
from harness.services.base import ServerInfo, Target
from harness.services.hosting.external import readable
from harness.services.hosting.local import shares_host
from harness.services.redaction import password_of, strip_credentials, strip_url
from harness.services.settings import expand


@dataclass(frozen=True)
class Access:
    """How a boto3 client is made: without endpoint and keys, as for any AWS program."""

    endpoint_url: str | None
    region: str
    key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, region: str) -> Access:
        """From `sqs://` (AWS), `http(s)://[key:secret@]host:port` or `sqs://[...]host:port`.

        `dynamodb://` and `s3://` are read like `sqs://`.
        """
        parts = urlsplit(url)
        endpoint = None
        if parts.hostname:
            scheme = "https" if parts.scheme == "https" else "http"
            endpoint = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        key = unquote(parts.username) if parts.username else None
        secret = unquote(parts.password) if parts.password else None
        return cls(endpoint, region, key, secret)

    def client(self, service: str) -> BaseClient:
        """A boto3 client of one of AWS' services, by its name there (`sqs`, `dynamodb`); its
        timeouts and retries are bounded."""
        session = boto3.Session(
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=self.region,
        )
        bounds = Config(
            connect_timeout=5,
            read_timeout=15,
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        return session.client(service, endpoint_url=self.endpoint_url, config=bounds)

    @property
    def login(self) -> str:
        """`key:secret@` as it stands in a URL, or nothing."""
        if self.key is None:
            return ""
        return f"{quote(self.key, safe='')}:{quote(self.secret or '', safe='')}@"

    @property
    def place(self) -> str:
        """Where requests go, for messages: an endpoint, or AWS with its region."""
        return self.endpoint_url or f"AWS region {self.region}"

    @property
    def amazon(self) -> bool:
        """Whether it is Amazon's own service, and no emulator."""
        host = urlsplit(self.endpoint_url or "").hostname or ".amazonaws.com"
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))

    @contextlib.contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Whatever the SDK raises becomes one sentence about `what`."""
        try:
            yield
        except (BotoCoreError, ClientError, ValueError) as error:
            raise ServiceError(
                f"cannot use {what} at {self.place}: {strip_credentials(str(error))}. Check "
                "endpoint and region, and the credentials: environment, ~/.aws or role, as for "
                "any AWS program"
            ) from error


def code_of(error: ClientError) -> str:
    """The code that Amazon's answer gives an error, e.g. `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def external_url(url: str | None, service: str, what: str, environ: Mapping[str, str]) -> str:
    """The URL of an external endpoint; without one, Amazon's own."""
    found = expand(url or f"{service}://", environ, where=f"the {service} URL")
    readable(found, f"a URL for {what}")
    if urlsplit(found).scheme not in {service, "http", "https"}:
        raise ServiceError(
            f"not a URL for {what}: {strip_url(found)}. It is {service}:// for Amazon's "
            "own, or the endpoint, http://host:port or https://host"
        )
    return found


def secrets_in(url: str) -> tuple[str, ...]:
    """What must not be shown of a URL. The key that emulators are told is no secret."""
    return () if urlsplit(url).password == FAKE_KEY else password_of(url)


def server_info(target: Target, access: Access, service: str, what: str, api: str) -> ServerInfo:
    """Who answers: Amazon, or an emulator by name."""
    if access.amazon:
        product, version = f"Amazon {what}", f"API {api}, {access.region}"
        same_host: bool | None = False
    else:
        ours = target.provider == "local"
        product, version = ask_emulator(access.endpoint_url or "", what, ours=ours)
        same_host = shares_host(target)
    amazons = f"{service}.{access.region}.amazonaws.com"
    return ServerInfo(
        service=service,
        product=product,
        version=version,
        provider=target.provider,
        emulator=not access.amazon,
        same_host=same_host,
        address=urlsplit(access.endpoint_url).netloc if access.endpoint_url else amazons,
        detail="" if access.amazon else f"an emulator's figures are not {what} figures",
    )
