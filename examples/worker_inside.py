"""A worker inside your own program: no second process, the same promises.

Prints:
    3 files, the longest has 3 lines
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from qtasks.asyncio import QueueTasks

app = QueueTasks("inside", broker_url="memory://")


@app.task
def lines_of(path: Path) -> int:
    """Count lines, in a thread, because reading blocks."""
    return len(path.read_text().splitlines())


async def count(paths: Iterable[Path]) -> list[int]:
    """Send one task a file and wait for all of them."""
    tasks = await app.add_tasks(lines_of.bind(path) for path in paths)
    return [await task.result(timeout=10) for task in tasks]


async def main() -> None:
    """Work in the background for as long as there is something to count."""
    working = asyncio.create_task(app.run())
    with TemporaryDirectory() as name:
        paths = [Path(name, f"{number}.txt") for number in (1, 2, 3)]
        for number, path in enumerate(paths, start=1):
            path.write_text("line\n" * number)
        counts = await count(paths)
    print(f"{len(counts)} files, the longest has {max(counts)} lines")
    await app.stop()
    await working


if __name__ == "__main__":
    asyncio.run(main())
