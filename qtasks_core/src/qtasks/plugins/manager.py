"""Finds the plugins of an app, keeps them in order, and compiles them into `Triggers`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, count
from logging import Logger
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from qtasks import discovery
from qtasks.errors import ConfigError, PluginError, QTasksError, UsageError
from qtasks.plugins._awaiting import bounded, settled
from qtasks.plugins._keywords import covered
from qtasks.plugins.base import BasePlugin
from qtasks.plugins.kinds import is_failure
from qtasks.plugins.triggers import NO_TRIGGERS, Triggers, TriggerType, catalogue
from qtasks.printable import short_repr

if TYPE_CHECKING:
    from qtasks.plugins._machine import Machine

__all__ = ["NO_TRIGGERS", "PluginInfo", "PluginManager", "Triggers"]


class PluginInfo(msgspec.Struct, frozen=True):
    """One plugin of an app, for people."""

    name: str
    distribution: str | None
    """The installed distribution that it comes from; None where the program has added it."""
    hooks: tuple[str, ...]


class _Entry(msgspec.Struct):
    plugin: Any
    distribution: str | None
    triggers: frozenset[str] = frozenset()
    """What a `BasePlugin` covers."""


class PluginManager:
    """The plugins of one app. They are added before `compile`; after it there are no more."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._entries: dict[str, _Entry] = {}
        self._started: list[str] = []
        self._timeout: float | None = None
        self._loaded = False
        self._compiled = False

    def add(
        self, plugin: object, trigger_names: Sequence[str] | None = None, component: str | None = None
    ) -> None:
        """Add a plugin: an object, class or module with `@hookimpl` functions, or a `BasePlugin`.

        The one added last is asked first. A `BasePlugin` may be added for several components.

        Args:
            plugin: The plugin; a class is called without arguments.
            trigger_names: What a `BasePlugin` covers; None is all of the component.
            component: None is the app; else `worker`, `broker`, `storage`, `global_config`, `starter`.

        Raises:
            PluginNotFound: No such component or trigger, or the trigger is of another component.
            PluginError: A hook does not fit its trigger.
            UsageError: The app has started, or the plugin is added a second time.
        """
        self._refuse_late()
        plugin = plugin() if isinstance(plugin, type) else plugin
        if isinstance(plugin, BasePlugin):
            self._add_base(plugin, self._free_name(plugin), covered(trigger_names, component))
        elif trigger_names is not None or component is not None:
            raise UsageError("trigger_names= and component= are for a BasePlugin; others mark with @hookimpl")
        else:
            self._add_object(plugin, self._free_name(plugin))

    def load(self, names: bool | Iterable[str] = True) -> None:
        """Add installed plugins. One that cannot be loaded does not keep the others out.

        Once it has succeeded, a second call does nothing.

        Args:
            names: Just these. True: those that `QTASKS_PLUGINS` (`a,b`) names, all where it is not
                set. False: none.

        Raises:
            PluginNotFound: One that was asked for is not installed.
            PluginError: One is broken; the text names its distribution.
        """
        if self._loaded:
            return
        self._refuse_late()
        failures: list[QTasksError] = []
        for name in _selected(names):
            try:
                self._load_one(name)
            except QTasksError as exc:
                failures.append(exc)
        if len(failures) > 1:
            raise PluginError("; ".join(map(str, failures))) from failures[0]
        if failures:
            raise failures[0]
        self._loaded = True

    def block(self, name: str) -> None:
        """Forget the plugin of this name, and refuse it from now on."""
        self._refuse_late()
        self._machine.block(name)
        self._entries.pop(name, None)

    def compile(self, hook_timeout: float) -> Triggers:
        """Return the plan of all triggers; from now on no plugin can be added.

        Args:
            hook_timeout: Seconds that one async hook may take.

        Raises:
            PluginNotFound: A plugin implements what is no trigger.
            PluginError: An implementation cannot be awaited.
        """
        self._timeout = hook_timeout
        triggers = NO_TRIGGERS
        if self._entries:
            self._machine.refuse_unknown()
            rows = catalogue().items()
            triggers = Triggers(
                **{name: self._compiled_trigger(name, row, hook_timeout) for name, row in rows}
            )
        self._compiled = True
        return triggers

    async def start(self, **kwargs: Any) -> None:
        """Start the plugins that have a `start`, in the order in which they were added.

        Raises:
            PluginError: One failed; those that had started are stopped again.
        """
        for name in self._entries:
            if name in self._started:
                continue
            try:
                await self._call(name, "start", kwargs)
            except BaseException:
                await self.stop(**kwargs)
                raise
            self._started.append(name)

    async def stop(self, **kwargs: Any) -> None:
        """Stop the plugins that were started, the last one first. Failures are logged."""
        while self._started:
            name = self._started.pop()
            try:
                await self._call(name, "stop", kwargs)
            except PluginError as exc:
                self._log.error("plugin %r failed to stop", name, exc_info=exc)

    def listing(self) -> list[PluginInfo]:
        """Return the plugins in the order in which they were added."""
        entries = self._entries.items()
        return [PluginInfo(name, entry.distribution, self._machine.hooks(name)) for name, entry in entries]

    @cached_property
    def _machine(self) -> Machine:
        from qtasks.plugins._machine import Machine  # an app without plugins needs no pluggy

        return Machine()

    def _refuse_late(self) -> None:
        if self._compiled:
            raise UsageError("plugins are added before the app starts; move the call up")

    def _add_object(self, plugin: object, name: str, distribution: str | None = None) -> None:
        if any(entry.plugin is plugin for entry in self._entries.values()):
            raise UsageError(f"plugin {name!r} is added a second time")
        if not self._machine.marked(plugin) and not any(hasattr(plugin, m) for m in ("start", "stop")):
            raise UsageError(f"{plugin!r} is no plugin: no function of it is marked with @hookimpl")
        if not self._machine.is_blocked(name):
            self._machine.register(plugin, name)
            self._entries[name] = _Entry(plugin, distribution)

    def _add_base(
        self, plugin: BasePlugin, name: str, triggers: frozenset[str], distribution: str | None = None
    ) -> None:
        from qtasks.plugins._adapter import Adapter  # it needs pluggy

        marked = self._machine.marked(plugin)
        if marked:
            raise UsageError(f"a BasePlugin has handlers, not @hookimpl functions: {', '.join(marked)}")
        if self._machine.is_blocked(name):
            return
        known = self._entries.get(name)
        if known is not None:
            triggers |= known.triggers
            self._machine.unregister(name)
        self._machine.register(Adapter(plugin, name, triggers), name)
        self._entries[name] = _Entry(plugin, distribution, triggers)

    def _free_name(self, plugin: object) -> str:
        """Return the name of the plugin, with a number where another one has it."""
        for name, entry in self._entries.items():
            if entry.plugin is plugin:
                return name
        wanted = _name_of(plugin)
        numbered = (f"{wanted}-{number}" for number in count(2))
        return next(name for name in chain([wanted], numbered) if name not in self._entries)

    def _load_one(self, name: str) -> None:
        if name in self._entries or self._machine.is_blocked(name):
            return
        plugin = discovery.load(discovery.PLUGINS, name)
        distribution = discovery.find(discovery.PLUGINS)[name].distributions[0]
        try:
            plugin = plugin() if isinstance(plugin, type) else plugin
            if isinstance(plugin, BasePlugin):
                self._add_base(plugin, name, frozenset(catalogue()), distribution)
            else:
                self._add_object(plugin, name, distribution)
        except Exception as exc:
            what = f"plugin {name!r} of the installed distribution {distribution} cannot be added"
            raise PluginError(f"{what}: {type(exc).__name__}: {exc}", name) from exc

    def _compiled_trigger(self, name: str, row: TriggerType, timeout: float) -> Any:
        trace = os.environ.get("QTASKS_TRACE_PLUGINS", "") not in {"", "0"}
        implementations = self._machine.implementations(name, trace=trace)
        if not implementations:
            return None
        return row.kind(name, implementations, timeout=timeout, log=self._log, answer=row.answer)

    async def _call(self, name: str, method: str, kwargs: dict[str, Any]) -> None:
        from qtasks.plugins._adapter import accepted

        function = getattr(self._entries[name].plugin, method, None)
        if not callable(function):
            return
        names = accepted(function)
        fitting = {key: value for key, value in kwargs.items() if names is None or key in names}
        try:
            await bounded(settled(function(**fitting)), self._timeout)
        except BaseException as exc:
            if not is_failure(exc):
                raise
            text = f"plugin {name!r} failed to {method}: {type(exc).__name__}: {exc}"
            raise PluginError(text, name, method) from exc


def _name_of(plugin: object) -> str:
    if isinstance(plugin, ModuleType):
        return plugin.__name__
    name = getattr(plugin, "name", None)
    return name if isinstance(name, str) and name else type(plugin).__name__


def _selected(names: bool | Iterable[str]) -> list[str]:
    if not isinstance(names, bool):
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise ConfigError(f"plugins is True, False or a list of names, not {short_repr(names)}")
        return list(names)
    if not names:
        return []
    text = os.environ.get("QTASKS_PLUGINS")
    if text is None:
        return list(discovery.find(discovery.PLUGINS))
    return [name.strip() for name in text.split(",") if name.strip()]
