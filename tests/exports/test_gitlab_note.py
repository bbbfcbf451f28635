"""examples/ci/gitlab_note.py against a server that answers as GitLab's notes API does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

SCRIPT = Path(__file__).parents[2] / "examples/ci/gitlab_note.py"
NOTES = "/api/v4/projects/5/merge_requests/7/notes"
MARK = "<!-- harness -->\n"
US, SOMEBODY = 1, 2
_PER_PAGE = 100


class GitLab(ThreadingHTTPServer):
    """Keeps notes in memory."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.notes: list[dict[str, Any]] = []

    def add(self, author: int, body: str) -> None:
        """A note that somebody wrote."""
        self.notes.append({"id": len(self.notes) + 1, "author": {"id": author}, "body": body})


class Handler(BaseHTTPRequestHandler):
    """The four calls that the script may make."""

    server: GitLab

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/api/v4/user":
            return self._answer({"id": US})
        assert url.path == NOTES
        query = {name: int(value) for name, [value] in parse_qs(url.query).items()}
        assert query["per_page"] == _PER_PAGE
        begin = (query["page"] - 1) * _PER_PAGE
        return self._answer(self.server.notes[begin : begin + _PER_PAGE])

    def do_POST(self) -> None:
        assert self.path == NOTES
        self.server.add(US, self._body())
        self._answer({})

    def do_PUT(self) -> None:
        place, _, number = self.path.rpartition("/")
        assert place == NOTES
        self.server.notes[int(number) - 1]["body"] = self._body()
        self._answer({})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Nothing on the terminal."""

    def _body(self) -> str:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return str(content["body"])

    def _answer(self, content: object) -> None:
        allowed = self.headers["PRIVATE-TOKEN"] == "right"
        text = json.dumps(content).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    with GitLab() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _post(
    gitlab: GitLab, folder: Path, text: str, *, allowed: bool = True
) -> subprocess.CompletedProcess[str]:
    note = folder / "note.md"
    note.write_text(text, encoding="utf-8")
    environ = {
        "CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_address[1]}/api/v4",
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "7",
        "HARNESS_NOTE_TOKEN": "right" if allowed else "wrong",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(note)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_there_is_one_note_and_it_is_kept_up_to_date(gitlab: GitLab, tmp_path: Path) -> None:
    for number in range(_PER_PAGE):
        gitlab.add(SOMEBODY, f"{MARK}a copy, {number}")
    for text in ("⚠️ first", "second"):
        ended = _post(gitlab, tmp_path, text)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert len(gitlab.notes) == _PER_PAGE + 1
        assert gitlab.notes[-1]["body"] == MARK + text
    assert all(note["body"].startswith(f"{MARK}a copy") for note in gitlab.notes[:-1])


def test_a_wrong_token(gitlab: GitLab, tmp_path: Path) -> None:
    ended = _post(gitlab, tmp_path, "text", allowed=False)
    assert ended.returncode == 1
    (message,) = ended.stderr.splitlines()
    assert message.startswith("GitLab refuses http://127.0.0.1:")
    assert message.endswith("/user: 401 Unauthorized")
    assert gitlab.notes == []
