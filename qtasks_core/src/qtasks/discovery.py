"""What is installed: the entry points of QTasks, and the backend behind a URL.

Nothing is looked up before somebody asks, so `import qtasks` loads no backend. What is broken or
offered twice is an error only for who asks for that very name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from qtasks.backends import Backend
from qtasks.errors import BackendConflict, BackendError, BackendNotFound, PluginError, PluginNotFound
from qtasks.urls import scheme_of, shown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "BROKERS",
    "COMMANDS",
    "CONFIGS",
    "DEFAULT_URL",
    "GROUPS",
    "PLUGINS",
    "SCHEMES",
    "SERIALIZERS",
    "STORAGES",
    "Offer",
    "backend_for",
    "default_url",
    "find",
    "install_command",
    "load",
    "shown",
]

SCHEMES: Final = "qtasks.schemes"
BROKERS: Final = "qtasks.brokers"
STORAGES: Final = "qtasks.storages"
CONFIGS: Final = "qtasks.configs"
PLUGINS: Final = "qtasks.plugins"
SERIALIZERS: Final = "qtasks.serializers"
COMMANDS: Final = "qtasks.commands"
GROUPS: Final = (SCHEMES, BROKERS, STORAGES, CONFIGS, PLUGINS, SERIALIZERS, COMMANDS)
"""Every group of entry points that QTasks reads."""

DEFAULT_URL: Final = "sqlite:///qtasks.db"

_EXTRAS: Final[Mapping[str, str]] = {
    "sqlite": "sqlite",
    **dict.fromkeys(("redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "valkey"), "redis"),
    **dict.fromkeys(("amqp", "amqps"), "rabbitmq"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What installed distributions offer under one name of one group."""

    group: str
    name: str
    points: tuple[EntryPoint, ...]
    """More than one: distributions are in conflict about the name."""

    @property
    def distributions(self) -> tuple[str, ...]:
        """Names of the distributions, sorted."""
        return tuple(sorted({_owner(point) for point in self.points}))

    def load(self) -> Any:
        """Import and return the object.

        Raises:
            BackendConflict: Two distributions offer the name.
            BackendError: Its import failed; a `PluginError` in the group of plugins.
        """
        owner = " and ".join(self.distributions)
        if len(self.distributions) > 1:
            raise BackendConflict(f"{owner} both offer {self.name!r} in {self.group}; uninstall one of them")
        try:
            return self.points[0].load()
        except Exception as exc:
            kind = PluginError if self.group == PLUGINS else BackendError
            raise kind(
                f"{self.name!r} of the installed distribution {owner} cannot be loaded "
                f"from {self.points[0].value}: {type(exc).__name__}: {exc}"
            ) from exc


@cache
def find(group: str) -> Mapping[str, Offer]:
    """Return what is installed in the group, by name; `find.cache_clear()` makes it look again."""
    from importlib.metadata import entry_points  # the slowest import of all; only who asks pays

    points: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        points.setdefault(point.name, []).append(point)
    return MappingProxyType({n: Offer(group, n, tuple(same)) for n, same in sorted(points.items())})


def load(group: str, name: str) -> Any:
    """Import and return what an installed distribution offers under `name`.

    Raises:
        BackendNotFound: Nobody offers it; a `PluginNotFound` in the group of plugins.
        BackendConflict: Two distributions offer it.
        BackendError: Its import failed; a `PluginError` in the group of plugins.
    """
    offer = find(group).get(name)
    if offer is None:
        kind = PluginNotFound if group == PLUGINS else BackendNotFound
        raise kind(f"no installed package offers {name!r} in {group}{_nearest(name, group)}")
    return offer.load()


def backend_for(url: str) -> Backend:
    """Return the backend that serves the scheme of the URL.

    Raises:
        ConfigError: The URL is malformed.
        BackendNotFound: No installed package serves the scheme; the text says what to install.
        BackendConflict: Two installed packages serve it.
        BackendError: The package that serves it is broken; the text names it.
    """
    scheme = scheme_of(url)
    offer = find(SCHEMES).get(scheme)
    if offer is None:
        raise BackendNotFound(_unknown_scheme(scheme))
    backend = offer.load()
    if not isinstance(backend, Backend):
        owner = offer.distributions[0]
        raise BackendError(f"{owner} offers for {scheme}:// a {type(backend).__name__}, which is no Backend")
    return backend


def default_url() -> str:
    """Return `QTASKS_URL` from the environment, else a SQLite file in the working directory."""
    return os.environ.get("QTASKS_URL") or DEFAULT_URL


def install_command(extra: str) -> str:
    """Return the command that installs an extra of QTasks."""
    return f'pip install "qtasks[{extra}]"'


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "a distribution without a name"


def _unknown_scheme(scheme: str) -> str:
    found = ", ".join(find(SCHEMES)) or "none"
    text = f"no installed package serves {scheme}:// URLs (found: {found})"
    extra = _EXTRAS.get(scheme)
    return f"{text}; {install_command(extra)}" if extra else text + _nearest(scheme, SCHEMES)


def _nearest(name: str, group: str) -> str:
    from difflib import get_close_matches  # only needed for the error

    near = get_close_matches(name, find(group), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
