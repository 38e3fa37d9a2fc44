"""Every way to end that the documentation names: status, record, line of the log, and the slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from core import process_tasks
from core.conftest import Working
from features import ending
from features.conftest import begun
from features.ending import MARK, SHOWN, WAYS, BrokenOnce, BrokenRetry, Trial, lose, register, shows, way

from qtasks.asyncio import QueueTasks
from qtasks.ids import new_id
from qtasks.models import Message

KINDS = pytest.mark.parametrize("kind", ["loop", "thread", "process"])


@pytest.fixture
def trial(app: QueueTasks, caplog: pytest.LogCaptureFixture) -> Trial:
    """The app with one slot, and all that it logs."""
    return Trial(app, caplog)


def test_each_row_of_the_document_is_shown() -> None:
    """Every row of the table is named by a test of this file, and no test names another one."""
    assert len(WAYS) >= 17
    assert {what for what in WAYS if what not in SHOWN} == set()
    assert {test for tests in SHOWN.values() for test in tests} <= globals().keys()


@KINDS
@shows("the body returns")
async def test_it_returns(trial: Trial, kind: str) -> None:
    """The record has the result."""
    task = register(trial.app, kind, ending.give_back)

    done = await trial.end(task.bind(MARK))

    await trial.check(done, way("the body returns"))
    assert (done.returning, done.attempts, done.reason, done.error) == (MARK, 1, None, None)


@KINDS
@shows("it raises, and no run is left")
async def test_it_raises(trial: Trial, kind: str) -> None:
    """Whatever it is, the record has its type and traceback in words, and the worker goes on."""
    task = register(trial.app, kind, ending.fail)
    types: dict[str, str] = {}

    for number, how in enumerate(ending.RAISED, 1):
        done = await trial.end(task.bind(how, MARK))
        await trial.check(done, way("it raises, and no run is left"), records=number)
        assert (done.attempts, done.returning, done.reason) == (1, None, None), how
        assert done.failure is not None
        assert "in fail" in done.failure.traceback or "not readable" in done.failure.traceback, how
        assert len(done.failure.message) < 11_000
        types[how] = done.failure.type.rpartition(".")[2]

    on_the_loop = {"StopIteration": "RuntimeError"} if kind == "loop" else {}
    assert types == {how: on_the_loop.get(how, how.strip()) for how in ending.RAISED}


@KINDS
@shows("it raises, and no run is left")
async def test_it_raises_what_nobody_can_walk_through(trial: Trial, kind: str) -> None:
    """A group of exceptions that is deeper than Python recurses is the outcome like any other."""
    task = register(trial.app, kind, ending.fail_deeply)

    done = await trial.end(task.bind(MARK))

    await trial.check(done, way("it raises, and no run is left"))
    assert done.failure is not None
    assert (done.failure.type, done.attempts) == ("ExceptionGroup", 1)


@KINDS
@shows("it raises, and is tried again")
async def test_it_is_tried_again(trial: Trial, kind: str, working: Working, tmp_path: Path) -> None:
    """While it waits its slot is free and its record has the error of the run; then it succeeds."""
    row = way("it raises, and is tried again")
    task = register(trial.app, kind, ending.fail_once, retry=1, backoff=1)

    async with working(trial.app):
        sent = await task.add_task(str(tmp_path / "failed"), MARK)
        await sent.wait(30, until={sent.status.RETRY})
        await trial.after.add_task(timeout=30)
        waiting = await sent.refresh()
        await trial.check(waiting, row)
        assert (waiting.is_final, waiting.attempts, waiting.reason) == (False, 1, None)
        assert (waiting.error or "").startswith("OSError: ")
        done = await trial.ended(sent)

    await trial.check(done, way("the body returns"), "INFO")
    assert (done.attempts, done.returning, done.losses) == (2, MARK, 0)
    assert [event.end for event in done.record.history] == ["retry"]


@KINDS
@shows("it runs longer than `max_time`")
async def test_it_takes_too_long(trial: Trial, kind: str) -> None:
    """TimeoutError, after another run where its rules say so."""
    body: Callable[..., Any] = ending.sleep if kind == "loop" else ending.spin
    task = trial.app.task(name="slow", executor=kind, max_time=0.2, retry=1, backoff=0.01)(body)

    done = await trial.end(task.bind(MARK))

    await trial.check(done, way("it runs longer than `max_time`"), "INFO")
    assert (done.attempts, done.reason) == (2, None)
    assert (done.error or "").startswith("TimeoutError: ")


@KINDS
@shows("it calls `ctx.cancel`, or somebody calls `app.cancel`")
async def test_it_is_cancelled(trial: Trial, kind: str, working: Working) -> None:
    """By itself or from outside; the record has the reason, and no retry rule counts."""
    row = way("it calls `ctx.cancel`, or somebody calls `app.cancel`")
    body: Callable[..., Any] = ending.sleep if kind == "loop" else ending.spin
    give_up = process_tasks.give_up.__wrapped__  # the app of that module gives it its ctx in a process
    itself = trial.app.task(name="give_up", executor=kind, echo=True, retry=3)(give_up)
    outside = trial.app.task(name="outside", executor=kind, retry=3)(body)

    async with working(trial.app):
        first = await trial.ended(await itself.add_task("nothing to do"))
        sent = await outside.add_task(MARK)
        await begun(sent)
        await sent.cancel("enough")
        second = await trial.ended(sent)

    await trial.check(first, row, records=2)
    await trial.check(second, row, records=2)
    assert [first.reason, second.reason] == ["nothing to do", "enough"]
    assert {(done.attempts, done.error, done.returning) for done in (first, second)} == {(1, None, None)}


@shows("its queue is purged")
async def test_its_queue_is_purged(trial: Trial, working: Working) -> None:
    """No worker had it, so none says anything; the next one goes past it."""
    task = register(trial.app, "loop", ending.give_back)
    sent = await task.add_task(MARK)
    assert await trial.app.queues.purge("default") == 1

    async with working(trial.app):
        done = await trial.ended(sent)

    await trial.check(done, way("its queue is purged"))
    assert (done.attempts, done.token.delivery, done.reason) == (0, 0, "purged from default")


@KINDS
@pytest.mark.parametrize("body", [ending.unstorable, ending.large])
@shows("its result cannot be stored, or is too large")
async def test_its_result_cannot_be_stored(trial: Trial, kind: str, body: Callable[..., Any]) -> None:
    """EncodeError; it names the type, or how large it is."""
    trial.app.config.max_result_size = 2000
    task = register(trial.app, kind, body)

    done = await trial.end(task.bind(MARK))

    await trial.check(done, way("its result cannot be stored"))
    assert done.failure is not None
    assert done.failure.type == "qtasks.errors.EncodeError"
    assert ("lock" if body is ending.unstorable else "2000") in done.failure.message
    assert MARK not in done.failure.message
    assert (done.returning, done.attempts, done.reason) == (None, 1, None)


@pytest.mark.parametrize("kind", ["loop", "thread"])
@shows("its arguments do not fit the function any more, or are of a wrong type")
async def test_its_arguments_do_not_fit(trial: Trial, kind: str, working: Working) -> None:
    """The error names the argument, and it is not tried again: it would never fit."""
    sent = {
        "number": await trial.app.add_task("double", MARK),
        "more": await trial.app.add_task("double", 1, more=MARK),
    }

    def double(number: int) -> int:
        return 2 * number

    register(trial.app, kind, double, retry=3, backoff=0.01)
    async with working(trial.app):
        ended = {name: await trial.ended(task) for name, task in sent.items()}

    for name, done in ended.items():
        await trial.check(done, way("its arguments do not fit"), records=2)
        assert repr(name) in (done.error or "")
        assert (done.attempts, done.reason) == (1, None)


@pytest.mark.parametrize(
    ("body", "args", "word"),
    [
        (ending.leave, (), "exit code 7"),
        (ending.be_killed, (), "SIGKILL"),
        (ending.take, (600_000_000,), "MemoryError"),
    ],
    ids=["exit", "signal", "memory"],
)
@shows("its process dies, or is out of memory")
async def test_its_process_dies(
    trial: Trial, body: Callable[..., Any], args: tuple[int, ...], word: str
) -> None:
    """The error has the signal or the exit code; it is tried again where its rules say so."""
    task = trial.app.task(executor="process", retry=1, backoff=0.01, max_memory=300_000_000)(body)

    done = await trial.end(task.bind(*args, MARK))

    await trial.check(done, way("its process dies, or is out of memory"), "INFO")
    assert word in (done.error or "")
    assert (done.attempts, done.losses, done.reason) == (2, 0, None)


@shows("it was not started before `expires`")
async def test_it_expires(trial: Trial, working: Working) -> None:
    """It is dead when a worker comes to it, and never runs."""
    task = register(trial.app, "loop", ending.give_back)
    sent = await task.options(expires=0.01).add_task(MARK)
    await asyncio.sleep(0.02)  # its time must be over

    async with working(trial.app):
        done = await trial.ended(sent)

    await trial.check(done, way("it was not started before `expires`"))
    assert (done.attempts, done.error, done.args) == (0, None, [MARK])
    assert "expired" in (done.reason or "")


@shows("no worker knows its name")
async def test_nobody_knows_its_name(trial: Trial, working: Working) -> None:
    """It goes back, which is a warning too, and then it is dead, with its arguments kept."""
    trial.app.config.max_deliveries, trial.app.config.unknown_grace = 1, 0.0
    sent = await trial.app.add_task("no.such.task", MARK)

    async with working(trial.app):
        done = await trial.ended(sent)

    await trial.check(done, way("no worker knows its name"), "WARNING")
    assert (done.attempts, done.losses, done.error, done.args) == (0, 0, None, [MARK])
    assert "'no.such.task'" in (done.reason or "")
    assert [event.end for event in done.record.history] == ["unknown"]


@pytest.mark.parametrize("body", [b"", MARK.encode(), b'{"v":"m4rk-of-a-value"}', b"\xff\xfe" * 1000])
@shows("its bytes are no message")
async def test_its_bytes_are_no_message(trial: Trial, working: Working, body: bytes) -> None:
    """It is dead at once, and the bytes are kept as they are."""
    register(trial.app, "loop", ending.give_back, retry=3)
    runtime = await trial.app.connect()
    message = Message(new_id(), "give_back", "default", 0, body, time.time())
    await runtime.dispatch.publish([message])

    async with working(trial.app):
        done = await trial.ended(await trial.app.get(message.id))

    await trial.check(done, way("its bytes are no message"))
    assert (done.attempts, done.token.delivery, done.error, done.record.body) == (0, 1, None, body)
    assert "undecodable" in (done.reason or "")


@shows("its workers are lost, again and again")
async def test_its_workers_arelose(trial: Trial, working: Working) -> None:
    """After `max_deliveries` losses it is dead without another run."""
    trial.app.config.max_deliveries = 2
    task = register(trial.app, "loop", ending.give_back)

    async with trial.app:
        sent = await task.add_task(MARK)
        await lose(trial.app, sent, 2)
        async with working(trial.app):
            done = await trial.ended(sent)

        await trial.check(done, way("its workers are lost, again and again"))
    assert (done.attempts, done.losses, done.error, done.args) == (0, 2, None, [MARK])
    assert "lost 2 times in a row" in (done.reason or "")
    assert [event.end for event in done.record.history] == ["lost", "lost"]


@shows("its worker is lost or stopped, with `ack=")
async def test_its_worker_is_lost_and_it_may_have_run(trial: Trial, working: Working) -> None:
    """With `ack="early"` one loss is the end."""
    task = register(trial.app, "thread", ending.give_back, ack="early")

    async with trial.app:
        sent = await task.add_task(MARK)
        await lose(trial.app, sent)
        async with working(trial.app):
            done = await trial.ended(sent)

        await trial.check(done, way("its worker is lost or stopped, with `ack="))
    assert (done.attempts, done.losses, done.error, done.args) == (0, 1, None, [MARK])
    assert "ack='early'" in (done.reason or "")


@KINDS
@shows("its worker is lost or stopped, with `ack=")
async def test_its_worker_stops_and_it_may_have_run(trial: Trial, kind: str, working: Working) -> None:
    """With `ack="early"` what has begun is not begun again."""
    trial.app.config.grace = 0.05
    body: Callable[..., Any] = ending.sleep if kind == "loop" else ending.spin
    task = trial.app.task(name="once", executor=kind, ack="early")(body)

    async with trial.app:
        async with working(trial.app):
            sent = await task.add_task(MARK)
            await begun(sent)
        trial.app.config.grace = 5.0
        async with working(trial.app):
            done = await trial.ended(sent)

        await trial.check(done, way("its worker is lost or stopped, with `ack="))
    assert (done.losses, done.error, done.returning) == (0, None, None)
    assert "stopped" in (done.reason or "")


@KINDS
@shows("its worker is lost")
async def test_it_runs_again_after_a_loss(trial: Trial, kind: str, working: Working) -> None:
    """The worker that finds it says so; the loss is in its history and uses up no attempt."""
    task = register(trial.app, kind, ending.give_back)

    async with trial.app:
        sent = await task.add_task(MARK)
        await lose(trial.app, sent)
        async with working(trial.app):
            done = await trial.ended(sent)

        assert WAYS["its worker is lost"].level == "WARNING"
        await trial.check(done, way("the body returns"), "WARNING")
    assert (done.attempts, done.returning) == (1, MARK)
    assert [event.end for event in done.record.history] == ["lost"]


@KINDS
@shows("its worker stops")
async def test_it_runs_again_after_a_stop(trial: Trial, kind: str, working: Working, tmp_path: Path) -> None:
    """What was interrupted goes back, which counts for nothing, and the next worker runs it."""
    trial.app.config.grace = 0.05
    body: Callable[..., Any] = ending.await_for if kind == "loop" else ending.wait_for
    task = trial.app.task(name="wait_for", executor=kind)(body)

    async with trial.app:
        async with working(trial.app):
            sent = await task.add_task(str(tmp_path / "gate"), MARK)
            await begun(sent)
        waiting = await sent.refresh()
        await trial.check(waiting, way("its worker stops"))
        assert (waiting.status, waiting.attempts, waiting.losses) == ("new", 0, 0)
        trial.app.config.grace = 5.0
        (tmp_path / "gate").touch()
        async with working(trial.app):
            done = await trial.ended(sent)

        await trial.check(done, way("the body returns"), "DEBUG")
    assert (done.attempts, done.losses, done.returning) == (1, 0, MARK)
    assert [event.end for event in done.record.history] == ["stopped"]


@KINDS
@shows("a plugin fails before the body")
async def test_a_plugin_fails_before_it(trial: Trial, kind: str) -> None:
    """The error names the plugin; it goes back as a loss and runs again."""
    trial.app.add_plugin(BrokenOnce())
    task = register(trial.app, kind, ending.give_back)

    done = await trial.end(task.bind(MARK))

    assert WAYS["a plugin fails before the body"].level == "ERROR"
    assert trial.levels(done) == ["ERROR", "WARNING", "DEBUG"], trial.lines(
        done
    )  # a failure, a loss, the end
    assert "broken plugin" in trial.log.text
    assert MARK not in trial.log.text
    assert (done.status, done.attempts, done.returning) == ("success", 1, MARK)
    assert [event.end for event in done.record.history] == ["fault"]


@pytest.mark.parametrize("kind", ["loop", "thread"])
async def test_a_plugin_that_fails_after_it_shows_no_value(trial: Trial, kind: str) -> None:
    """The line about the plugin does not bring along the text of what the body has raised."""
    trial.app.add_plugin(BrokenRetry())
    task = register(trial.app, kind, ending.fail)

    done = await trial.end(task.bind("ValueError", MARK))

    await trial.check(done, way("it raises, and no run is left"), "ERROR")
    assert "broken plugin" in trial.log.text
