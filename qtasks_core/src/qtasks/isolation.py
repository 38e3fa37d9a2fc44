"""What a task needs so that it can run in a process of its own: a name to import it by, a limit."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec

from qtasks.errors import TaskError, UsageError

if sys.platform != "win32":
    import resource

SCRIPT_NAME: Final = "__mp_main__"
"""What the started script is called in another process, as `multiprocessing` does: its guard
`if __name__ == "__main__":` keeps it from starting again."""


class MainModule(msgspec.Struct, frozen=True):
    """How another process imports what this one was started with."""

    name: str | None = None
    """Of a module that was started by `python -m`."""
    file: str | None = None
    """Of a script."""

    @classmethod
    def here(cls) -> MainModule | None:
        """Describe the main module of this process; None where there is nothing to import."""
        main = sys.modules.get("__main__")
        spec = getattr(main, "__spec__", None)
        if spec is not None:
            return None if spec.name == "__main__" else cls(name=spec.name)  # that one lies in an archive
        file = getattr(main, "__file__", None)
        return cls(file=str(Path(file).absolute())) if file and Path(file).is_file() else None


def module_holding(app: object) -> str | None:
    """Return the name of the module that has the app, or a face of it, as an attribute; None if none has.

    It looks into every module that is imported: some milliseconds. The main module comes last, as others
    can be imported without doing something.
    """
    for name, module in sorted(sys.modules.items(), key=lambda item: item[0] == "__main__"):
        values = vars(module).values() if type(module) is ModuleType else ()
        if any(value is app or _engine(value) is app for value in list(values)):
            return None if name == "__main__" and MainModule.here() is None else name
    return None


def check_importable(function: Callable[..., Any]) -> None:
    """Check that another process can import the function by its name.

    Raises:
        TaskError: It cannot; the text says what to do.
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not module or not name or "<" in name or _is_bound_to_object(function):
        raise TaskError(
            f"executor='process' imports the function in another process, and {function!r} cannot be"
            " imported: write it with `def` at the top of a module, not inside a function, and no lambda,"
            " method or partial; a decorator keeps the name by functools.wraps"
        )
    if module == "__main__" and MainModule.here() is None:
        raise TaskError(
            f"executor='process' imports the function in another process, and {function!r} is in no file"
            " that can be imported: write it into a module"
        )


def check_memory_limit_supported() -> None:
    """Check that this system can limit the memory of a process.

    Raises:
        UsageError: It cannot.
    """
    if _limited_resource() is None:
        raise UsageError(
            f"max_memory cannot be kept on {sys.platform}: the system does not limit the memory of a process;"
            " leave it out, or run the worker on Linux"
        )


@contextmanager
def limited_memory(size: int | None) -> Iterator[None]:
    """Limit the data of this process to so many bytes; what is too much is a MemoryError.

    On Linux that is its private memory (getrlimit(2), RLIMIT_DATA), elsewhere its address space.
    """
    kind = _limited_resource()
    if size is None or kind is None or sys.platform == "win32":
        yield
        return
    soft, hard = resource.getrlimit(kind)
    most = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def _limited_resource() -> int | None:
    """Return what is limited here; macOS has the calls and does not keep the limits."""
    if sys.platform == "linux":
        return resource.RLIMIT_DATA
    if sys.platform in {"win32", "darwin"}:
        return None
    return getattr(resource, "RLIMIT_AS", None)


def _engine(value: object) -> object:
    """Return what the faces of an app have as `engine`, without asking anything that may answer oddly."""
    return (
        getattr(value, "__dict__", {}).get("engine") if type(value).__module__.startswith("qtasks.") else None
    )


def _is_bound_to_object(function: object) -> bool:
    return inspect.ismethod(function) and not isinstance(function.__self__, type)
