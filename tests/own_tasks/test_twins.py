"""Two of a user's own app at once: tried, and given up where they cannot be."""

from __future__ import annotations

import socket

from harness.errors import ExitCode
from tests.runner.running import Site, outcomes_of

APP = """\
import socket

from celery import Celery
from celery.signals import worker_init

app = Celery("shop", broker="redis://127.0.0.1:1/0")


@worker_init.connect
def serve_metrics(**_):  # a second one would go on without, and Celery would only log it
    global server
    server = socket.create_server(("127.0.0.1", {port}))


@app.task(name="nothing")
def nothing():
    return None
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_workers_that_listen_on_a_port_are_measured_one_after_the_other(site: Site) -> None:
    """Before anything of them is measured: one of the two would be without its port."""
    port = _free_port()
    (site.folder / "shop.py").write_text(APP.format(port=port), encoding="utf-8")
    site.configuration(worker={"pool": "solo", "concurrency": 1})
    site.scenario(
        workloads=[{"workload": {"app": "shop", "mix": [{"task": "nothing"}]}}],
        matrix={"settings.task_acks_late": [False, True]},
        compare={"kind": "change"},
        measure={"units": 8, "warmup": 0},
    )
    ended = site.run()
    assert ended.code == ExitCode.PASS, ended.stderr + ended.stdout
    design = ended.record.design
    assert design is not None
    [parted] = design.parted
    assert (design.twins, parted.block) == ((), 0)
    assert parted.reason == f"its workers listen on port {port}, which only one of two can have"
    assert "cannot be up at once" in ended.stderr
    assert [block.number for block in ended.record.blocks] == [0, 1]
    for block in ended.record.blocks:
        assert outcomes_of(block) == {"ok": 8}
        assert block.slices == 0
        assert "Address already in use" not in ended.workers_said(block)
