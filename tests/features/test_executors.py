"""`executor`, middlewares and `decode`: how a body is run, and what is around it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import pytest
from core.conftest import Working

from qtasks.asyncio import QueueTasks, Task
from qtasks.errors import ConfigError, TaskError, TaskFailed, UsageError
from qtasks.executors import TaskExecutor, TaskMiddleware
from qtasks.options import CallOptions
from qtasks.producer import Call


def where() -> list[Any]:
    """Say where this runs."""
    return [os.getpid(), threading.current_thread().name]


async def awhere() -> list[Any]:
    """Say where this runs, asynchronously."""
    await asyncio.sleep(0)
    return where()


async def test_the_executor_says_where_a_body_runs(app: QueueTasks, working: Working) -> None:
    """On the loop or in a thread, whatever kind of function it is."""
    tasks: dict[tuple[str, str], Any] = {
        ("loop", "def"): app.task(name="a", executor="loop")(where),
        ("thread", "def"): app.task(name="b", executor="thread")(where),
        ("loop", "async"): app.task(name="c", executor="loop")(awhere),
        ("thread", "async"): app.task(name="d", executor="thread")(awhere),
    }
    async with working(app):
        for (executor, _), task in tasks.items():
            pid, thread = await (await task.add_task()).result(30)
            assert pid == os.getpid()
            assert thread.startswith("qtasks-task" if executor == "thread" else "MainThread")


class Twice(TaskExecutor):
    """Runs the body twice."""

    async def execute(self) -> Any:
        """Return both values."""
        return [await self.run(), await self.run()]


async def test_a_class_runs_the_body_its_own_way(app: QueueTasks, working: Working) -> None:
    """It has the task, the delivery, the arguments and the extra keywords."""
    seen: list[Any] = []

    class Looking(TaskExecutor):
        async def execute(self) -> Any:
            seen.append(
                (self.task_func.name, self.task_broker.queue, self.args, self.kwargs, dict(self.extra))
            )
            return await super().execute()

    number = 0

    @app.task(executor=Twice)
    def count() -> Any:
        nonlocal number
        number += 1
        return number

    @app.task(executor=Looking, colour="red")
    async def look(a: int, *, b: int) -> int:
        return a + b

    async with working(app):
        assert await (await count.add_task()).result(30) == [1, 2]
        assert await (await look.add_task(1, b=2)).result(30) == 3

    assert seen == [("look", "default", [1], {"b": 2}, {"colour": "red"})]


async def test_middlewares_change_what_is_run_and_returned(app: QueueTasks, working: Working) -> None:
    """Those before see the arguments, those after the result; plain and async; in their order."""
    calls: list[str] = []

    class Add(TaskMiddleware):
        async def __call__(self) -> None:
            calls.append("add")
            self.task_executor.args = [value + 1 for value in self.task_executor.args]

    class Double(TaskMiddleware):
        def __call__(self) -> None:  # type: ignore[override]  # may be plain
            calls.append("double")
            self.task_executor.args = [value * 2 for value in self.task_executor.args]

    class Text(TaskMiddleware):
        async def __call__(self) -> None:
            calls.append("text")
            self.task_executor.result = f"<{self.task_executor.result}>"

    @app.task(middlewares_before=[Add, Double], middlewares_after=[Text])
    async def same(a: int) -> Any:
        return a

    async with working(app):
        assert await (await same.add_task(1)).result(30) == "<4>"
        assert await (await same.add_task(2)).result(30) == "<6>"

    assert calls == ["add", "double", "text"] * 2


async def test_a_middleware_may_put_in_another_executor(app: QueueTasks, working: Working) -> None:
    """What it returns goes on with the run; anything else is an error that names the middleware."""

    class Replace(TaskMiddleware):
        async def __call__(self) -> TaskExecutor:
            old = self.task_executor
            return Twice(old.task_func, old.task_broker, [5], old.kwargs, run=old._run, extra=old.extra)

    class Wrong(TaskMiddleware):
        async def __call__(self) -> Any:
            return "no executor"

    @app.task(middlewares_before=[Replace])
    async def same(a: int) -> Any:
        return a

    @app.task(middlewares_before=[Wrong])
    async def wrong() -> None: ...

    async with working(app):
        assert await (await same.add_task(1)).result(30) == [5, 5]
        with pytest.raises(TaskFailed, match="Wrong must return an executor"):
            await (await wrong.add_task()).result(30)


async def test_what_a_middleware_raises_ends_the_run(app: QueueTasks, working: Working) -> None:
    """Under the retry rules of the task, as if the body had raised it."""
    runs = 0

    class Flaky(TaskMiddleware):
        async def __call__(self) -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                raise OSError("not yet")

    @app.task(middlewares_before=[Flaky], retry=1, backoff=0.01)
    async def body() -> str:
        return "ran"

    async with working(app):
        done = await body.add_task(timeout=30)

    assert (done.returning, done.attempts) == ("ran", 2)


async def test_a_middleware_of_the_app_is_around_all_others(app: QueueTasks, working: Working) -> None:
    """Before the first of the task, and after its last one."""
    calls: list[str] = []

    def named(name: str) -> type[TaskMiddleware]:
        class Named(TaskMiddleware):
            async def __call__(self) -> None:
                calls.append(name)

        return Named

    app.add_middleware(named("app before"))
    app.add_middleware(named("app after"), position="after")

    @app.task(middlewares_before=[named("before")], middlewares_after=[named("after")])
    async def body() -> None:
        calls.append("body")

    @app.task
    async def bare() -> None:
        calls.append("bare")

    async with working(app):
        await (await body.add_task()).wait(30)
        await (await bare.add_task()).wait(30)
        with pytest.raises(UsageError, match="before the app starts"):
            app.add_middleware(named("late"))

    assert calls == [
        "app before", "before", "body", "after", "app after", "app before", "bare", "app after"
    ]  # fmt: skip


async def test_decode_makes_what_is_stored(app: QueueTasks, working: Working) -> None:
    """That of the task, else that of the settings; it may be async, and what it raises is an error."""
    app.config.task_default_decode = lambda value: ["default", value]

    async def shout(value: str) -> str:
        return value.upper()

    def fail(value: str) -> str:
        raise ValueError(f"cannot decode {len(value)} letters")

    @app.task(decode=shout)
    async def own() -> str:
        return "text"

    @app.task
    def default() -> Any:
        return "text"

    @app.task(decode=fail)
    async def wrong() -> str:
        return "text"

    async with working(app):
        assert await (await own.add_task()).result(30) == "TEXT"
        assert await (await default.add_task()).result(30) == ["default", "text"]
        with pytest.raises(TaskFailed, match="cannot decode 4 letters"):
            await (await wrong.add_task()).result(30)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("executor", "fiber"),
        ("executor", TaskMiddleware),
        ("executor", 7),
        ("middlewares_before", [print]),
        ("middlewares_after", [Twice]),
        ("middlewares_after", [type("Misspelt", (TaskMiddleware,), {"call": print})]),
        ("decode", "upper"),
        ("echo", "yes"),
        ("ack", "soon"),
        ("max_memory", 10),
        ("tags", 7),
        ("tags", [7]),
    ],
)
def test_a_wrong_value_is_refused(option: str, value: Any) -> None:
    """Where the task is registered, with the name of the option."""
    with pytest.raises(ConfigError, match=option):
        QueueTasks("x", "memory://").task(**{option: value})(where)


def test_a_process_needs_a_function_that_can_be_imported() -> None:
    """A function inside another one cannot be, and a process needs a limit that is a number."""
    app = QueueTasks("x", "memory://")

    def inside() -> None: ...

    with pytest.raises(TaskError, match="top of a module"):
        app.task(executor="process")(inside)
    with pytest.raises(ConfigError, match="max_memory"):
        app.task(executor="process", max_memory="1G")(where)


async def test_a_class_writes_the_steps_that_it_needs(app: QueueTasks, working: Working) -> None:
    """Before the body it may change the arguments, after it the result; each step is async or plain."""
    steps: list[str] = []

    class Steps(TaskExecutor):
        async def before_execute(self) -> None:
            await super().before_execute()
            steps.append("before")
            self.args = [value + 1 for value in self.args]

        async def run_task(self) -> Any:
            steps.append("run")
            return await super().run_task() * 10

        async def after_execute(self) -> None:
            await super().after_execute()
            steps.append("after")
            self.result = [self.result]

    class Plain(TaskExecutor):
        def before_execute(self) -> None:  # type: ignore[override]  # may be plain
            self._args[0] += 1

        def run_task(self) -> Any:
            return super().run_task()

        def after_execute(self) -> None:  # type: ignore[override]
            self._result = -self._result

    class Whole(TaskExecutor):
        def execute(self) -> Any:
            return sum(self.args)

    @app.task(executor=Steps)
    async def number(a: int) -> Any:
        steps.append("body")
        return a

    async with working(app):
        assert await (await number.add_task(1)).result(30) == [20]
        for kind, value in ((Plain, -2), (Whole, 1)):
            task: Any = app.task(name=kind.__name__, executor=kind)(abs)
            assert await (await task.add_task(1)).result(30) == value

    assert steps == ["before", "run", "body", "after"]


async def test_what_a_step_raises_ends_the_run(app: QueueTasks, working: Working) -> None:
    """Under the retry rules; without a body that returned there is no step after it."""
    steps: list[str] = []

    class Steps(TaskExecutor):
        async def before_execute(self) -> None:
            steps.append("before")
            if len(steps) == 1:
                raise OSError("not yet")

        async def after_execute(self) -> None:
            steps.append("after")
            raise ValueError(f"no {self.result}")

    @app.task(executor=Steps, retry=1, backoff=0.01)
    def body() -> str:
        steps.append("body")
        return "value"

    async with working(app):
        done = await body.add_task(timeout=30)

    assert (done.status.value, done.error, done.attempts) == ("error", "ValueError: no value", 2)
    assert steps == ["before", "before", "body", "after"]


async def test_middlewares_are_around_the_steps(app: QueueTasks, working: Working) -> None:
    """Those before the first of them, and those after the last; a replacement is run in its own way."""
    calls: list[str] = []

    class Steps(TaskExecutor):
        async def before_execute(self) -> None:
            calls.append("step before")

        async def after_execute(self) -> None:
            calls.append("step after")

    class Before(TaskMiddleware):
        async def __call__(self) -> TaskExecutor:
            calls.append("middleware before")
            old = self.task_executor
            return Steps(old.task_func, old.task_broker, old.args, old.kwargs, run=old._run, extra=old.extra)

    class After(TaskMiddleware):
        async def __call__(self) -> None:
            calls.append(f"middleware after {type(self.task_executor).__name__}")

    @app.task(middlewares_before=[Before], middlewares_after=[After])
    async def body() -> None:
        calls.append("body")

    async with working(app):
        await (await body.add_task()).result(30)

    assert calls == ["middleware before", "step before", "body", "step after", "middleware after Steps"]


def test_a_class_that_changes_nothing_is_refused() -> None:
    """A class with none of the steps, and one with a method that nobody calls any more."""
    app = QueueTasks("x", "memory://")

    class Empty(TaskExecutor):
        async def before_run(self) -> None:
            """Nobody calls it."""

    class Former(TaskExecutor):
        async def run_task_gen(self, func: Any) -> Any:
            """Of version 1."""

    with pytest.raises(ConfigError, match=r"executor=Empty changes nothing: .* before_execute"):
        app.task(executor=Empty)(where)
    with pytest.raises(ConfigError, match=r"changes nothing"):
        app.task(executor=TaskExecutor)(where)
    with pytest.raises(ConfigError, match=r"executor=Former: nothing calls .* run_task_gen: .*run_task"):
        app.task(executor=Former)(where)


async def in_time(app: QueueTasks, name: str, seconds: float) -> Task[Any]:
    """Send a call with a limit as a sender does that does not know the function; return the finished task."""
    task = await app.send_one(Call(name, (), {}, CallOptions(max_time=seconds, retry=0), None), None)
    return await task.wait(30)


@pytest.mark.parametrize("kind", ["def", "async def", "class"])
async def test_what_holds_up_the_loop_too_long_is_no_success(
    app: QueueTasks, working: Working, kind: str
) -> None:
    """Nothing can end it, so its time is looked at when it returns; with time enough it is a success."""

    def block() -> str:
        time.sleep(0.05)
        return "returned"

    async def ablock() -> str:
        return block()

    class Blocking(TaskExecutor):
        async def run_task(self) -> Any:
            return block()

    if kind == "class":
        app.task(name="block", executor=Blocking)(ablock)
    else:
        app.task(name="block", executor="loop")(block if kind == "def" else ablock)

    async with working(app):
        late = await in_time(app, "block", 0.02)
        good = await in_time(app, "block", 30)

    assert late.status == "error"
    assert late.error == "TimeoutError: task 'block' ran longer than its max_time of 0.02 s"
    assert good.returning == "returned"


async def test_its_own_end_counts_also_after_its_time(app: QueueTasks, working: Working) -> None:
    """A body on the loop that raises too late ends with what it raised."""

    @app.task(executor="loop")
    def fail() -> None:
        time.sleep(0.05)
        raise ValueError("of its own")

    async with working(app):
        done = await in_time(app, "fail", 0.02)

    assert done.error == "ValueError: of its own"
