"""Bodies that yield: every value is told as it comes, and the list of them is the result."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any, TypeAlias

Handler: TypeAlias = Callable[[Any], Any] | None
"""`generate_handler` of the task: gets each value; what it answers is sent to the generator."""
Emit: TypeAlias = Callable[[Any], None]
"""Tells whoever listens of one value."""


def drain(generator: Iterator[Any], handler: Handler, emit: Emit) -> list[Any]:
    """Run a plain generator to its end and return what it has yielded.

    Args:
        generator: The body, not begun yet.
        handler: Called with each value, in this thread.
        emit: Told each value before the handler is called.
    """
    send = generator.send if isinstance(generator, Generator) else None
    values: list[Any] = []
    try:
        value = next(generator)
        while True:
            values.append(value)
            emit(value)
            answer = None if handler is None else handler(value)
            value = next(generator) if send is None else send(answer)
    except StopIteration:
        return values


async def adrain(generator: AsyncIterator[Any], handler: Handler, emit: Emit) -> list[Any]:
    """Run an asynchronous generator to its end and return what it has yielded.

    An answer of the handler that is awaitable is awaited. A run that is cut short closes the generator,
    so that its `finally` blocks run now and not at some later collection.
    """
    send = generator.asend if isinstance(generator, AsyncGenerator) else None
    values: list[Any] = []
    try:
        value = await anext(generator)
        while True:
            values.append(value)
            emit(value)
            answer = None if handler is None else handler(value)
            if inspect.isawaitable(answer):
                answer = await answer
            value = await (anext(generator) if send is None else send(answer))
    except StopAsyncIteration:
        return values
    finally:
        if isinstance(generator, AsyncGenerator):
            await generator.aclose()
