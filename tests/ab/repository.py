"""A git repository of a test's own, with the same commits in every run.

Fixed names and dates give fixed commits, so that environments built from them are found again.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words],  # noqa: S607 - whichever git the machine has
        cwd=folder,
        env={**os.environ, **_IDENTITY},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_repository(folder: Path, *commits: Mapping[str, str]) -> list[str]:
    """One commit per mapping of path -> text; each replaces all files. Their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    hashes = []
    for number, files in enumerate(commits):
        git(folder, "rm", "-r", "--quiet", "--cached", "--ignore-unmatch", ".")
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            git(folder, "add", path)
        git(folder, "commit", "--quiet", "--allow-empty", "-m", f"commit {number}")
        hashes.append(git(folder, "rev-parse", "HEAD"))
    return hashes
