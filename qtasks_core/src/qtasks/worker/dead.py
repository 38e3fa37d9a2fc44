"""Keeps the number of dead letters within its bound."""

from __future__ import annotations

import asyncio
from typing import Final

from qtasks.errors import BackendError
from qtasks.runtime import Runtime

INTERVAL: Final = 10.0
"""Seconds between two looks."""


async def bound_dead(runtime: Runtime, died: asyncio.Event) -> None:
    """Remove the oldest dead letters beyond `config.max_dead`, and say so, for ever.

    Looks at the start, because the bound may be a new one, and then only after something has died.
    """
    died.set()
    while True:
        await died.wait()
        died.clear()
        try:
            await _trim(runtime)
        except BackendError as exc:
            died.set()
            runtime.log.warning("dead letters beyond max_dead could not be removed: %s", exc)
        await asyncio.sleep(INTERVAL)


async def _trim(runtime: Runtime) -> None:
    keep = runtime.config.max_dead
    if removed := await runtime.dispatch.storage.trim_dead(keep):
        runtime.log.warning(
            "%d dead letters, the oldest, were removed: there were more than max_dead=%d;"
            " run them again or remove them in time (`qtasks dead`), set dead_ttl, or raise max_dead",
            removed,
            keep,
        )
