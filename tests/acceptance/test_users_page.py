"""The components as their users put them together, each example as they write it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from readme import Reader

APP = """
from qtasks import QueueTasks

app = QueueTasks()


@app.task(name="test")
def sample_task(id: int):
    return f"User {id} is known"
"""

PLUGIN = """
from qtasks import QueueTasks
from qtasks.plugins import BasePlugin

app = QueueTasks()


class TestPlugin(BasePlugin):
    def __init__(self, name=None):
        super().__init__(name)

        self.handlers = {"task_executor_args_replace": self.task_executor_args_replace}

    async def start(self, *args, **kwargs):
        return super().start(*args, **kwargs)

    async def stop(self, *args, **kwargs):
        return super().stop(*args, **kwargs)

    async def trigger(self, name, **kwargs):
        handler = self.handlers.get(name)
        if handler:
            return handler(**kwargs)
        return None

    def task_executor_args_replace(self, **kwargs):
        print(sorted(kwargs), kwargs["extra"], flush=True)
        return None


app.add_plugin(TestPlugin(), trigger_names=["task_executor_args_replace"], component="worker")


@app.task(test="test")
def sample_task(id: int):
    return f"User {id} is known"
"""

PARTS = """
import asyncio

from qtasks.asyncio import QueueTasks
from qtasks.brokers import AsyncSQLiteBroker
from qtasks.configs import AsyncSQLiteGlobalConfig
from qtasks.starters import AsyncStarter
from qtasks.storages import AsyncSQLiteStorage
from qtasks.workers import AsyncWorker

URL = "sqlite:///parts.db"
global_config = AsyncSQLiteGlobalConfig(name="QueueTasks", url=URL)
storage = AsyncSQLiteStorage(name="QueueTasks", global_config=global_config, url=URL)
broker = AsyncSQLiteBroker(name="QueueTasks", storage=storage, url=URL)
worker = AsyncWorker(name="QueueTasks", broker=broker)
app = QueueTasks(name="QueueTasks", broker=broker, worker=worker)

app.config.max_tasks_process = 10
app.config.running_older_tasks = True
app.config.delete_finished_tasks = True


@app.task(name="test")
async def sample_task(id: int):
    await asyncio.sleep(0)
    return f"User {id} is known"


if __name__ == "__main__":
    starter = AsyncStarter(name="QueueTasks", worker=worker, broker=broker)
    app.run_forever(starter=starter)
"""

ASK = """
from qtasks import QueueTasks

app = QueueTasks(broker_url={url!r})
print(app.add_task({name!r}, 7, timeout=30).returning)
"""


@pytest.fixture
def user(tmp_path: Path) -> Reader:
    """Somebody in an empty folder."""
    return Reader(tmp_path, Path(sys.executable).parent)


def ask(user: Reader, name: str, url: str = "sqlite:///qtasks.db") -> str:
    """Send a task by name from another process, and return what it returned."""
    (user.folder / "ask.py").write_text(ASK.format(url=url, name=name))
    return user.run("python", "ask.py").strip()


def test_an_app_in_one_line(user: Reader) -> None:
    """`QueueTasks()` with nothing given works on a file in the folder."""
    (user.folder / "main.py").write_text(APP)

    with user.working("qtasks", "-A", "main:app", "run"):
        assert ask(user, "test") == "User 7 is known"


def test_a_plugin_sees_the_extra_keywords_of_a_task(user: Reader) -> None:
    """Its handler is called by the worker, with what it needs to know of the task."""
    (user.folder / "main.py").write_text(PLUGIN)
    with (
        (user.folder / "seen").open("w") as seen,
        user.working("qtasks", "-A", "main:app", "run", output=seen),
    ):
        assert ask(user, "sample_task") == "User 7 is known"

    keywords, extra = (user.folder / "seen").read_text().strip().split("] ")
    assert extra == "{'test': 'test'}"
    for name in ("args", "args_info", "kw", "task_broker", "task_executor", "task_func"):
        assert repr(name) in keywords


def test_an_app_of_parts_made_by_hand(user: Reader) -> None:
    """Config, storage, broker, worker and starter, and settings made after them; the module is the worker."""
    (user.folder / "main.py").write_text(PARTS)

    with user.working("python", "main.py"):
        assert ask(user, "test", "sqlite:///parts.db") == "User 7 is known"


def test_a_class_of_a_package_that_is_not_installed_names_the_command() -> None:
    """`from qtasks.brokers import AsyncRedisBroker` tells what to install."""
    code = "from qtasks.brokers import AsyncRedisBroker"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 1
    assert (
        'ImportError: AsyncRedisBroker is in a package that is not installed: pip install "qtasks[redis]"'
        in (done.stderr)
    )
