"""A router for the tests of `executor="process"`: its app is elsewhere."""

from __future__ import annotations

from typing import Any

from qtasks.router import AsyncRouter

router = AsyncRouter()


@router.task(executor="process", echo=True)
async def name_of_app(self: Any) -> str:
    """Return the name of the app."""
    name: str = self.ctx.get_component("app").name
    return name
