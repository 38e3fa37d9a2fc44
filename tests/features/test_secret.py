"""`Annotated[str, Secret]`: in no log, in no error, in no display."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import pytest
from core.conftest import Working

from qtasks import Secret
from qtasks.asyncio import QueueTasks
from qtasks.errors import TaskArgumentError, TaskFailed

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
            await task.result(5)
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
            await (await login_by_name.add_task("login", PASSWORD)).result(5)
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
        done = await app.chain(first.bind(PASSWORD), second.step("ann")).get(timeout=5)

    assert [task.args for task in done] == [["***"], ["ann", "token"]]
