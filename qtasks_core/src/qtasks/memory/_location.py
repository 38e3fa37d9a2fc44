"""What a `memory://` URL stands for."""

from __future__ import annotations

from threading import Lock

from qtasks.clock import Clock
from qtasks.errors import ConfigError
from qtasks.memory._hub import Hub
from qtasks.memory._notes import Notes

PREFIX = "memory://"


class Location:
    """A place in this process where apps keep their tasks, each app its own."""

    def __init__(self, name: str = "") -> None:
        self.url = PREFIX + name
        self.is_private = not name
        self._lock = Lock()
        self._hubs: dict[tuple[str, bool], Hub] = {}
        self._notes: dict[str, Notes] = {}

    def hub(self, app: str, clock: Clock, *, keeps: bool) -> Hub:
        """Return the tasks of this app: those with records, or those whose records are elsewhere."""
        with self._lock:
            hub = self._hubs.get((app, keeps))
            if hub is None:
                hub = self._hubs[app, keeps] = Hub(clock, keeps=keeps)
        hub.follow(clock)
        return hub

    def notes(self, app: str) -> Notes:
        """Return the small facts of this app."""
        with self._lock:
            return self._notes.setdefault(app, Notes())


_named: dict[str, Location] = {}
_naming = Lock()


def locate(url: str | Location | None) -> Location:
    """Return the place of this URL: `memory://` is a new one, `memory://name` is one in the process.

    Raises:
        ConfigError: It is the URL of another backend.
    """
    if isinstance(url, Location):
        return url
    if url is None or url == PREFIX:
        return Location()
    if not url.startswith(PREFIX):
        raise ConfigError(f"the in-memory backend needs memory:// or memory://name, not {url!r}")
    name = url.removeprefix(PREFIX)
    if "?" in name:
        raise ConfigError(f"a memory:// URL has no options: write memory:// or memory://name, not {url!r}")
    with _naming:
        return _named.setdefault(name, Location(name))
