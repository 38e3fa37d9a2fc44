"""How a body is run, for those who want it otherwise: `executor=` with a class, and middlewares.

```python
class Timed(TaskExecutor):
    async def before_execute(self):
        self.begin = time.perf_counter()

    async def after_execute(self):
        print(self.task_func.name, time.perf_counter() - self.begin)
```
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from qtasks import _migration
from qtasks.errors import ConfigError

if TYPE_CHECKING:
    from qtasks.context import TaskContext
    from qtasks.models import Delivery
    from qtasks.registry import TaskDefinition


__path__: Final[list[str]] = []
"""So that imports of modules which version 1 had in here are heard by `qtasks._migration`."""


def _former(name: str) -> property:
    """Return the name that an attribute had in version 1."""
    return property(lambda self: getattr(self, name), lambda self, value: setattr(self, name, value))


_STEPS: Final = ("execute", "before_execute", "run_task", "after_execute")
"""What a class of a user may write; `run` and `__init__` too."""

_INSTEAD: Final = {
    "run_task_gen": "override run_task; `generate_handler=` gets each value",
    "execute_middlewares_before": "write a TaskMiddleware for `middlewares_before=`",
    "execute_middlewares_after": "write a TaskMiddleware for `middlewares_after=`",
}
"""Methods of version 1 that nobody calls, and what to do instead."""


class TaskExecutor:
    """One run of one task. Subclass it and give the class as `executor=` to run the body in your way.

    Write any of `before_execute`, `run_task` and `after_execute`, or `execute` for all three. Each may be
    a plain function, which must not block: it runs on the loop.

    Middlewares get it too: what they change here is what is run, and what is returned.
    """

    _args, _kwargs, _result = _former("args"), _former("kwargs"), _former("result")

    def __init__(
        self,
        task_func: TaskDefinition,
        task_broker: Delivery,
        args: list[Any],
        kwargs: dict[str, Any],
        *,
        run: Callable[[TaskExecutor], Awaitable[Any]],
        extra: Mapping[str, Any],
        ctx: TaskContext | None = None,
    ) -> None:
        self.task_func = task_func
        """The task: name, function, options."""
        self.task_broker = task_broker
        """The delivery: id, queue, priority, token."""
        self.args = args
        """The positional arguments that the body gets; may be replaced before it runs."""
        self.kwargs = kwargs
        self.extra = extra
        """The extra keywords of `@app.task`."""
        self.ctx = ctx
        """The context of the run, where the task has `echo=True`."""
        self.result: Any = None
        """What the body has returned; may be replaced by middlewares after it."""
        self._run = run

    async def execute(self) -> Any:
        """Run the body, with what is before and after it, and return `result`.

        It is cancelled at `max_time`, when the task is cancelled, and when the worker stops. What a step
        raises ends the run as if the body had raised it.
        """
        await _settled(self.before_execute())
        self.result = await _settled(self.run_task())
        await _settled(self.after_execute())
        return self.result

    async def before_execute(self) -> None:
        """Do something before the body, which gets `args` and `kwargs` as they are left here."""

    async def run_task(self) -> Any:
        """Run the body and return its value, which becomes `result`."""
        return await self.run()

    async def after_execute(self) -> None:
        """Do something after a body that returned; what is in `result` then is the value of the run."""

    async def run(self) -> Any:
        """Run the body as the worker would without this class: on the loop, or in a thread."""
        return await self._run(self)


async def _settled(answer: Any) -> Any:
    """Return the answer of a method that is asynchronous or plain."""
    return await answer if inspect.isawaitable(answer) else answer


def check_executor(kind: type[TaskExecutor]) -> None:
    """Check that a class changes how a body is run.

    Raises:
        ConfigError: It does not; or it has a method that nobody calls.
    """
    for name, instead in _INSTEAD.items():
        if hasattr(kind, name):
            raise ConfigError(f"executor={kind.__name__}: nothing calls its method {name}: {instead}")
    if all(getattr(kind, name) is getattr(TaskExecutor, name) for name in (*_STEPS, "run", "__init__")):
        raise ConfigError(
            f"executor={kind.__name__} changes nothing: it has no method {', '.join(_STEPS[:-1])}"
            f" or {_STEPS[-1]} of its own"
        )


class TaskMiddleware:
    """Something around each run of a task: `middlewares_before=[…]`, `middlewares_after=[…]`.

    It is made and called anew for each run. What it raises ends the run as if the body had raised it.
    """

    def __init__(self, task_executor: TaskExecutor) -> None:
        self.task_executor = task_executor

    async def __call__(self) -> TaskExecutor | None:
        """Look at the run, change it, or return another executor to go on with. May be a plain function."""
        return None


if not TYPE_CHECKING:  # type checkers must not see it: they would believe every misspelt name
    __getattr__ = _migration.getter(__name__)
