"""Waiting for what a hook returned: to the end, within a bound, and only where it has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from inspect import isawaitable
from types import CoroutineType, coroutine
from typing import Any


async def bounded(answer: Awaitable[Any], seconds: float | None) -> Any:
    """Return what `answer` gives.

    It takes its first step at once. A timer, which costs more than most hooks, is set only where
    that step was not the last one.

    Raises:
        TimeoutError: It took longer than `seconds`.
    """
    running = answer if isinstance(answer, CoroutineType) else _as_coroutine(answer)
    try:
        waits_for = running.send(None)
    except StopIteration as done:
        return done.value
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await _rest(running, waits_for)
    except TimeoutError as exc:
        if limit.expired():
            raise TimeoutError(f"no answer within {seconds:g} s (config.hook_timeout)") from exc
        raise


async def settled(answer: Any) -> Any:
    """Return `answer`, awaited until it is no longer awaitable."""
    while isawaitable(answer):
        answer = await answer
    return answer


async def _as_coroutine(answer: Awaitable[Any]) -> Any:
    return await answer


@coroutine
def _rest(running: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """Go on with a coroutine whose first step has been taken outside."""
    try:
        while True:
            try:
                sent = yield waits_for
            except BaseException as exc:  # noqa: BLE001 - it is the coroutine's to handle
                waits_for = running.throw(exc)
            else:
                waits_for = running.send(sent)
    except StopIteration as done:
        return done.value
