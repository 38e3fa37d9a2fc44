"""A plugin that counts, one that changes arguments, and a task that says what it needs of them.

Prints:
    HELLO
    {'shout': 1}
"""

import asyncio
from collections import Counter

from qtasks.asyncio import QueueTasks
from qtasks.plugins import ArgsReplace, ExecutorAfter, Plugin, hookimpl


class Loud(Plugin):
    """Makes text upper case for tasks that are registered with `loud=True`."""

    @hookimpl
    async def task_executor_args_replace(self, event: ArgsReplace) -> ArgsReplace | None:
        """Replace the arguments, or keep them by answering None."""
        if not event.extra.get("loud"):
            return None
        return event.replace(args=[str(value).upper() for value in event.args])


class Count(Plugin):
    """Counts which tasks have run."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()

    @hookimpl
    async def task_executor_after_execute(self, event: ExecutorAfter) -> None:
        """Be told of each body that has returned."""
        self.runs[event.task_func.name] += 1


app = QueueTasks("plugins", broker_url="memory://")
count = Count()
app.add_plugin(Loud())
app.add_plugin(count)


@app.task(loud=True)
async def shout(text: str) -> str:
    """Return what it gets."""
    return text


async def main() -> None:
    """Run one task."""
    working = asyncio.create_task(app.run())
    print((await shout.add_task("hello", timeout=10)).returning)
    await app.stop()
    await working
    print(dict(count.runs))


if __name__ == "__main__":
    asyncio.run(main())
