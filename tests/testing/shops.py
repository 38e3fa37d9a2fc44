"""Two apps of users, one of each face, both made for a file."""

from __future__ import annotations

ASYNC = """
from qtasks.asyncio import QueueTasks

app = QueueTasks("shop", broker_url="sqlite:///shop.db")
sent = []
tries = []


@app.task
async def mail(to: str, text: str = "hello") -> str:
    sent.append(to)
    return f"to {to}"


@app.task(queue="slow", retry=3, backoff=60)
def charge(order: int) -> int:
    tries.append(order)
    if len(tries) < 3:
        raise ConnectionError("the bank sleeps")
    return order


@app.task
async def broken(order: int) -> None:
    raise LookupError(f"no order {order}")  # the line of the body


@app.task(expires=10)
async def fresh() -> str:
    return "in time"
"""

SYNC = ASYNC.replace("from qtasks.asyncio import", "from qtasks import")
