"""From arguments to a value: the context, the middlewares, the executor and the generator of a task."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from qtasks.context import plain_on_loop
from qtasks.errors import UsageError
from qtasks.executors import TaskExecutor, TaskMiddleware
from qtasks.options import Executor
from qtasks.serialization import encode_value
from qtasks.worker.generators import Handler, adrain, drain
from qtasks.worker.threads import OwnLoop, Threads

if TYPE_CHECKING:
    from qtasks.context import TaskContext
    from qtasks.registry import TaskDefinition
    from qtasks.runtime import Runtime
    from qtasks.worker.children import Children
    from qtasks.worker.reporting import Reporter
    from qtasks.worker.run import Run


class StoppedIterationError(Exception):
    """Carries the StopIteration of a body out of coroutines."""

    def __init__(self, error: StopIteration) -> None:
        super().__init__()
        self.error = error


class RunHost:
    """What the context of one run asks of the worker."""

    def __init__(self, run: Run, reporter: Reporter, is_shutting_down: Callable[[], bool]) -> None:
        self._run = run
        self._reporter = reporter
        self._is_shutting_down = is_shutting_down

    def progress(self, share: float | None, note: str | None) -> None:
        """Keep what the body says of its progress."""
        self._reporter.progress(self._run, share, note)

    def is_shutting_down(self) -> bool:
        """Whether the worker was told to stop."""
        return self._is_shutting_down()


class Bodies:
    """Runs bodies, each where its task says.

    Args:
        runtime: The app.
        threads: Where `def` tasks run.
        children: Where tasks with a process of their own run.
        reporter: Who is told what bodies say.
        is_shutting_down: Whether the worker was told to stop.
        check_time: Raises TimeoutError where the time of a run is up.
    """

    def __init__(
        self,
        runtime: Runtime,
        threads: Threads,
        children: Children,
        reporter: Reporter,
        is_shutting_down: Callable[[], bool],
        check_time: Callable[[Run], None],
    ) -> None:
        self._runtime = runtime
        self._threads = threads
        self._children = children
        self._reporter = reporter
        self._is_shutting_down = is_shutting_down
        self._check_time = check_time
        self._loop = asyncio.get_running_loop()
        self._before, self._after = runtime.middlewares
        self.are_plain = not (self._before or self._after or runtime.config.task_default_decode)
        """Whether nothing is around every body of the app."""

    async def call(self, run: Run, task: TaskDefinition, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the value of the body."""
        if task.is_simple and self.are_plain:
            if task.is_async:
                return await task.function(*args, **kwargs)
            return await self._in_thread(run, partial(task.function, *args, **kwargs))
        subject = self._subject(run, task)
        executor = self._executor(run, task, args, kwargs, subject)
        executor = await _through((*self._before, *task.options.middlewares_before), executor)
        executor.result = await _executed(executor)
        if run.secrets is not None:
            run.secrets.tell_result(executor.result)
        executor = await _through((*task.options.middlewares_after, *self._after), executor)
        return await _decoded(
            task.options.decode or self._runtime.config.task_default_decode, executor.result
        )

    def _subject(self, run: Run, task: TaskDefinition) -> Any:
        """Return what the body gets as its first argument: the task with the context of this run."""
        if not task.options.echo:
            return None
        host = RunHost(run, self._reporter, self._is_shutting_down)
        return self._runtime.bind(task, run.delivery, host)

    def _executor(
        self, run: Run, task: TaskDefinition, args: list[Any], kwargs: dict[str, Any], subject: Any
    ) -> TaskExecutor:
        kind = task.executor if isinstance(task.executor, type) else TaskExecutor
        ctx: TaskContext | None = None if subject is None else subject.ctx
        extra = dict(task.options.extra) if run.extra is None else run.extra
        body = partial(self._run_body, run, subject)
        return kind(task, run.delivery, args, kwargs, run=body, extra=extra, ctx=ctx)

    async def _run_body(self, run: Run, subject: Any, executor: TaskExecutor) -> Any:
        task = executor.task_func
        if run.secrets is not None:
            run.secrets.tell_arguments(executor.args, executor.kwargs)
        if task.executor is Executor.PROCESS:
            return await self._children.call(run, task, executor.args, executor.kwargs)
        args = executor.args if subject is None else [subject, *executor.args]
        call = partial(task.function, *args, **executor.kwargs)
        in_loop = task.executor is Executor.LOOP or (task.executor is not Executor.THREAD and task.is_async)
        if in_loop:
            with nullcontext() if task.is_async else plain_on_loop(task.name):
                return await (self._drained(run, task, call) if task.is_generator else _called(call))
        if task.is_async:
            body = OwnLoop(partial(self._drained_elsewhere, run, task, call) if task.is_generator else call)
            return await self._in_thread(run, body.run, body.cancel)
        if task.is_generator:
            call = partial(self._drained_in_thread, run, task, call)
        return await self._in_thread(run, call)

    async def _drained(self, run: Run, task: TaskDefinition, call: Callable[[], Any]) -> list[Any]:
        handler = self._unhurried(run, task.options.generate_handler, is_plain=not task.is_async)
        return await adrain(call(), handler, partial(self._emit, run))

    def _unhurried(self, run: Run, handler: Handler, *, is_plain: bool) -> Handler:
        """Return the handler, which also waits where items come faster than they can be written.

        Between two values the time of the run is looked at.
        """

        async def handle(value: Any) -> Any:
            answer = None if handler is None else handler(value)
            if inspect.isawaitable(answer):
                answer = await answer
            if self._reporter.is_crowded(run):
                await self._reporter.written(run)
            self._check_time(run)
            if is_plain:  # it waits for nothing: let others run, and whoever wants to end it
                await asyncio.sleep(0)
            return answer

        return handle

    def _drained_in_thread(self, run: Run, task: TaskDefinition, call: Callable[[], Any]) -> list[Any]:
        handler = self._from_thread(run, task.options.generate_handler, awaits=False)
        return drain(call(), handler, partial(self._emit, run))

    async def _drained_elsewhere(self, run: Run, task: TaskDefinition, call: Callable[[], Any]) -> list[Any]:
        handler = self._from_thread(run, task.options.generate_handler, awaits=True)
        return await adrain(call(), handler, partial(self._emit, run))

    def _from_thread(self, run: Run, handler: Handler, *, awaits: bool) -> Handler:
        """Return the handler of a generator in a thread, which waits like `_unhurried`.

        Args:
            run: The run.
            handler: That of the task.
            awaits: Whether the caller awaits an awaitable answer; else the loop of the worker does.
        """

        def handle(value: Any) -> Any:
            answer = None if handler is None else handler(value)
            if not awaits and inspect.isawaitable(answer):
                answer = asyncio.run_coroutine_threadsafe(_awaited(answer), self._loop).result()
            if self._reporter.is_crowded(run):
                asyncio.run_coroutine_threadsafe(self._reporter.written(run), self._loop).result()
            return answer

        return handle

    def _emit(self, run: Run, value: Any) -> None:
        runtime, task = self._runtime, run.definition
        assert task is not None  # its body runs
        if run.secrets is not None:
            run.secrets.tell_result(value)
        data = encode_value(
            value,
            f"a value that task {task.name!r} yields",
            runtime.config.max_result_size,
            runtime.serializer,
            task.signature.secret_result,
        )
        self._reporter.item(run, data)

    async def _in_thread(
        self, run: Run, call: Callable[[], Any], cancel: Callable[[], bool] | None = None
    ) -> Any:
        job = self._threads.submit(call, cancel)
        run.job = job
        value, error = await job.future
        if isinstance(error, StopIteration):
            raise StoppedIterationError(error)  # a coroutine that raises it says RuntimeError instead
        if error is not None:
            raise error
        return await value if inspect.isawaitable(value) else value


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


async def _called(call: Callable[[], Any]) -> Any:
    value = call()
    return await value if inspect.isawaitable(value) else value


async def _executed(executor: TaskExecutor) -> Any:
    if type(executor) is TaskExecutor:
        return await executor.run()  # nothing is around the body
    value = executor.execute()
    return await value if inspect.isawaitable(value) else value


async def _through(kinds: Sequence[type[TaskMiddleware]], executor: TaskExecutor) -> TaskExecutor:
    """Return the executor as the middlewares leave it."""
    for kind in kinds:
        answer: Any = kind(executor)()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer is not None:
            if not isinstance(answer, TaskExecutor):
                raise UsageError(f"{kind.__name__} must return an executor or None, not {answer!r}")
            executor = answer
    return executor


async def _decoded(decode: Callable[[Any], Any] | None, value: Any) -> Any:
    """Return the value as `decode` makes it."""
    if decode is None:
        return value
    decoded = decode(value)
    return await decoded if inspect.isawaitable(decoded) else decoded
