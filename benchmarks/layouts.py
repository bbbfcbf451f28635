"""Twelve layouts of Celery projects, each measured as its maintainer would: the wheel in an
environment of its own, `harness init --call` in the project's folder, `harness check`, and a run
of what it wrote on Redis, and on RabbitMQ where it is installed.

    python benchmarks/layouts.py [NAME ...]

Environments are built once in LAYOUTS (a folder, default ~/.cache/harness-layouts), from a package
index or what pip is configured with (PIP_FIND_LINKS). Ends with 1 if one of them did not pass.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOW = ("celery[redis]", "pydantic", "django", "django-celery-results", "django-celery-beat")
WEB = ("celery[redis]", "flask", "fastapi", "pydantic")
OLD = ("celery==5.3.6", "kombu==5.3.5", "redis==4.6.0", "packaging")
ADD = "@app.task\ndef add(x: int, y: int):\n    return x + y\n"
APP = "from celery import Celery\napp = Celery('proj', broker='redis://127.0.0.1:1', {more})\n"


@dataclass(frozen=True)
class Layout:
    """A project: its files, what its environment has, and the tasks that have to be found."""

    files: Mapping[str, str]
    tasks: Sequence[str]
    needs: Sequence[str] = WEB
    init: Sequence[str] = ()
    """Further words of `harness init`."""


def app(more: str = "") -> str:
    """A module with an app in it."""
    return APP.format(more=more)


DJANGO = """\
SECRET_KEY = "x"
INSTALLED_APPS = ["django_celery_results", "django_celery_beat", "orders"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
CELERY_RESULT_BACKEND = "django-db"
CELERY_BROKER_URL = "amqp://127.0.0.1:1"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
"""
LAYOUTS: Mapping[str, Layout] = {
    "flat": Layout({"tasks.py": app() + ADD}, ["tasks.add"]),
    "package": Layout(
        {
            "proj/__init__.py": "",
            "proj/celery.py": app("include=['proj.tasks']"),
            "proj/tasks.py": f"from .celery import app\n{ADD}",
        },
        ["proj.tasks.add"],
    ),
    "src": Layout(
        {
            "pyproject.toml": "[project]\nname = 'proj'\nversion = '1'\n",
            "src/proj/__init__.py": "",
            "src/proj/worker.py": app() + ADD,
        },
        ["proj.worker.add"],
    ),
    "django": Layout(
        {
            "manage.py": "import os\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n",
            "site1/__init__.py": "from .celery import app as celery_app\n",
            "site1/settings.py": DJANGO,
            "site1/celery.py": "import os\nfrom celery import Celery\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n"
            "app = Celery('site1')\n"
            "app.config_from_object('django.conf:settings', namespace='CELERY')\n"
            "app.autodiscover_tasks()\n",
            "orders/__init__.py": "",
            "orders/tasks.py": "from celery import shared_task\n"
            "@shared_task\ndef ship(order_id: int, express: bool):\n    return order_id\n",
        },
        ["orders.tasks.ship"],
        NOW,
    ),
    "flask": Layout(
        {
            "shop/__init__.py": "from celery import Celery, Task\nfrom flask import Flask\n"
            "def create_app():\n"
            "    app = Flask(__name__)\n"
            "    class InContext(Task):\n"
            "        def __call__(self, *args, **kwargs):\n"
            "            with app.app_context():\n"
            "                return self.run(*args, **kwargs)\n"
            "    celery = Celery(app.name, task_cls=InContext, include=['shop.tasks'])\n"
            "    celery.set_default()\n"
            "    app.extensions['celery'] = celery\n"
            "    return app\n",
            "shop/tasks.py": "from celery import shared_task\nfrom flask import current_app\n"
            "@shared_task\ndef name(count: int) -> str:\n    return current_app.name * count\n",
            "make_celery.py": "from shop import create_app\nflask_app = create_app()\n"
            "celery_app = flask_app.extensions['celery']\n",
        },
        ["shop.tasks.name"],
    ),
    "fastapi": Layout(
        {
            "app/__init__.py": "",
            "app/main.py": "from fastapi import FastAPI\nfrom app.worker import add\n"
            "app = FastAPI()\n@app.get('/')\ndef root():\n    return add.delay(1, 2).id\n",
            "app/worker.py": "from celery import Celery\ncelery = Celery(__name__)\n"
            "@celery.task(name='create')\ndef add(x: int, y: int):\n    return x + y\n",
        },
        ["create"],
    ),
    "harness": Layout(
        {"harness/__init__.py": "", "harness/celery.py": app() + ADD}, ["harness.celery.add"]
    ),
    "old-celery": Layout({"proj.py": app() + ADD}, ["proj.add"], OLD),
    "serializer": Layout(
        {
            "proj.py": "import json\nfrom kombu.serialization import register\n"
            "register('mine', lambda o: json.dumps(o)[::-1], lambda s: json.loads(s[::-1]),"
            " 'application/x-mine', 'utf-8')\n"
            + app("task_serializer='mine', result_serializer='mine', accept_content=['mine']")
            + ADD
        },
        ["proj.add"],
    ),
    "pickle": Layout(
        {
            "proj.py": app(
                "task_serializer='pickle', result_serializer='pickle', accept_content=['pickle']"
            )
            + ADD
        },
        ["proj.add"],
    ),
    "pydantic": Layout(
        {
            "proj.py": app() + "from pydantic import BaseModel, Field\n"
            "class Item(BaseModel):\n    count: int = Field(ge=2, lt=5)\n"
            "class Order(BaseModel):\n    items: list[Item]\n    mail: str | None\n"
            "@app.task(pydantic=True)\n"
            "def order(order: Order) -> int:\n    return sum(i.count for i in order.items)\n"
        },
        ["proj.order"],
    ),
    "replace": Layout(
        {
            "proj.py": app() + ADD + "@app.task(bind=True)\n"
            "def instead(self, x: int):\n    raise self.replace(add.s(x, 1))\n"
        },
        ["proj.add", "proj.instead"],
    ),
}


def main(names: Sequence[str]) -> int:
    """Each of them, or those that are named; how long each took."""
    home = Path(os.environ.get("LAYOUTS") or Path.home() / ".cache/harness-layouts")
    home.mkdir(parents=True, exist_ok=True)
    harness = installed(home)
    brokers = ["redis", *(["rabbitmq"] if shutil.which("rabbitmq-server") else [])]
    failed = []
    for name in names or LAYOUTS:
        began = time.monotonic()
        trouble = measured(LAYOUTS[name], harness, environment(home, LAYOUTS[name].needs), brokers)
        print(f"{name}: {trouble or 'passed'} ({time.monotonic() - began:.0f} s)", flush=True)
        failed += [name] if trouble else []
    return 1 if failed else 0


def measured(layout: Layout, harness: Path, python: Path, brokers: Sequence[str]) -> str:
    """What went wrong; nothing where all passed."""
    with tempfile.TemporaryDirectory(prefix="layout-") as place:
        folder = Path(place)
        for path, text in layout.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        steps = [
            ["init", "--python", str(python), "--call", *layout.init],
            ["check", "benchmarks"],
            *(["run", "tasks-smoke", "--no-files", "--config", one] for one in brokers),
        ]
        for words in steps:
            done = run([str(harness), *words], cwd=folder)
            if done.returncode:
                return f"harness {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
            if words[0] == "init" and (
                lacking := [t for t in layout.tasks if t not in done.stdout]
            ):
                return f"not found: {', '.join(lacking)}\n{done.stdout}"
            if words[0] == "init" and "left out" in done.stdout:
                return done.stdout
    return ""


def installed(home: Path) -> Path:
    """The wheel of this checkout, in an environment of its own."""
    wheels = home / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    done = run([sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(wheels), str(ROOT)])
    assert done.returncode == 0, done.stderr
    python = environment(home, ["celery-config-bench-itself"], install=False)
    (wheel,) = wheels.glob("*.whl")
    done = run([str(python), "-m", "pip", "install", "--quiet", "--force-reinstall", str(wheel)])
    assert done.returncode == 0, done.stderr
    return python.parent / "harness"


def environment(home: Path, needs: Sequence[str], *, install: bool = True) -> Path:
    """The Python of an environment with what a project needs, built once."""
    folder = home / "+".join(needs).replace("/", "-")
    python, complete = folder / "bin/python", folder / ".complete"
    if not complete.exists():
        run([sys.executable, "-m", "venv", "--clear", str(folder)])
        done = run(
            [str(python), "-m", "pip", "install", "--quiet", *(needs if install else ["pip"])]
        )
        assert done.returncode == 0, done.stderr
        complete.touch()
    return python


def run(words: Sequence[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command to its end, in a shell of nobody's."""
    environ = {name: v for name, v in os.environ.items() if not name.startswith(("PYTHON", "VIRT"))}
    environ["C_FORCE_ROOT"] = "1"  # as root Celery's worker takes no pickle otherwise
    return subprocess.run(
        words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=600
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
