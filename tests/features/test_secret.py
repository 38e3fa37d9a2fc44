"""`Annotated[str, Secret]`: in no log, in no error, in no display."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import pytest
from core.conftest import Working
from features import secret_bodies

from qtasks import Secret
from qtasks.asyncio import QueueTasks
from qtasks.errors import TaskArgumentError, TaskFailed
from qtasks.executors import TaskMiddleware
from qtasks.plugins import ArgsReplace, TaskErrored, hookimpl
from qtasks.serialization.values import shown_value

PASSWORD = "S3cr3t-p4ss"


async def test_the_body_gets_it_and_nobody_sees_it(
    app: QueueTasks, working: Working, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a failure and a retry: not in views, not in errors, not in the log at any level."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    @app.task(retry=1, backoff=0.01)
    async def login(user: str, password: Annotated[str, Secret]) -> None:
        seen.append(password)
        raise ValueError(f"{password} is wrong for {user}")

    async with working(app):
        task = await login.add_task("ann", password=PASSWORD)
        with pytest.raises(TaskFailed) as caught:
            await task.result(30)
        done = await task.refresh()
        found = await app.find(task="login")

    assert seen == [PASSWORD, PASSWORD]
    assert (done.args, done.kwargs) == (["ann"], {"password": "***"})
    shown = [str(caught.value), repr(done), str(done.failure), repr(found), str(found[0].kwargs), caplog.text]
    assert [text for text in shown if PASSWORD in text] == []
    assert "*** is wrong for ann" in str(caught.value)


async def test_a_process_that_does_not_know_the_task_masks_it_too(app: QueueTasks) -> None:
    """The message itself says which of its arguments are secret."""

    @app.task
    async def login(user: str, password: Annotated[str, Secret]) -> None: ...

    task = await login.add_task("ann", PASSWORD)
    app.tasks._tasks.clear()

    assert (await app.get(task.id)).args == ["ann", "***"]


async def test_an_argument_of_a_wrong_type_is_not_shown(app: QueueTasks, working: Working) -> None:
    """The error names the parameter, and not what was given for it."""

    @app.task
    async def login(pin: Annotated[int, Secret]) -> None: ...

    login_by_name: Any = app
    async with working(app):
        with pytest.raises(TaskFailed, match="'pin'") as caught:
            await (await login_by_name.add_task("login", PASSWORD)).result(30)
        with pytest.raises(TaskArgumentError) as refused:
            await login_by_name.add_task("login", PASSWORD, PASSWORD)

    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in str(refused.value)


async def test_the_next_step_of_a_chain_keeps_its_own(app: QueueTasks, working: Working) -> None:
    """What is secret in the first step says nothing of the second."""

    @app.task
    async def first(password: Annotated[str, Secret]) -> str:  # noqa: ARG001
        return "token"

    @app.task
    async def second(user: str, value: str) -> str:
        return f"{user} {value}"

    async with working(app):
        done = await app.chain(first.bind(PASSWORD), second.step("ann")).get(timeout=30)

    assert [task.args for task in done] == [["***"], ["ann", "token"]]


@pytest.mark.parametrize("kind", ["loop", "thread", "process"])
async def test_it_is_in_no_reason_and_no_note(
    app: QueueTasks, working: Working, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """What a body gives to `ctx.cancel` and `ctx.progress` shows `***`, in the record and in the log."""
    caplog.set_level(logging.DEBUG)
    task = app.task(name="give_up", executor=kind, echo=True)(secret_bodies.give_up.__wrapped__)

    async with working(app):
        done = await (await task.add_task(PASSWORD)).wait(30)

    assert (done.status, done.reason, done.note) == ("cancel", "*** is wrong", "trying ***")
    assert PASSWORD not in f"{done.record} {done.record.history}"
    assert "cancel, *** is wrong" in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_process_does_not_cut_it_in_two(app: QueueTasks, working: Working) -> None:
    """It is hidden before a long text is cut, so no half of it is left."""
    task = app.task(name="fail", executor="process")(secret_bodies.fail_at_length.__wrapped__)

    async with working(app):
        done = await (await task.add_task(PASSWORD)).wait(30)

    assert (done.error or "").endswith("x***")
    assert PASSWORD[:5] not in f"{done.error} {done.traceback}"


async def test_what_a_process_yields_is_marked(app: QueueTasks, working: Working) -> None:
    """Each value of a secret result is stored as a secret one."""
    task = app.task(name="pages", executor="process")(secret_bodies.pages.__wrapped__)

    async with working(app):
        done = await (await task.add_task()).wait(30)
        said = await app.storage.listen(done.id, 1, 0)

    assert done.returning == [PASSWORD]
    assert [shown_value(item) for item in said.items] == ["***"]


@pytest.mark.parametrize("password", ["it's-me-4711", "pässwörd", "a\\b\tc-4711", 'say-"x"-4711'])
async def test_no_way_of_writing_it_gives_it_away(app: QueueTasks, working: Working, password: str) -> None:
    """Within text with quotes of both kinds, in ASCII, in notes, in groups of exceptions."""

    @app.task
    async def login(password: Annotated[str, Secret]) -> None:
        quoted = f"""both 'kinds' of "quotes" and {password}"""
        errors = [KeyError(quoted), ValueError(f"{password!a} {password!r} {quoted!a} {quoted.encode()!r}")]
        errors[0].add_note(f"noted {password}")
        raise ExceptionGroup(f"with {password}", errors)

    async with working(app):
        done = await (await login.add_task(password)).wait(30)

    shown = f"{done.error}\n{done.traceback}"
    parts = [password[-4:], password[:5], ascii(password)[-5:-1], ascii(password)[1:6]]
    assert "noted ***" in shown
    assert [part for part in parts if part in shown] == []


async def test_its_form_in_the_body_is_hidden_too(app: QueueTasks, working: Working) -> None:
    """As the annotation makes it, and as plugins and middlewares have left it."""

    class Unlock(TaskMiddleware):
        async def __call__(self) -> None:
            self.task_executor.kwargs["key"] += "-unlocked"

    class Salt:
        @hookimpl
        def task_executor_args_replace(self, event: ArgsReplace) -> ArgsReplace:
            return event.replace(args=[event.args[0], "s4lted"])

    app.add_plugin(Salt())

    @app.task(middlewares_before=[Unlock])
    async def use(
        born: Annotated[datetime, Secret], salt: Annotated[str, Secret], *, key: Annotated[str, Secret]
    ) -> None:
        raise ValueError(f"{born} and {salt} and {key}")

    async with working(app):
        task = await app.add_task("use", "1999-12-31T23:59:58", "salt", key="key")
        done = await task.wait(30)

    assert done.error == "ValueError: *** and *** and ***"


async def test_a_secret_result_is_in_no_error(app: QueueTasks, working: Working) -> None:
    """Of what comes after the body: `decode`, the handler of a generator, a middleware."""

    def number(value: str) -> int:
        return int(value)

    def raising(value: str) -> None:
        raise ValueError(f"no {value}")

    class After(TaskMiddleware):
        async def __call__(self) -> None:
            raise ValueError(f"no {self.task_executor.result}")

    @app.task(decode=number)
    async def decoded() -> Annotated[str, Secret]:
        return PASSWORD

    @app.task(generate_handler=raising)
    def yielding() -> Annotated[Iterator[str], Secret]:
        yield PASSWORD

    @app.task(middlewares_after=[After])
    def around() -> Annotated[str, Secret]:
        return PASSWORD

    async with working(app):
        tasks = [await task.add_task() for task in (decoded, yielding, around)]
        done = [await task.wait(30) for task in tasks]

    shown = "\n".join(f"{one.error} {one.traceback}" for one in done)
    assert [one.status.value for one in done] == ["error"] * 3
    assert shown.count("***") >= 6
    assert PASSWORD not in shown


async def test_a_plugin_does_not_bring_it_into_the_log(
    app: QueueTasks, working: Working, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets the trace without it, and where it raises what it was given the log shows `***`."""
    caplog.set_level(logging.DEBUG)
    traces: list[str] = []

    class Raising:
        @hookimpl
        def worker_task_error_retry(self, event: TaskErrored) -> None:
            traces.append(event.trace)
            raise event.error

    app.add_plugin(Raising())

    @app.task
    async def login(password: Annotated[str, Secret]) -> None:
        raise ValueError(f"{password} is wrong")

    async with working(app):
        done = await (await login.add_task(PASSWORD)).wait(30)

    assert done.error == "ValueError: *** is wrong"
    assert "*** is wrong" in traces[0]
    assert "keeps its own retry rules" in caplog.text
    assert PASSWORD not in traces[0] + caplog.text


@pytest.mark.parametrize("kind", ["thread", "process"])
async def test_a_reason_may_be_anything(app: QueueTasks, working: Working, kind: str) -> None:
    """A body that raises TaskCancelError itself may give it what is no text: it is written as text."""
    task = app.task(name="odd", executor=kind)(secret_bodies.give_up_oddly.__wrapped__)

    async with working(app):
        done = await (await task.add_task(5)).wait(30)

    assert (done.status, done.reason) == ("cancel", "5")
