"""How a body is run, for those who want it otherwise: `executor=` with a class, and middlewares.

```python
class Timed(TaskExecutor):
    async def execute(self):
        begin = time.perf_counter()
        try:
            return await self.run()
        finally:
            print(self.task_func.name, time.perf_counter() - begin)
```
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtasks.context import TaskContext
    from qtasks.models import Delivery
    from qtasks.registry import TaskDefinition

Run = Callable[[], Awaitable[Any]]


class TaskExecutor:
    """One run of one task. Subclass it and give the class as `executor=` to run the body in your way.

    Middlewares get it too: what they change here is what is run, and what is returned.
    """

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
        """Run the body and return its value; override it to run it otherwise.

        It is cancelled at `max_time`, when the task is cancelled, and when the worker stops.
        """
        return await self.run()

    async def run(self) -> Any:
        """Run the body as the worker would without this class: on the loop, or in a thread."""
        return await self._run(self)


class TaskMiddleware:
    """Something around each run of a task: `middlewares_before=[…]`, `middlewares_after=[…]`.

    It is made and called anew for each run. What it raises ends the run as if the body had raised it.
    """

    def __init__(self, task_executor: TaskExecutor) -> None:
        self.task_executor = task_executor

    async def __call__(self) -> TaskExecutor | None:
        """Look at the run, change it, or return another executor to go on with. May be a plain function."""
        return None
