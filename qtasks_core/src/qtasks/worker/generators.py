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

    A run that is cut short closes it, so that its `finally` blocks run now and not at some later collection.

    Args:
        generator: The body, not begun yet.
        handler: Called with each value, in this thread.
        emit: Told each value before the handler is called.
    """
    send = generator.send if isinstance(generator, Generator) else None
    values: list[Any] = []
    answer: Any = None
    try:
        while True:
            try:
                value = next(generator) if send is None else send(answer)
            except StopIteration:  # of the body alone: that of a handler is an error
                return values
            values.append(value)
            emit(value)
            answer = None if handler is None else handler(value)
    finally:
        if isinstance(generator, Generator):
            generator.close()


async def adrain(generator: AsyncIterator[Any] | Iterator[Any], handler: Handler, emit: Emit) -> list[Any]:
    """Run a generator, plain or asynchronous, on the loop to its end and return what it has yielded.

    An answer of the handler that is awaitable is awaited. A run that is cut short closes the generator,
    so that its `finally` blocks run now and not at some later collection.
    """
    values: list[Any] = []
    answer: Any = None
    try:
        while True:
            try:
                value = await _next(generator, answer)
            except StopAsyncIteration:
                return values
            values.append(value)
            emit(value)
            answer = None if handler is None else handler(value)
            if inspect.isawaitable(answer):
                answer = await answer
    finally:
        if isinstance(generator, AsyncGenerator):
            await generator.aclose()
        elif isinstance(generator, Generator):
            generator.close()


async def _next(generator: AsyncIterator[Any] | Iterator[Any], answer: Any) -> Any:
    """Return the next value; StopAsyncIteration where there is none."""
    if isinstance(generator, AsyncGenerator):
        return await generator.asend(answer)
    if isinstance(generator, AsyncIterator):
        return await anext(generator)
    try:
        return generator.send(answer) if isinstance(generator, Generator) else next(generator)
    except StopIteration:
        raise StopAsyncIteration from None
