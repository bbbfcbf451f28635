"""Projects as people have them, written into a folder: path -> text."""

from __future__ import annotations

from pathlib import Path

Files = dict[str, str]

APP = 'from celery import Celery\napp = Celery("shop", broker="amqp://127.0.0.1:1")\n'
ADD = "@app.task\ndef add(x: int, y: int):\n    return x + y\n"
FLAT: Files = {"tasks.py": APP + ADD}
PACKAGE: Files = {
    "proj/__init__.py": "",
    "proj/celery.py": APP + "app.conf.include = ['proj.tasks']\n",
    "proj/tasks.py": "from proj.celery import app\n" + ADD,
}
SRC: Files = {"pyproject.toml": "[project]\nname = 'proj'\n"} | {
    f"src/{name}": text for name, text in PACKAGE.items()
}
FLASK: Files = {
    "task_app/__init__.py": (
        "from celery import Celery, Task\n"
        "class Flask:\n"
        "    def __init__(self):\n"
        "        self.extensions = {}\n"
        "def create_app():\n"
        "    app = Flask()\n"
        "    celery_init_app(app)\n"
        "    return app\n"
        "def celery_init_app(app):\n"
        "    class FlaskTask(Task):\n"
        "        def __call__(self, *args, **kwargs):\n"
        "            return self.run(*args, **kwargs)\n"
        "    celery_app = Celery('task_app', task_cls=FlaskTask, include=['task_app.tasks'])\n"
        "    app.extensions['celery'] = celery_app\n"
        "    return celery_app\n"
    ),
    "task_app/tasks.py": (
        "from celery import shared_task\n"
        "@shared_task(ignore_result=False)\n"
        "def add(x: int, y: int) -> int:\n"
        "    return x + y\n"
    ),
    "make_celery.py": (
        "from task_app import create_app\n"
        "flask_app = create_app()\n"
        'celery_app = flask_app.extensions["celery"]\n'
    ),
}
"""As in Flask's documentation; its own class stands in, as Celery never asks for it."""
DJANGO: Files = {
    "manage.py": (
        "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"
    ),
    "mysite/__init__.py": "from .celery import app as celery_app\n__all__ = ('celery_app',)\n",
    "mysite/settings.py": "CELERY_TASK_TIME_LIMIT = 30\n",
    "mysite/celery.py": (
        "import os\n"
        "from celery import Celery\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"
        "app = Celery('mysite')\n"
        "app.config_from_object('mysite.settings', namespace='CELERY')\n"
        "app.autodiscover_tasks(['orders'])\n"
    ),
    "orders/__init__.py": "",
    "orders/tasks.py": (
        "from celery import shared_task\n"
        "@shared_task(bind=True)\n"
        "def ship(self, order_id: int, *, express: bool):\n"
        "    return order_id\n"
    ),
}
"""Django's own layout, without Django: Celery warns, and goes on."""
NAMED_HARNESS: Files = {
    "harness/__init__.py": "",
    "harness/work.py": APP + ADD,
}
NAMED_APP: Files = {"app/__init__.py": "", "app/celery.py": APP + ADD}
NAMESPACE: Files = {"worker/celery.py": APP + ADD}
"""A folder without `__init__.py`."""


def written(folder: Path, files: Files) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
