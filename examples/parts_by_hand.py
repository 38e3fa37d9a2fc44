"""Each part of an app made by hand, as `QueueTasks("shop")` makes them by itself.

Prints:
    User 1 is known
"""

import asyncio

from qtasks.asyncio import QueueTasks
from qtasks.brokers import AsyncSQLiteBroker
from qtasks.configs import AsyncSQLiteGlobalConfig
from qtasks.starters import AsyncStarter
from qtasks.storages import AsyncSQLiteStorage
from qtasks.workers import AsyncWorker

URL = "sqlite:///parts.db"

global_config = AsyncSQLiteGlobalConfig(url=URL)
storage = AsyncSQLiteStorage(url=URL, global_config=global_config)
broker = AsyncSQLiteBroker(url=URL, storage=storage)
worker = AsyncWorker(broker=broker)
app = QueueTasks("shop", broker=broker, worker=worker)
app.config.max_tasks_process = 2


@app.task(name="greet")
async def greet(number: int) -> str:
    """Be a task."""
    return f"User {number} is known"


async def ask() -> None:
    """Send a task, wait for it, and let the worker end."""
    done = await greet.add_task(1, timeout=10)
    print(done.returning)
    await app.stop()


async def main() -> None:
    """Work and ask in one loop; a worker alone is `app.run_forever(starter=starter)`."""
    starter = AsyncStarter(worker=worker, broker=broker)
    await asyncio.gather(app.run(starter), ask())


if __name__ == "__main__":
    asyncio.run(main())
