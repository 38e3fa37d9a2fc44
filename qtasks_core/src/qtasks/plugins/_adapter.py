"""Puts a `BasePlugin` on the machine: keywords out of events, and events out of its answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from qtasks.errors import PluginError
from qtasks.plugins._awaiting import settled
from qtasks.plugins._keywords import ANSWERS, keywords_of
from qtasks.plugins._markers import hookimpl
from qtasks.plugins.base import BasePlugin
from qtasks.plugins.events import HookEvent
from qtasks.plugins.kinds import First
from qtasks.plugins.triggers import catalogue


class Adapter:
    """What is registered in place of a `BasePlugin`: one hook per trigger that it covers."""

    def __init__(self, plugin: BasePlugin, name: str, triggers: Iterable[str]) -> None:
        for trigger in triggers:
            setattr(self, trigger, _hook_of(plugin, name, trigger))


def accepted(function: Callable[..., Any]) -> frozenset[str] | None:
    """Return the keywords that the signature names; None where it takes any."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return frozenset(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))


def _hook_of(plugin: BasePlugin, name: str, trigger: str) -> Callable[[HookEvent], Any]:
    """Return the hook that asks `plugin` and makes an answer of the trigger's type of what it says."""
    keywords = _Keywords(plugin, trigger)
    reader = _Reader(name, trigger)

    def hook(event: HookEvent) -> Any:
        answer = plugin.trigger(trigger, **keywords.of(event))
        if isawaitable(answer):
            return later(answer, event)
        return reader.read(answer, event)

    async def later(answer: Any, event: HookEvent) -> Any:
        return reader.read(await settled(answer), event)

    return hookimpl(hook)


class _Keywords:
    """The keywords of one trigger for one plugin."""

    def __init__(self, plugin: BasePlugin, trigger: str) -> None:
        self._plugin = plugin
        self._trigger = trigger
        self._handler: Callable[..., Any] | None = None
        self._wanted = keywords_of(trigger)

    def of(self, event: HookEvent) -> dict[str, Any]:
        """Return the keywords for the handler, or all of them where `trigger` has none to ask."""
        # An override of `trigger` hands its keywords on as they are, so what the handler does not
        # take is left out here, before.
        handler = self._plugin.handlers.get(self._trigger)
        if handler is not self._handler:
            self._handler, self._wanted = handler, self._fitting(handler)
        return {keyword: getattr(event, field) for keyword, field in self._wanted.items()}

    def _fitting(self, handler: Callable[..., Any] | None) -> dict[str, str]:
        every = keywords_of(self._trigger)
        names = None if handler is None else accepted(handler)
        return every if names is None else {k: field for k, field in every.items() if k in names}


class _Reader:
    """Understands the answers of one plugin to one trigger."""

    def __init__(self, plugin: str, trigger: str) -> None:
        row = catalogue()[trigger]
        self._plugin = plugin
        self._trigger = trigger
        self._type = row.answer
        self._replaces = row.kind is not First
        self._keys = ANSWERS.get(trigger, ())
        self._fields = keywords_of(trigger) if self._replaces else {key: key for key in self._keys}

    def read(self, answer: Any, event: HookEvent) -> Any:
        """Return what the trigger wants to hear.

        Raises:
            PluginError: The answer is neither None nor a dict of the keys that count.
        """
        if answer is None or self._type is None or isinstance(answer, self._type):
            return answer
        if not isinstance(answer, Mapping):
            raise self._error(f"must answer None or a dict, not {type(answer).__name__}")
        fields = {self._field(key): self._value(key, value, event) for key, value in answer.items()}
        if self._replaces:
            return event.replace(**fields)
        try:
            return self._type(**fields)
        except TypeError as exc:
            raise self._error(f"must answer with more keys than {sorted(answer)}: {exc}") from exc

    def _field(self, key: Any) -> str:
        if key not in self._keys:
            raise self._error(f"answered the unknown key {key!r}; the keys are {', '.join(self._keys)}")
        return self._fields[key]

    def _value(self, key: str, value: Any, event: Any) -> Any:
        if key == "args":
            if not isinstance(value, (list, tuple)):
                raise self._error(f"must answer a list or tuple under 'args', not {type(value).__name__}")
            return type(event.args)(value)
        if key in {"kw", "extra"}:
            if not isinstance(value, Mapping):
                raise self._error(f"must answer a dict under {key!r}, not {type(value).__name__}")
            return dict(value)
        return value

    def _error(self, text: str) -> PluginError:
        message = f"plugin {self._plugin!r}, trigger {self._trigger}: {text}"
        return PluginError(message, self._plugin, self._trigger)
