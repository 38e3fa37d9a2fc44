"""A blocking program that sends, and a worker process of its own: one file is both.

Prints:
    [1, 4, 9]
    error: ValueError: no root of a negative number
"""

import math
import signal
import subprocess
import sys

from qtasks import QueueTasks

app = QueueTasks("blocking", broker_url="sqlite:///blocking.db")


@app.task
def square(number: int) -> int:
    """Run in a thread of the worker."""
    return number * number


@app.task
async def root(number: float) -> float:
    """Run on the loop of the worker."""
    if number < 0:
        raise ValueError("no root of a negative number")
    return math.sqrt(number)


def main() -> None:
    """Send tasks and wait for them, without `await`."""
    with subprocess.Popen([sys.executable, __file__, "work"]) as worker, app:
        tasks = app.add_tasks(square.bind(number) for number in (1, 2, 3))
        print([task.result(timeout=20) for task in tasks])
        failed = root.add_task(-1.0, timeout=20)
        print(f"{failed.status}: {failed.error}")
        worker.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    if "work" in sys.argv:
        app.run_forever()
    else:
        main()
