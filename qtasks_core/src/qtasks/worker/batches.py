"""Questions of many callers, asked in batches: what comes while one is under way forms the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")


class Batches(Generic[T, A]):
    """Collects questions without waiting for more of them.

    Args:
        send: Asks a batch, and returns the answers in the order of the questions.
    """

    def __init__(self, send: Callable[[Sequence[T]], Awaitable[Sequence[A]]]) -> None:
        self._send = send
        self._waiting: list[tuple[T, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: T) -> A:
        """Return the answer; whatever `send` raises is raised here."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await answer

    def close(self) -> None:
        """Ask no more; who waits is cancelled."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        batch: list[tuple[T, asyncio.Future[A]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._ask(batch)
        finally:
            self._task = None
            for _, answer in (*batch, *self._waiting):
                answer.cancel()  # does nothing where it is answered

    async def _ask(self, batch: Sequence[tuple[T, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._send([question for question, _ in batch])
        except Exception as exc:  # noqa: BLE001 - whatever it is belongs to those who ask
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(exc)
            return
        for (_, future), value in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(value)
