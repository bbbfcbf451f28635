"""A `docker` for machines without an engine: `compose up` starts a real valkey, `down` ends it.

`config` goes to the real Compose. State is kept in $STAND_IN, one file for each project.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from harness.services.redis.server import embedded_binary


def main() -> int:
    """`docker compose -p PROJECT -f FILE COMMAND ...`."""
    _, _, project, _, file, command, *words = sys.argv[1:]
    state = Path(os.environ["STAND_IN"]) / project
    with (state.parent / "calls").open("a") as calls:
        calls.write(" ".join([project, command, *words]) + "\n")
    if command == "config":
        compose = shutil.which("docker-compose", path=str(Path(sys.executable).parent))
        assert compose is not None
        return subprocess.run(
            [compose, "-p", project, "-f", file, command, *words], check=False
        ).returncode
    if os.environ.get("STAND_IN_FAILS"):
        sys.stderr.write("Cannot connect to the Docker daemon\n")
        return 1
    if command == "down":
        os.kill(int(state.read_text()), signal.SIGKILL)
        state.unlink()
        return 0
    state.write_text(str(start(int(os.environ["HARNESS_REDIS_PORT"]))))
    return 0


def start(port: int) -> int:
    """Like a container: not a child of the harness, and without its environment."""
    server = subprocess.Popen(
        [str(embedded_binary()), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={},
    )
    assert server.stdin is not None
    password = os.environ["HARNESS_REDIS_PASSWORD"]
    server.stdin.write(f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ''\n".encode())
    server.stdin.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            break
    return server.pid


if __name__ == "__main__":
    sys.exit(main())
