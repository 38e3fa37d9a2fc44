"""The doors `qtasks.brokers`, `qtasks.storages` and `qtasks.configs`: classes of installed packages.

A class is looked up when somebody imports it, by its name in a group of entry points.
"""

from __future__ import annotations

import re
from typing import Any, Final

from qtasks import _migration, discovery

_EXTRAS: Final = {"SQLite": "sqlite", "Redis": "redis", "RabbitMQ": "rabbitmq"}
_KINDS: Final = {
    discovery.BROKERS: "Broker",
    discovery.STORAGES: "Storage",
    discovery.CONFIGS: "GlobalConfig",
}


def load(group: str, name: str, module: dict[str, Any]) -> Any:
    """Return the class, and keep it in the module so that the next import is a plain one.

    Raises:
        ImportError: A class of a first-party package that is not installed, or of version 1. Only an
            ImportError keeps its text through `from … import …`.
        AttributeError: Nobody knows the name.
    """
    if not name.startswith("_") and name in discovery.find(group):
        return module.setdefault(name, discovery.load(group, name))
    extra = _missing_package(group, name)
    if extra is not None:
        command = discovery.install_command(extra)
        raise ImportError(f"{name} is in a package that is not installed: {command}", name=group)
    _migration.refuse(group, name)
    raise AttributeError(f"module {group!r} has no attribute {name!r}", name=name)


def names(group: str, *own: str) -> list[str]:
    """Return what `dir()` of the door shows: its own names and those of installed packages."""
    return sorted({*own, *discovery.find(group)})


def _missing_package(group: str, name: str) -> str | None:
    """Return the extra that brings the class of a first-party package, unless that is installed."""
    kind = _KINDS[group]
    match = re.fullmatch(rf"(?:Async|Sync)({'|'.join(_EXTRAS)}){kind}", name)
    if match is None or f"Async{match[1]}{kind}" in discovery.find(group):
        return None
    return _EXTRAS[match[1]]
