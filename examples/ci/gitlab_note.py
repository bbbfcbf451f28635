"""Keep one note on a merge request up to date: python gitlab_note.py NOTE.md

Runs in a GitLab job of a merge request, with nothing but the standard library. Takes the place
from GitLab's own variables, and from HARNESS_NOTE_TOKEN an access token of scope `api`.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "<!-- harness -->"
_TIMEOUT_S = 60


def main(path: str) -> None:
    """Renew our note, or write the first one."""
    body = f"{MARK}\n{Path(path).read_text(encoding='utf-8')}"
    project = f"projects/{os.environ['CI_PROJECT_ID']}"
    notes = f"{project}/merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}/notes"
    us = call("GET", "user")["id"]
    for note in every(notes):
        if note["author"]["id"] == us and note["body"].startswith(MARK):
            call("PUT", f"{notes}/{note['id']}", {"body": body})
            return
    call("POST", notes, {"body": body})


def every(resource: str) -> Iterator[Any]:
    """The entries of a list, page after page."""
    page = 1
    while entries := call("GET", f"{resource}?per_page=100&page={page}"):
        yield from entries
        page += 1


def call(method: str, resource: str, content: dict[str, str] | None = None) -> Any:
    """One request to GitLab's API, and its answer."""
    request = urllib.request.Request(  # noqa: S310 - the scheme is GitLab's own
        f"{os.environ['CI_API_V4_URL']}/{resource}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "PRIVATE-TOKEN": os.environ["HARNESS_NOTE_TOKEN"],
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - see above
        return json.load(answer)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except urllib.error.HTTPError as error:
        sys.exit(f"GitLab refuses {error.url}: {error.code} {error.reason}")
