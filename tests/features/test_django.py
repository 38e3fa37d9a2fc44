"""Tasks of Django apps are found, in a process of their own: Django is set up once for each process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import django
from django.conf import settings
from qtasks import QueueTasks
from qtasks.contrib.django import autodiscover_tasks
from qtasks.errors import UsageError

app = QueueTasks("shop", "memory://", plugins=False)
settings.configure(INSTALLED_APPS=["with_tasks", "without"])
try:
    autodiscover_tasks(app)
except UsageError as exc:
    print("early:", "django.setup()" in str(exc))
django.setup()
print(autodiscover_tasks(app), sorted(app.tasks))
"""


def test_the_tasks_of_each_django_app_are_registered(tmp_path: Path) -> None:
    """An app without the module is left out; before Django is set up the error says what to call."""
    for name in ("with_tasks", "without"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("", encoding="utf-8")
    tasks = "from qtasks import shared_task\n@shared_task\ndef ship(order: int) -> None: ...\n"
    (tmp_path / "with_tasks" / "tasks.py").write_text(tasks, encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )

    assert run.stdout.splitlines() == ["early: True", "['with_tasks.tasks'] ['ship']"]
