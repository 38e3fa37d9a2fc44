"""The three kinds of triggers, as callables that are compiled once and awaited often.

`Notify` tells all, `Fold` lets each replace the event for the next, `First` asks until one answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from logging import Logger
from typing import Any, Generic, TypeVar

import msgspec

from qtasks.errors import PluginError
from qtasks.plugins._awaiting import bounded
from qtasks.plugins.events import HookEvent

E = TypeVar("E", bound=HookEvent)
R = TypeVar("R")


class Implementation(msgspec.Struct, frozen=True):
    """What one plugin does at one trigger."""

    plugin: str
    function: Callable[[Any], Any]
    is_async: bool
    """It is known beforehand that the function returns an awaitable."""


class Kind(Generic[E]):
    """What the kinds share: whom to call, in which order, and for how long."""

    __slots__ = ("_answer", "_hook", "_implementations", "_log", "_timeout")

    def __init__(
        self,
        hook: str,
        implementations: tuple[Implementation, ...],
        *,
        timeout: float,
        log: Logger,
        answer: type[Any] | None,
    ) -> None:
        self._hook = hook
        self._implementations = implementations
        self._timeout = timeout
        self._log = log
        self._answer = answer

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of the plugins, in the order in which they are called."""
        return tuple(implementation.plugin for implementation in self._implementations)

    async def _ask(self, implementation: Implementation, event: E) -> Any:
        """Return the answer of one plugin, of the right type or None.

        Raises:
            PluginError: It failed, took too long or answered something else.
        """
        try:
            answer = implementation.function(event)
            if implementation.is_async or (answer is not None and isawaitable(answer)):
                answer = await bounded(answer, self._timeout)
        except BaseException as exc:
            if not is_failure(exc) or self._is_said(implementation, exc):
                raise
            text = f"plugin {implementation.plugin!r} failed in {self._hook}: {type(exc).__name__}: {exc}"
            raise PluginError(text, implementation.plugin, self._hook) from exc
        if answer is not None and not isinstance(answer, self._answer or object):
            raise self._wrong(implementation, answer)
        return answer

    def _is_said(self, implementation: Implementation, exc: BaseException) -> bool:
        """Whether the error names plugin and hook already: an answer that the adapter has refused."""
        return isinstance(exc, PluginError) and (exc.plugin, exc.hook) == (implementation.plugin, self._hook)

    def _wrong(self, implementation: Implementation, answer: Any) -> PluginError:
        plugin, hook = implementation.plugin, self._hook
        wanted = self._answer.__name__ if self._answer else "None"
        got = type(answer).__name__
        text = f"plugin {plugin!r} answered {hook} with {got}, not {wanted} or None"
        return PluginError(text, plugin, hook)


class Notify(Kind[E]):
    """Tells every plugin. What they answer is ignored; what they raise is logged."""

    __slots__ = ()

    async def __call__(self, event: E) -> None:
        """Tell all plugins, one after the other. No failure of theirs comes out."""
        for implementation in self._implementations:
            try:
                answer = implementation.function(event)
                if implementation.is_async or (answer is not None and isawaitable(answer)):
                    await bounded(answer, self._timeout)
            except BaseException as exc:
                if not is_failure(exc):
                    raise
                plugin = implementation.plugin
                self._log.error("plugin %r failed in %s; the others go on", plugin, self._hook, exc_info=exc)


class Fold(Kind[E]):
    """Lets each plugin replace the event for the next one."""

    __slots__ = ()

    async def __call__(self, event: E) -> E:
        """Return the event as the plugins have left it.

        Raises:
            PluginError: A plugin failed, took too long or answered something else than an event.
        """
        for implementation in self._implementations:
            answer = await self._ask(implementation, event)
            if answer is not None:
                event = answer
        return event


class First(Kind[E], Generic[E, R]):
    """Asks one plugin after the other until one answers."""

    __slots__ = ()

    async def __call__(self, event: E) -> R | None:
        """Return the first answer that is not None; None where nobody answers.

        Raises:
            PluginError: A plugin failed, took too long or answered something of a wrong type.
        """
        for implementation in self._implementations:
            answer: R | None = await self._ask(implementation, event)
            if answer is not None:
                return answer
        return None


def is_failure(exc: BaseException) -> bool:
    """Whether it is a failure of the hook, and not the end of the task around it."""
    if isinstance(exc, asyncio.CancelledError):
        # Raised by the hook itself, unless somebody has asked for the end of the task around it.
        task = asyncio.current_task()
        return task is not None and task.cancelling() == 0
    return isinstance(exc, (Exception, SystemExit))
