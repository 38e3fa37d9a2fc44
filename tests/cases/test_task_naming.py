"""Names and signatures that sender and worker do not share."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cases.apps import Place, ends, until, until_seen, working
from cli.command import Folder, wait_for
from processes.place import Place as ProcessPlace
from processes.place import Process

from qtasks.asyncio import QueueTasks
from qtasks.errors import ResultTimeout, TaskDead
from qtasks.models import Outcome
from qtasks.plugins import ExecuteAfter, ExecuteBefore, Plugin, hookimpl
from qtasks.worker import verdict


class Watching(Plugin):
    """Looks at every delivery and every outcome, as plugins for logs and metrics do."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.outcomes: list[tuple[Outcome, bool]] = []

    @hookimpl
    async def worker_execute_before(self, event: ExecuteBefore) -> None:
        """Note the name."""
        self.names.append(event.task_func.name)

    @hookimpl
    async def worker_execute_after(self, event: ExecuteAfter) -> None:
        """Note the outcome, and whether its task is known here."""
        self.outcomes.append((event.outcome, event.task_func is not None))


def _knowing(place: Place, ran: list[int]) -> QueueTasks:
    app = place.app()

    @app.task(name="news")
    async def news(number: int) -> int:
        ran.append(number)
        return number

    return app


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a worker does not know come back sooner than after a second."""
    monkeypatch.setattr(verdict, "UNKNOWN_FIRST", 0.02)
    monkeypatch.setattr(verdict, "UNKNOWN_CAP", 0.1)


@pytest.mark.usefixtures("soon")
async def test_a_worker_that_does_not_know_a_name_leaves_it_to_one_that_does(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of 40 tasks runs once on the newer worker, and the log has a few lines of each at most."""
    ran: list[int] = []
    knowing, ignorant, watching = _knowing(place, ran), place.app(), Watching()
    ignorant.add_plugin(watching)
    caplog.set_level("INFO")

    async with working(knowing, ignorant):
        tasks = [await knowing.add_task("news", number) for number in range(40)]
        done = await ends(tasks, 30)

    assert [task.value() for task in done] == list(range(40))
    assert sorted(ran) == list(range(40))
    assert watching.names == []
    assert watching.outcomes == []
    _check_log(caplog.text, [task.id for task in tasks])


def _check_log(text: str, ids: list[str]) -> None:
    """Check that no task has more lines than the turns that its growing delay permits in this time."""
    assert max(text.count(task_id) for task_id in ids) <= 25
    assert "Traceback" not in text


async def _older(processes: ProcessPlace) -> Process:
    command = [sys.executable, "-m", "qtasks", "-A", "cases.older:app", "run", "--url", processes.url]
    return await processes.works(processes.run([*command, "--lease", "1"]))


async def test_in_a_rolling_deploy_each_task_runs_on_a_worker_that_knows_it(processes: ProcessPlace) -> None:
    """An older and a newer process share the queue: 40 of 40 run, and the older one does not fill its log."""
    older = await _older(processes)
    newer = await processes.worker()
    tasks = [await processes.client.add_task("count", f"{number}") for number in range(40)]

    for number, task in enumerate(tasks):
        assert await task.result(30) == f"{number}"

    assert processes.runs() == {f"{number}": 1 for number in range(40)}
    assert {line.pid for line in processes.lines()} == {newer.pid}
    _check_log(older.log, [task.id for task in tasks])
    assert older.process.poll() is None


async def test_what_only_an_absent_worker_knows_waits_for_it(processes: ProcessPlace) -> None:
    """Five tasks that an older worker has refused again and again run once the newer one is back."""
    await _older(processes)
    tasks = [await processes.client.add_task("count", f"{number}") for number in range(5)]

    async def refused() -> bool:
        records = [await processes.record(task) for task in tasks]
        return all([event.end for event in record.history].count("unknown") >= 2 for record in records)

    await until_seen(refused)
    await processes.worker()

    assert [await task.result(30) for task in tasks] == [f"{number}" for number in range(5)]
    assert set(processes.runs().values()) == {1}


@pytest.mark.usefixtures("soon")
async def test_who_comes_later_runs_what_others_have_refused(place: Place) -> None:
    """While nobody knows the name the five tasks wait; they run once each when a worker comes that does."""
    ran: list[int] = []
    knowing, ignorant = _knowing(place, ran), place.app()
    async with working(ignorant):
        tasks = [await knowing.add_task("news", number) for number in range(5)]

        async def refused() -> bool:
            histories = [(await task.refresh()).record.history for task in tasks]
            return all([event.end for event in history].count("unknown") >= 2 for history in histories)

        await until_seen(refused)
        async with working(knowing):
            assert [task.value() for task in await ends(tasks)] == list(range(5))

    assert sorted(ran) == list(range(5))


@pytest.mark.usefixtures("soon")
async def test_a_task_that_was_given_up_for_its_name_can_be_replayed(place: Place) -> None:
    """It is dead with its arguments; plugins are told; after `requeue` the newer worker runs it."""
    ran: list[int] = []
    knowing, watching = _knowing(place, ran), Watching()
    ignorant = place.app(max_deliveries=1, unknown_grace=0.0)
    ignorant.add_plugin(watching)
    async with working(ignorant):
        tasks = [await knowing.add_task("news", number) for number in range(5)]
        done = await ends(tasks)
        await until(lambda: len(watching.outcomes) == 5)

    assert {(task.status, task.attempts) for task in done} == {("dead", 0)}
    assert [task.args for task in done] == [[number] for number in range(5)]
    assert all("'news'" in (task.reason or "") for task in done)
    assert {known for _, known in watching.outcomes} == {False}
    assert [await knowing.requeue(task.id) for task in tasks] == [True] * 5
    async with working(knowing):
        assert [task.value() for task in await ends(tasks)] == list(range(5))


@pytest.mark.usefixtures("soon")
async def test_who_waits_for_a_name_that_nobody_knows_is_told(place: Place) -> None:
    """Once the task is given up each of its waiters has the reason; a shorter wait ends with its own time."""
    app = place.app(max_deliveries=2, unknown_grace=0.5)
    async with working(app):
        task = await app.add_task("no.such.task")
        with pytest.raises(ResultTimeout):
            await task.result(timeout=0.05)
        waits = [asyncio.create_task(task.result(timeout=30)) for _ in range(3)]
        async with asyncio.timeout(30):
            told = await asyncio.gather(*waits, return_exceptions=True)

    assert [type(one) for one in told] == [TaskDead] * 3
    assert all("no worker knew the task 'no.such.task'" in str(one) for one in told)


DEMO = """
import sys
from qtasks import QueueTasks

app = QueueTasks("demo", broker_url={url!r}, plugins=False)

@app.task
def add(a: int, b: int) -> int:
    return a + b

if __name__ == "__main__":
    print(add.add_task(1, 2).result(timeout=30))
"""


def _starts(root: Path) -> dict[str, tuple[list[str], Path]]:
    away = root / "away"
    away.mkdir()
    (root / "link.py").symlink_to("demo.py")
    return {
        "python demo.py": (["demo.py"], root),
        "python ./demo.py": (["./demo.py"], root),
        "an absolute path": ([str(root / "demo.py")], root),
        "python -m demo": (["-m", "demo"], root),
        "python -m pkg.demo": (["-m", "pkg.demo"], root),
        "another working directory": (["../demo.py"], away),
        "a symbolic link": (["link.py"], root),
    }


def test_a_task_has_the_same_name_however_its_program_is_started(folder: Folder) -> None:
    """A worker that was started as `demo:app` runs what each form of starting the script has sent."""
    root = folder.path
    source = DEMO.format(url=f"sqlite:///{root / 'tasks.db'}")
    folder.write("demo.py", source)
    folder.write("pkg/__init__.py", "")
    folder.write("pkg/demo.py", source)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QTASKS_")}

    with folder.running("-A", "demo:app", "run") as worker:
        wait_for(worker, " works on ")
        producers = {
            name: subprocess.Popen(
                [sys.executable, *arguments],
                cwd=cwd,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name, (arguments, cwd) in _starts(root).items()
        }
        printed = {name: one.communicate(timeout=30)[0] for name, one in producers.items()}
        worker.terminate()
        assert worker.wait(30) == 0

    assert printed == dict.fromkeys(printed, "3\n")


@pytest.mark.parametrize("args", [(1, 2), (1,)], ids=["one parameter more", "one that has become required"])
async def test_a_changed_signature_is_told_at_once(place: Place, args: tuple[int, ...]) -> None:
    """What was sent to `t(a, b=0)` ends at once, names the parameter of `t(a, b, c)`, keeps its arguments."""
    sender, receiver = place.app(), place.app()
    ran: list[object] = []

    @sender.task(name="t")
    async def before(a: int, b: int = 0) -> None: ...

    @receiver.task(name="t", retry=3, backoff=0.01)
    async def after(a: int, b: int, c: int) -> None:
        ran.append((a, b, c))

    task = await before.add_task(*args)
    async with working(receiver):
        done = await task.wait(timeout=30)

    assert (done.status, done.args, ran) == ("error", list(args), [])
    assert done.failure is not None
    assert done.failure.type == "qtasks.errors.TaskArgumentError"
    assert f"'{'c' if len(args) == 2 else 'b'}'" in done.failure.message
    assert done.attempts == 1, "a call that can never fit is not tried again"


async def test_no_value_lands_in_another_parameter(place: Place) -> None:
    """`t(a, *, b)` refuses what was sent as `t(1, 2)`, and its arguments can be sent anew."""
    sender, receiver = place.app(), place.app()
    ran: list[object] = []

    @sender.task(name="t")
    async def before(a: int, b: int) -> None: ...

    @receiver.task(name="t", retry=3, backoff=0.01)
    async def after(a: int, *, b: int) -> None:
        ran.append((a, b))

    task = await before.add_task(1, 2)
    async with working(receiver):
        done = await task.wait(timeout=30)
        assert (done.status, ran) == ("error", [])
        assert "positional argument" in (done.error or "")
        await after.add_task(done.args[0], b=done.args[1], timeout=30)

    assert ran == [(1, 2)]
    assert done.attempts == 1, "a call that can never fit is not tried again"


async def test_a_value_of_a_wrong_type_is_not_tried_again(place: Place) -> None:
    """What was sent as text to a parameter that takes a number now ends at once and names it."""
    sender, receiver = place.app(), place.app()

    @sender.task(name="t")
    async def before(a: str) -> None: ...

    @receiver.task(name="t", retry=3, backoff=0.01)
    async def after(a: int) -> None: ...

    async with working(receiver):
        done = await (await before.add_task("many")).wait(timeout=30)

    assert done.status == "error"
    assert "'a'" in (done.error or "")
    assert done.attempts == 1, "a value that can never fit is not tried again"


async def test_an_unknown_name_does_not_hold_up_the_line(place: Place) -> None:
    """With one slot, what nobody knows waits aside while known tasks run one after the other."""
    app = place.app(max_tasks_process=1)

    @app.task
    async def known(number: int) -> int:
        return number

    for number in range(10):
        await app.add_task("no.such.task", number)
    async with working(app):
        tasks = [await known.add_task(number) for number in range(10)]
        assert [task.value() for task in await ends(tasks)] == list(range(10))
        assert app.config.unknown_grace > 300, "so long each of the others would hold the slot"
