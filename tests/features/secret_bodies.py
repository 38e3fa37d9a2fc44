"""Tasks with secrets for the tests of processes, which import them, with their app, from here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from qtasks import Secret
from qtasks.asyncio import QueueTasks
from qtasks.errors import TaskCancelError

app = QueueTasks("tests", broker_url="memory://", plugins=False)


@app.task(executor="process", echo=True)
def give_up(self: Any, password: Annotated[str, Secret]) -> None:
    """Say the secret in a note, and as the reason to give up."""
    self.ctx.progress(0.5, f"trying {password}")
    self.ctx.cancel(f"{password} is wrong")


@app.task(executor="process")
def fail_at_length(password: Annotated[str, Secret]) -> None:
    """Raise so much text that the secret is where it is cut."""
    raise ValueError("x" * 9_995 + password)


@app.task(executor="process")
def give_up_oddly(reason: Any) -> None:
    """Cancel itself with something that is no text."""
    raise TaskCancelError(reason)


@app.task(executor="process")
def pages() -> Annotated[Iterator[str], Secret]:
    """Yield secrets."""
    yield "S3cr3t-p4ss"
