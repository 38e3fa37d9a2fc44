"""The fixtures, in users' own tests: each run here is pytest in a process of its own."""

from __future__ import annotations

import pytest
from testing.conftest import User
from testing.shops import ASYNC, SYNC

CONFTEST = """
import pytest
import shop


@pytest.fixture
def qtasks_target():
    shop.sent.clear()
    shop.tries.clear()
    return shop.app
"""

ASYNC_TESTS = """
import asyncio
import pytest
from qtasks.errors import TaskDead
from shop import app, broken, charge, fresh, mail, sent, tries


@pytest.mark.asyncio
async def test_drain_runs_what_is_ready(qtasks_drain):
    await mail.add_task("ann")
    await mail.add_task("bob")
    tasks = await qtasks_drain()
    assert [task.returning for task in tasks] == ["to ann", "to bob"]
    assert sent == ["ann", "bob"]
    assert await qtasks_drain() == []


@pytest.mark.asyncio
async def test_drain_leaves_what_is_due_later(qtasks_app, qtasks_drain, qtasks_clock):
    assert qtasks_app is app
    task = await mail.options(delay=3600).add_task("ann")
    assert await qtasks_drain() == []
    qtasks_clock.advance(3601)
    assert [one.id for one in await qtasks_drain()] == [task.id]


@pytest.mark.asyncio
async def test_drain_moves_the_clock_through_retries(qtasks_drain, qtasks_clock):
    begin = qtasks_clock.now()
    await charge.add_task(7)
    (task,) = await qtasks_drain(delayed=True)
    assert (task.status, task.attempts, task.returning) == ("success", 3, 7)
    assert qtasks_clock.now() - begin > 180


@pytest.mark.asyncio
async def test_drain_raises_what_a_body_raises(qtasks_drain):
    await broken.add_task(3)
    with pytest.raises(LookupError, match="no order 3"):
        await qtasks_drain()
    await broken.add_task(4)
    (task,) = await qtasks_drain(raise_errors=False)
    assert task.status == "error"


@pytest.mark.asyncio
async def test_drain_raises_all_failures(qtasks_drain):
    await broken.add_task(3)
    await broken.add_task(4)
    with pytest.raises(ExceptionGroup, match="2 tasks failed") as caught:
        await qtasks_drain()
    assert [error.args for error in caught.value.exceptions] == [("no order 3",), ("no order 4",)]


@pytest.mark.asyncio
async def test_clock_lets_tasks_expire(qtasks_drain, qtasks_clock):
    await fresh.add_task()
    qtasks_clock.advance(11)
    with pytest.raises(TaskDead, match="expired"):
        await qtasks_drain()


@pytest.mark.asyncio
async def test_worker_works_at_once(qtasks_worker, qtasks_clock):
    async with qtasks_worker:
        assert await (await mail.add_task("ann")).result(timeout=30) == "to ann"
        later = await mail.options(delay=86_400).add_task("bob")
        qtasks_clock.advance(86_401)
        assert await later.result(timeout=30) == "to bob"
        again = await charge.add_task(1)
        while len(tries) < 3:
            qtasks_clock.advance(300)
            await asyncio.sleep(0)
        assert await again.result(timeout=30) == 1


@pytest.mark.asyncio
async def test_enqueued(qtasks_drain, assert_enqueued, assert_not_enqueued):
    await mail.options(delay=60).add_task("ann", text="bye")
    await qtasks_drain(delayed=True)
    assert_enqueued(mail, "ann", text="bye", queue="default", delay=60)
    assert_not_enqueued(mail, "bob")
    assert_not_enqueued(charge)


@pytest.mark.asyncio
async def test_each_test_has_a_place_of_its_own(qtasks_app, assert_not_enqueued):
    assert (await qtasks_app.counts()).total == 0
    assert_not_enqueued(mail)
"""

SYNC_TESTS = """
import pytest
from qtasks.errors import TaskDead
from shop import app, broken, charge, fresh, mail, sent, tries


def test_drain(qtasks_app, qtasks_drain):
    assert qtasks_app is app
    mail.add_task("ann")
    (task,) = qtasks_drain()
    assert task.returning == "to ann" and task.refresh().status == "success"


def test_drain_moves_the_clock(qtasks_drain):
    charge.add_task(7)
    assert qtasks_drain() == []
    (task,) = qtasks_drain(delayed=True)
    assert (task.attempts, task.returning) == (3, 7)


def test_drain_raises(qtasks_drain):
    broken.add_task(3)
    with pytest.raises(LookupError, match="no order 3"):
        qtasks_drain()


def test_worker(qtasks_worker, qtasks_clock):
    with qtasks_worker:
        assert mail.add_task("ann").result(timeout=30) == "to ann"
        later = mail.options(delay=86_400).add_task("bob")
        qtasks_clock.advance(86_401)
        assert later.result(timeout=30) == "to bob"


def test_call_before_the_worker(qtasks_worker):
    task = mail.add_task("ann")
    with qtasks_worker:
        assert task.result(timeout=30) == "to ann"
    assert task.refresh().status == "success"


def test_enqueued(assert_enqueued, assert_not_enqueued):
    mail.add_task("ann")
    assert_enqueued("mail", to="ann", count=1)
    assert_not_enqueued(charge)
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_an_asynchronous_app_in_each_mode_of_pytest_asyncio(user: User, mode: str) -> None:
    """Every fixture works in async tests, and the file that the app was made for is not touched."""
    user.write(shop=ASYNC, conftest=CONFTEST, test_shop=ASYNC_TESTS)

    done = user.pytest("-o", f"asyncio_mode={mode}")

    assert done.outcomes == {"passed": 9}, done.text
    assert user.databases == []


def test_fixtures_share_the_loop_of_the_test(user: User) -> None:
    """Also where the loop is that of the module."""
    scoped = ASYNC_TESTS.replace("mark.asyncio", 'mark.asyncio(loop_scope="module")')
    user.write(shop=ASYNC, conftest=CONFTEST, test_shop=scoped)

    done = user.pytest()

    assert done.outcomes == {"passed": 9}, done.text


@pytest.mark.parametrize("extra", [(), ("-p", "no:asyncio")], ids=["with", "without"])
def test_a_blocking_app_with_and_without_pytest_asyncio(user: User, extra: tuple[str, ...]) -> None:
    """Plain tests need no plugin for async ones, and the file is not touched."""
    user.write(shop=SYNC, conftest=CONFTEST, test_shop=SYNC_TESTS)

    done = user.pytest(*extra)

    assert done.outcomes == {"passed": 6}, done.text
    assert user.databases == []


def test_without_a_target_there_is_an_empty_app(user: User) -> None:
    """Tasks can be registered in the test itself."""
    user.write(
        test_it="""
async def test_it(qtasks_app, qtasks_drain):
    @qtasks_app.task
    async def double(n: int) -> int:
        return 2 * n

    await double.add_task(4)
    (task,) = await qtasks_drain()
    assert task.returning == 8
"""
    )

    done = user.pytest("-o", "asyncio_mode=auto")

    assert done.outcomes == {"passed": 1}, done.text
    assert user.databases == []


def test_the_app_is_disconnected_at_the_end_of_each_test(user: User) -> None:
    """In the loop of the test, so that plugins are stopped where they were started."""
    user.write(
        test_it="""
import asyncio
import pytest
from qtasks.asyncio import QueueTasks
from qtasks.plugins import Plugin

life = []

class Noting(Plugin):
    async def start(self):
        life.append(asyncio.get_running_loop())

    async def stop(self):
        assert asyncio.get_running_loop() is life[-1]
        life.append("stop")

app = QueueTasks("shop", broker_url="sqlite:///shop.db", plugins=False)
app.add_plugin(Noting())

@pytest.fixture
def qtasks_target():
    return app

async def test_connected(qtasks_app):
    await qtasks_app.counts()

async def test_stopped():
    assert life[1:] == ["stop"]
"""
    )

    done = user.pytest("-o", "asyncio_mode=auto")

    assert done.outcomes == {"passed": 2}, done.text


def test_a_failure_shows_the_line_of_the_body(user: User) -> None:
    """The traceback is that of the exception itself, and ends in the user's task."""
    user.write(
        shop=SYNC,
        conftest=CONFTEST,
        test_it="""
from shop import broken

def test_it(qtasks_drain):
    broken.add_task(3)
    qtasks_drain()
""",
    )

    done = user.pytest()

    assert done.outcomes == {"failed": 1}
    assert "> " in done.text
    assert 'raise LookupError(f"no order {order}")  # the line of the body' in done.text
    assert "raised by the task broken (" in done.text
    assert "runner.py" not in done.text


def test_a_failed_assertion_lists_what_was_sent(user: User) -> None:
    """What was expected, how often it was there, and all that was there."""
    user.write(
        shop=SYNC,
        conftest=CONFTEST,
        test_it="""
from shop import charge, mail

def test_it(assert_enqueued):
    mail.add_task("ann", text="bye")
    charge.options(delay=60).add_task(3)
    assert_enqueued(mail, "bob", delay=5)

def test_nothing(assert_enqueued):
    assert_enqueued(mail)
""",
    )

    done = user.pytest()

    assert done.outcomes == {"failed": 2}
    assert "mail('bob') with a delay of 5 s was enqueued never, expected once." in done.text
    assert "mail('ann', text='bye')  queue 'default'" in done.text
    assert "charge(3)  queue 'slow', delay 60 s" in done.text
    assert "Nothing was enqueued in this test." in done.text
    assert "places.py" not in done.text


def test_a_worker_that_nobody_enters_is_told(user: User) -> None:
    """A test that waits for nothing would seem to be good."""
    user.write(shop=SYNC, conftest=CONFTEST, test_it="def test_it(qtasks_worker): pass\n")

    done = user.pytest()

    assert done.outcomes == {"passed": 1, "error": 1}
    assert "qtasks_worker was not entered" in done.text


FAILING = """
import pytest
from qtasks.errors import BackendMismatch
from qtasks.memory.consumer import MemoryConsumer

@pytest.fixture
def broken_fetch(monkeypatch):
    async def fetch(self, limit):
        raise BackendMismatch("the disk was taken out")

    monkeypatch.setattr(MemoryConsumer, "fetch", fetch)
"""


@pytest.mark.parametrize("face", ["async", "sync"])
def test_a_worker_that_fails_fails_the_test(user: User, face: str) -> None:
    """Whatever the test itself has seen of it."""
    is_async = face == "async"
    body = "async def test_it(qtasks_worker, broken_fetch):\n    async with qtasks_worker: pass\n"
    test = body if is_async else body.replace("async ", "")
    user.write(shop=ASYNC if is_async else SYNC, conftest=CONFTEST + FAILING, test_it=test)

    done = user.pytest("-o", "asyncio_mode=auto") if is_async else user.pytest()

    assert done.outcomes == {"failed": 1}, done.text
    assert "the disk was taken out" in done.text


def test_the_app_is_back_in_its_own_place_afterwards(user: User) -> None:
    """With its clock, its settings and its file, also after a test that has failed."""
    user.write(
        shop=SYNC,
        conftest=CONFTEST,
        test_it="""
from pathlib import Path
from qtasks.clock import SYSTEM_CLOCK
from shop import app, mail

def test_redirected(qtasks_app):
    app.config.max_tasks_process = 3
    mail.add_task("ann")
    assert not Path("shop.db").exists()
    raise ValueError("on purpose")

def test_own():
    assert app.config.max_tasks_process == 10
    assert app.engine.clock is SYSTEM_CLOCK
    assert app.counts().total == 0
    assert Path("shop.db").exists()
    app.disconnect()
""",
    )

    done = user.pytest()

    assert done.outcomes == {"failed": 1, "passed": 1}, done.text
    assert "on purpose" in done.text


def test_the_plugin_costs_nothing_where_it_is_not_used(user: User) -> None:
    """Its start loads no app, no worker and no backend at its start."""
    user.write(
        test_it="""
import sys

def test_it(request):
    assert request.config.pluginmanager.hasplugin("qtasks")
    heavy = {"qtasks.app", "qtasks.sync", "qtasks.worker", "qtasks.memory", "msgspec"}
    assert heavy & set(sys.modules) == set()
"""
    )

    done = user.pytest("-p", "no:asyncio")

    assert done.outcomes == {"passed": 1}, done.text


def test_the_fixtures_are_described(user: User) -> None:
    """`pytest --fixtures` tells what there is."""
    done = user.pytest("--fixtures", "-p", "no:asyncio")

    for name in ("target", "place", "app", "clock", "worker", "drain"):
        assert f"qtasks_{name} -- " in done.text
    assert "assert_enqueued -- " in done.text
    assert "no docstring available" not in done.text
