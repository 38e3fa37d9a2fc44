"""pluggy at work: registers and checks plugins, and says who implements a trigger in which order.

pluggy never calls a hook here: it knows no async. `kinds` calls, from what this hands out.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import pluggy

from qtasks.errors import PluginError, PluginNotFound
from qtasks.plugins._markers import PROJECT
from qtasks.plugins.kinds import Implementation
from qtasks.plugins.spec import Plugin
from qtasks.plugins.triggers import catalogue, nearest


class Machine:
    """The plugins of one app, as pluggy sees them."""

    def __init__(self) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(Plugin)

    def register(self, plugin: object, name: str) -> None:
        """Register every function of `plugin` that `@hookimpl` marks.

        Raises:
            PluginError: A hook does not fit its trigger.
        """
        try:
            self._pluggy.register(plugin, name=name)
        except pluggy.PluginValidationError as exc:
            self._pluggy.unregister(name=name)
            raise PluginError(f"plugin {name!r} does not fit its triggers: {exc}", name) from exc

    def unregister(self, name: str) -> None:
        """Forget the plugin."""
        self._pluggy.unregister(name=name)

    def block(self, name: str) -> None:
        """Forget the plugin, and refuse it from now on."""
        self._pluggy.set_blocked(name)

    def is_blocked(self, name: str) -> bool:
        """Whether plugins of this name are refused."""
        return self._pluggy.is_blocked(name)

    def hooks(self, name: str) -> tuple[str, ...]:
        """Return what the plugin implements, in the order of the catalogue; unknown names come last."""
        callers = self._pluggy.get_hookcallers(self._pluggy.get_plugin(name)) or ()
        names = {caller.name for caller in callers}
        return (*(t for t in catalogue() if t in names), *sorted(names - catalogue().keys()))

    def marked(self, plugin: object) -> tuple[str, ...]:
        """Return the attributes that `@hookimpl` marks, of a plugin that need not be registered."""
        return tuple(a for a in dir(plugin) if self._pluggy.parse_hookimpl_opts(plugin, a) is not None)

    def refuse_unknown(self) -> None:
        """Look for implementations of what is no trigger.

        Raises:
            PluginNotFound: There is one; the text gives the nearest trigger.
        """
        for caller in vars(self._pluggy.hook).values():
            if isinstance(caller, pluggy.HookCaller) and not caller.has_spec():
                for found in caller.get_hookimpls():
                    if not found.optionalhook:
                        what = f"plugin {found.plugin_name!r} implements {caller.name!r}, which is no trigger"
                        raise PluginNotFound(what + nearest(caller.name), found.plugin_name, caller.name)

    def implementations(self, trigger: str, *, trace: bool) -> tuple[Implementation, ...]:
        """Return who implements the trigger, the first one to call first.

        Raises:
            PluginError: An implementation cannot be awaited: it is a wrapper or a generator.
        """
        caller: pluggy.HookCaller = getattr(self._pluggy.hook, trigger)
        # pluggy keeps them in the order of registration and calls the last one first.
        in_order = reversed(caller.get_hookimpls())
        return tuple(_implementation(trigger, found, trace=trace) for found in in_order)


def _implementation(trigger: str, found: pluggy.HookImpl, *, trace: bool) -> Implementation:
    plugin, function = found.plugin_name, found.function
    if found.wrapper or found.hookwrapper:
        text = f"plugin {plugin!r} wraps {trigger}; triggers are awaited and have no wrappers"
        raise PluginError(text, plugin, trigger)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        text = f"plugin {plugin!r} has a generator as {trigger}; write a plain or async function"
        raise PluginError(text, plugin, trigger)
    call = _taking_event(function)
    if trace:
        call = _traced(trigger, plugin, call)
    return Implementation(plugin, call, inspect.iscoroutinefunction(function))


def _taking_event(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return the function as one that is called with the event, which its signature may leave out."""
    names = tuple(inspect.signature(function).parameters.values())
    if names and names[0].name == "event" and names[0].kind is not inspect.Parameter.KEYWORD_ONLY:
        return function
    if any(parameter.name == "event" for parameter in names):
        return lambda event: function(event=event)
    return lambda _event: function()


def _traced(trigger: str, plugin: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(event: Any) -> Any:
        sys.stderr.write(f"qtasks: {trigger} -> {plugin}\n")
        return function(event)

    return call
