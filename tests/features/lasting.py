"""Bodies that last until somebody ends them; child processes import them from here."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path


async def on_the_loop(begun: str) -> None:
    """Last on the loop, having made a file."""
    Path(begun).touch()
    await asyncio.sleep(60)


def line_by_line(begun: str) -> None:
    """Last in a thread or a process, having made a file."""
    Path(begun).touch()
    while True:
        time.sleep(0.005)
