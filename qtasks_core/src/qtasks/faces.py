"""Blocking faces of components, so that a blocking app can be put together from parts.

A face only carries the asynchronous component, at `engine`; whatever takes a component accepts both.
The calls of a producer and of a worker are those of the app.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

E = TypeVar("E")


class Face(Generic[E]):
    """A component for a blocking app.

    Args:
        engine: The asynchronous component that does the work.
    """

    def __init__(self, engine: E) -> None:
        self.engine = engine

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        name: str | None = getattr(self.engine, "name", None)
        return name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.engine!r}>"


def engine_of(part: Any) -> Any:
    """Return the asynchronous component of a face; anything else as it is."""
    return part.engine if isinstance(part, Face) else part


def app_of(app: Any) -> Any:
    """Return the asynchronous app of either face."""
    return getattr(app, "engine", app)
