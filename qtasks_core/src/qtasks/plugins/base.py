"""`BasePlugin`: a plugin in the form with handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class BasePlugin:
    """A plugin that is told the name of each trigger, and keywords.

    A handler, or an override of `trigger`, answers None to change nothing, or a dict of what it
    replaces, such as `{"priority": 7}`; what the dict does not name stays. `docs/triggers.md` lists
    the keywords of each trigger and the keys that count in an answer.

    Every method and handler may be `async`, in apps of both faces.
    """

    name: str
    handlers: dict[str, Callable[..., Any]]
    """Trigger → what handles it. A handler gets those keywords that its signature names."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__
        self.handlers = {}

    def start(self, *args: Any, **kwargs: Any) -> Any:
        """Do what must be done before the first trigger. Called once per start of the app."""

    def stop(self, *args: Any, **kwargs: Any) -> Any:
        """Let go of what `start` has taken. Called once per stop, the last one started first."""

    def trigger(self, name: str, **kwargs: Any) -> Any:
        """Answer the trigger `name`; here by its handler, where there is one."""
        handler = self.handlers.get(name)
        return None if handler is None else handler(**kwargs)
