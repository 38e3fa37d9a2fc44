"""An app as an async body sees it that has a loop of its own: its calls go to the loop of the worker."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, cast

from qtasks.result import Task

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.result import Source


class Elsewhere:
    """Hands each call to the loop where the app is at home; its tasks are asked for in the same way."""

    def __init__(self, app: QueueTasks) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._app, name)
        if not inspect.iscoroutinefunction(value):
            return value

        async def call(*args: Any, **kwargs: Any) -> Any:
            home = self._app.home
            if home is None:  # its worker has ended
                return await value(*args, **kwargs)
            future = asyncio.run_coroutine_threadsafe(value(*args, **kwargs), home)
            answer = await asyncio.wrap_future(future)
            return Task(cast("Source", self), answer.record) if isinstance(answer, Task) else answer

        return call
