"""Small helpers under the names that users know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qtasks import _migration
from qtasks.shared import get_app

if TYPE_CHECKING:
    from qtasks.sync import shared_task

__all__ = ["get_app", "shared_task"]

__path__: Final[list[str]] = []
"""So that imports of modules which version 1 had in here are heard by `qtasks._migration`."""

if not TYPE_CHECKING:  # type checkers must not see it: they would believe every misspelt name

    def __getattr__(name: str) -> Any:
        if name == "shared_task":  # an asynchronous program never loads the blocking face
            from qtasks.sync import shared_task

            return globals().setdefault(name, shared_task)
        _migration.refuse(__name__, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
